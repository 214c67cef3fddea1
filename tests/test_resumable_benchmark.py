from __future__ import annotations

import pytest

from benchmarks import resumable
from brainseg.errors import DataError


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (DataError("there is no data; name a folder"), "x: there is no data; name a folder"),
        (KeyboardInterrupt(), "x: stopped; the same command goes on"),
    ],
)
def test_what_stops_a_benchmark_is_one_sentence(fault: BaseException, sentence: str):
    def stopped() -> None:
        raise fault

    with pytest.raises(SystemExit, match=sentence):
        resumable.leave("x", stopped)


def test_any_other_fault_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        resumable.leave("x", lambda: 1 / 0)
