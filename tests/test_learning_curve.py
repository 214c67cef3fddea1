from __future__ import annotations

import json
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


def test_each_mark_has_the_newest_epoch_by_then_also_where_that_is_worse():
    history = [_epoch(1, 0.1, 0.4), _epoch(2, 0.2, 0.3), _epoch(3, 0.6, 0.6)]
    found = {mark: one.val_dice for mark, one in learning_curve.points(history).items()}
    assert found == {0.125: 0.4, 0.25: 0.3, 0.5: 0.3}


def test_a_decline_after_the_best_epoch_is_shown():
    history = [_epoch(1, 0.5, 0.4, 0.3), _epoch(2, 1.0, 0.7, 0.5), _epoch(3, 1.5, 0.6, 0.8)]
    line = learning_curve.table({"unet": history}).splitlines()[2]
    assert line.endswith("| 0.700 / 0.500 (2, 1.0 h) | 0.600 / 0.800 (3, 1.5 h) |")


def test_runs_of_different_length_share_the_columns():
    short = [_epoch(i, 0.1 * (i + 1), 0.1 * i) for i in range(4)]
    long = [_epoch(i, 0.5 * (i + 1), 0.1 * i) for i in range(4)]
    lines = learning_curve.table({"short": short, "long": long}).splitlines()
    assert lines[0] == "| run | 0.125 h | 0.25 h | 0.5 h | 1 h | best epoch | last epoch |"
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
    assert "0.400 / 0.500 (4, 1.0 h)" in document.read_text()
    assert "`unet`" in capsys.readouterr().out
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "config.json").touch()
    for name, said in {"new": "new has no epoch yet", "nowhere": "run nowhere is gone"}.items():
        with pytest.raises(SystemExit, match=said):
            learning_curve.main([str(tmp_path / name)])


def test_the_shipped_document_has_its_marks():
    assert learning_curve.DOC.read_text().count(MARK) == 2
