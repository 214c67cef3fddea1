from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from brainseg import files, liveness, runs
from brainseg.training import watch
from brainseg.training.recipes import recipe
from brainseg.types import EpochRecord, RunStatus, Split

SPLIT = Split(train=(0,), val=(1,), test=(2,), seed=0, unit="slice")
STATUS = RunStatus(
    run_id="a", state="running", reason=None, epoch=2, epochs=12, created=0.0, started=0.0,
    updated=0.0, best_epoch=1, best_dice=0.1,
)  # fmt: skip


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")  # what makes it one


def records(count: int, best: int = 1) -> tuple[EpochRecord, ...]:
    return tuple(
        EpochRecord(
            epoch=e, seconds=2.0, elapsed=2.0 * e, learning_rate=1e-3, loss=1.0, val_loss=1.0,
            dice=0.1, val_dice=0.1, accuracy=0.9, val_accuracy=0.9, val_background_accuracy=0.9,
            val_dice_loss=0.9, slices_per_second=1.0, best=e <= best,
        )
        for e in range(1, count + 1)
    )  # fmt: skip


def tell(run: Path, kind: str, **more: object) -> None:
    runs.append_event(run, {"kind": kind, "time": time.time(), **more})


def test_time_left_comes_from_the_last_epochs_and_shrinks_within_one(tmp_path: Path) -> None:
    assert watch.seconds_left(tmp_path, STATUS, records(2)) == pytest.approx(10 * 2.0)
    half = watch.Place(epoch=3, batch=5, batches=10)
    assert watch.seconds_left(tmp_path, STATUS, records(2), half) == pytest.approx(9.5 * 2.0)


def test_epochs_that_compiled_tell_nothing_of_the_others_unless_there_are_none(
    tmp_path: Path,
) -> None:
    slow = replace(records(1)[0], seconds=100.0, slices_per_second=0.1)
    for first in (1, 3):  # a start, and a resume
        tell(tmp_path, "facts")
        tell(tmp_path, "epoch", epoch=first)
        tell(tmp_path, "epoch", epoch=first + 1)
    history = records(4)
    history = (slow, history[1], replace(slow, epoch=3), history[3])
    assert watch.usual(tmp_path, history) == [history[1], history[3]]
    assert watch.seconds_left(tmp_path, STATUS, history) == pytest.approx(10 * 2.0)
    assert watch.slices_per_second(tmp_path, STATUS, history[:3]) == 1.0
    assert watch.seconds_left(tmp_path, STATUS, history[:1]) == pytest.approx(10 * 100.0)


def test_until_the_first_batch_of_a_resume_nothing_is_promised(tmp_path: Path) -> None:
    from brainseg.training.reporter import Reporter

    at = watch.Place(epoch=3, batch=20, batches=40, seconds=20.0)

    def promised() -> list[float | None]:
        asked = (tmp_path, STATUS, records(2), at)
        return [watch.seconds_left(*asked), watch.slices_per_second(*asked)]

    Reporter(tmp_path, "unet").progress(3, 20, 40, 20.0)  # where it was stopped
    os.utime(tmp_path / "progress", (0, 0))
    assert None not in promised()
    for words in runs.STARTING:
        tell(tmp_path, "phase", text=words)
        assert promised() == [None, None]
    tell(tmp_path, "facts")
    assert watch.compiles(tmp_path)
    assert promised() == [None, None]
    Reporter(tmp_path, "unet").progress(3, 21, 40, 21.0)
    os.utime(tmp_path / "progress", (time.time() + 9, time.time() + 9))
    assert not watch.compiles(tmp_path)
    assert None not in promised()


def test_in_the_first_epoch_it_comes_from_the_batches(tmp_path: Path) -> None:
    first = replace(STATUS, epoch=0)
    at = watch.Place(epoch=1, batch=20, batches=40, seconds=20.0)
    assert watch.seconds_left(tmp_path, first, (), at) == pytest.approx(11.5 * 40.0)
    assert watch.seconds_left(tmp_path, first, (), replace(at, batch=1)) is None
    assert watch.trained_seconds(first, (), at) == 20.0
    assert watch.trained_seconds(STATUS, records(2), replace(at, epoch=3)) == 24.0
    assert watch.trained_seconds(STATUS, records(2), at) == 4.0


def test_the_speed_is_that_of_the_epoch_under_way() -> None:
    run = runs.create(recipe("quick", model="unet", data="x", batch_size=8), SPLIT)
    at = watch.Place(epoch=3, batch=20, batches=40, seconds=80.0)
    assert watch.slices_per_second(run, STATUS, records(2), at) == pytest.approx(2.0)
    assert watch.slices_per_second(run, STATUS, records(2)) == 1.0
    assert watch.slices_per_second(run, STATUS, ()) is None


def test_nobody_knows_the_time_left_before_the_first_epoch_or_from_the_stop_on(
    tmp_path: Path,
) -> None:
    assert watch.seconds_left(tmp_path, STATUS, ()) is None
    for state in ("stopping", "finished"):
        found = watch.seconds_left(tmp_path, replace(STATUS, state=state), records(2))
        assert found is None


def test_a_place_left_from_an_earlier_epoch_adds_nothing() -> None:
    old = watch.Place(epoch=2, batch=10, batches=10)
    assert watch.share_done(STATUS, old) == pytest.approx(2 / 12)


def test_patience_counts_the_epochs_since_the_best() -> None:
    config = recipe("reference", model="unet", data="x", patience=5)
    assert watch.patience(config, records(4, best=3)) == watch.Patience(waited=1, allowed=5)
    assert watch.patience(config, records(9, best=3)).left == 0
    assert watch.patience(replace(config, patience=0), records(4)) is None


@pytest.mark.parametrize("text", ["", "3", "3 4 10", "3 x 4 1", "3 9 4 1"])
def test_a_damaged_place_is_no_place(tmp_path: Path, text: str) -> None:
    (tmp_path / "progress").write_text(text)
    assert watch.place(tmp_path) is None


def test_the_place_is_what_the_reporter_wrote(tmp_path: Path) -> None:
    from brainseg.training.reporter import Reporter

    Reporter(tmp_path, "unet").progress(3, 4, 10, 61.27)
    assert watch.place(tmp_path) == watch.Place(epoch=3, batch=4, batches=10, seconds=61.3)


def test_memory_is_that_of_the_named_process_and_of_no_other(tmp_path: Path) -> None:
    me = liveness.identify(os.getpid())
    assert me is not None
    files.write_json(tmp_path / "process.json", me.to_dict())
    assert (watch.memory_mb(tmp_path) or 0) > 10
    files.write_json(tmp_path / "process.json", {**me.to_dict(), "started": me.started - 1})
    assert watch.memory_mb(tmp_path) is None


def test_a_phase_is_what_the_run_does_until_an_epoch_ends(tmp_path: Path) -> None:
    assert watch.doing(tmp_path) is None
    runs.append_event(tmp_path, {"kind": "phase", "text": "reads the slices", "time": 0.0})
    assert watch.doing(tmp_path) == "reads the slices"
    runs.append_event(tmp_path, {"kind": "epoch", "epoch": 1, "time": 0.0})
    assert watch.doing(tmp_path) is None
