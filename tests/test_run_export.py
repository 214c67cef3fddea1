from __future__ import annotations

import csv
import io
import os
import zipfile
from pathlib import Path

import pytest

from brainseg import run_export, runs
from brainseg.training.recipes import recipe
from brainseg.types import Split

SPLIT = Split(train=(0,), val=(1,), test=(2,), seed=0, unit="slice")
NUMBERS = {
    "seconds": 2.0, "elapsed": 2.0, "learning_rate": 1e-3, "loss": 1.5, "val_loss": 1.6,
    "dice": 0.4, "val_dice": 0.5, "accuracy": 0.98, "val_accuracy": 0.97,
    "val_background_accuracy": 0.979, "val_dice_loss": 0.5, "slices_per_second": 3.0, "best": True,
}  # fmt: skip


def make_run() -> Path:
    run = runs.create(recipe("quick", model="unet", data="/x"), SPLIT)
    for epoch in (1, 2):
        runs.append_event(run, {"kind": "epoch", "epoch": epoch, **NUMBERS})
    for name in ("checkpoint/a.npz", "previews/epoch-00001-0.webp", "lock", ".reserve", "progress"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(b"x" * 100)
    return run


def test_the_csv_has_a_line_an_epoch_with_every_number() -> None:
    rows = list(csv.DictReader(io.StringIO(run_export.history_csv(make_run()))))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {name: rows[0][name] for name in ("val_dice", "best")} == {
        "val_dice": "0.5", "best": "True",
    }  # fmt: skip
    assert set(rows[0]) == {"epoch", *NUMBERS}


def test_the_zip_holds_the_run_without_checkpoints_or_what_is_of_this_machine() -> None:
    run = make_run()
    with run_export.zip_run(run) as packed, zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        names = {name.removeprefix(f"{run.name}/") for name in archive.namelist()}
    assert names == {"config.json", "events.jsonl", "previews/epoch-00001-0.webp"}


@pytest.mark.parametrize(("seconds", "year"), [(0, 1980), (2**32 + 2**31, 2107)])
def test_a_file_of_a_time_that_a_zip_cannot_tell_is_packed(seconds: int, year: int) -> None:
    run = make_run()
    os.utime(run / "config.json", (seconds, seconds))
    with run_export.zip_run(run) as packed, zipfile.ZipFile(packed) as archive:
        assert archive.getinfo(f"{run.name}/config.json").date_time[0] == year


def test_checkpoints_come_along_when_they_are_wanted() -> None:
    run = make_run()
    with run_export.zip_run(run, checkpoints=True) as packed:
        assert f"{run.name}/checkpoint/a.npz" in zipfile.ZipFile(packed).namelist()


def test_a_checkpoint_that_the_worker_deletes_meanwhile_is_packed_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, pack = make_run(), run_export._pack

    def and_delete(archive, run_, path, file):
        for one in ("checkpoint/a.npz", "checkpoint/b.npz", "config.json"):
            (run / one).unlink(missing_ok=True)
        pack(archive, run_, path, file)

    (run / "checkpoint" / "b.npz").write_bytes(b"y" * 100)
    monkeypatch.setattr(run_export, "_pack", and_delete)
    with run_export.zip_run(run, checkpoints=True) as packed, zipfile.ZipFile(packed) as archive:
        assert archive.read(f"{run.name}/checkpoint/a.npz") == b"x" * 100
        assert archive.read(f"{run.name}/checkpoint/b.npz") == b"y" * 100
        assert f"{run.name}/config.json" not in archive.namelist()
