from __future__ import annotations

import json
from math import log2
from pathlib import Path

import pytest

from benchmarks import learning_curve
from brainseg.types import EpochRecord

MARK = "<!-- learning-curve -->"


def _epoch(number: int, hours: float, val_dice: float, dice: float = 0.5) -> EpochRecord:
    numbers = dict.fromkeys(EpochRecord.__dataclass_fields__, 0.0) | {
        "epoch": number, "elapsed": hours * 3600, "val_dice": val_dice, "dice": dice,
        "best": False,
    }  # fmt: skip
    return EpochRecord(**numbers)  # type: ignore[arg-type]


def test_each_mark_has_the_best_until_then_and_the_last_is_the_end():
    history = [_epoch(1, 0.1, 0.4, 0.3), _epoch(2, 0.2, 0.3, 0.4), _epoch(3, 0.6, 0.6, 0.5)]
    assert learning_curve.points(history) == {
        0.125: (0.4, 0.3), 0.25: (0.4, 0.4), 0.5: (0.4, 0.4), 0.6: (0.6, 0.5),
    }  # fmt: skip


def test_the_pace_is_that_of_the_second_half():
    hours = [0.1, 0.2, 1.0, 2.0, 4.0]
    history = [
        _epoch(i, hour, 0.6 + 0.05 * log2(hour) if hour >= 1 else 0.1)
        for i, hour in enumerate(hours)
    ]
    assert learning_curve.pace(history) == pytest.approx((0.05, 0.6))
    line = learning_curve.table({"unet": history}).splitlines()[2]
    assert "| +0.050 | 16 h | 32 h |" in line  # 0.6 and four, five doublings


def test_a_run_that_stands_still_never_gets_there():
    history = [_epoch(i, i + 1.0, 0.7) for i in range(6)]
    assert "| never | never |" in learning_curve.table({"unet": history})


def test_runs_of_different_length_share_the_columns():
    short = [_epoch(i, 0.1 * (i + 1), 0.1 * i) for i in range(4)]
    long = [_epoch(i, 0.5 * (i + 1), 0.1 * i) for i in range(4)]
    lines = learning_curve.table({"short": short, "long": long}).splitlines()
    assert lines[0].startswith("| run | 0.125 h | 0.25 h | 0.5 h | 1 h | end |")
    assert len({line.count("|") for line in lines}) == 1


def test_the_document_is_written_from_run_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    document = tmp_path / "ABLATIONS.md"
    document.write_text(f"before\n{MARK}\n{MARK}\nafter\n")
    monkeypatch.setattr(learning_curve, "DOC", document)
    run = tmp_path / "unet"
    run.mkdir()
    with (run / "events.jsonl").open("w") as log:
        for number in range(1, 5):
            one = _epoch(number, number / 4, 0.1 * number)
            numbers = {name: getattr(one, name) for name in EpochRecord.__dataclass_fields__}
            log.write(json.dumps({"kind": "epoch", "time": 1.0, **numbers}) + "\n")
    learning_curve.main([str(run)])
    assert "| `unet` | 0.100 / 0.500 |" in document.read_text().replace("| - ", "")
    assert "`unet`" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0 epochs; at least 4"):
        learning_curve.main([str(tmp_path / "nowhere")])


def test_the_shipped_document_has_its_marks():
    assert learning_curve.DOC.read_text().count(MARK) == 2
