from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brainseg import runs
from brainseg.errors import RunError
from brainseg.training.recipes import recipe
from brainseg.training.reporter import Reporter
from brainseg.types import Split

SPLIT = Split(train=(1, 2), val=(3,), test=(4,), seed=7, unit="patient")


@pytest.fixture
def run() -> Path:
    return runs.create(recipe("quick", model="unet", data="x"), SPLIT)


@pytest.mark.parametrize("left", [False, True], ids=["all gone", "the folder is left"])
@pytest.mark.parametrize(
    "say",
    [
        lambda reporter: reporter.breathe(),
        lambda reporter: reporter.progress(1, 2, 2, 0.5),
        lambda reporter: reporter.phase("reads the slices"),
        lambda reporter: reporter.state("running"),
        lambda reporter: reporter.previews(1, _SLICE, _SLICE, [_SLICE[0] / 1.0]),
    ],
    ids=["beat", "progress", "phase", "state", "previews"],
)
def test_a_run_that_was_removed_ends_with_one_sentence_and_does_not_come_back(
    run: Path, say: Callable[[Reporter], None], left: bool
):
    reporter = Reporter(run, "unet")
    shutil.rmtree(run)
    if left:  # something was written while it was removed
        run.mkdir()
    with pytest.raises(RunError, match=f"run {run.name} is gone: its folder {run} was removed"):
        say(reporter)
    assert run.exists() == left
    assert not left or not list(run.iterdir())


def test_a_sign_of_life_that_is_removed_while_the_run_is_does_not_come_back(run: Path):
    reporter = Reporter(run, "unet")
    reporter.progress(1, 1, 1, 0.5)
    (run / "progress").unlink()
    reporter.progress(2, 1, 1, 0.5)
    assert not (run / "progress").exists()


_SLICE = np.zeros((1, 8, 8), np.uint8)
