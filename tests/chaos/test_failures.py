"""F8, F14 and a worker that hangs: numbers, folders and files that go bad."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainseg import runs
from brainseg.errors import RunError
from brainseg.training import checkpoint, process
from brainseg.training.planning import new_run
from brainseg.types import Split
from tests.chaos.tools import MakeRun, Tell, epochs_of, tiny, wait

SPLIT = Split(train=tuple(range(16)), val=tuple(range(16, 20)), test=(), seed=0, unit="slice")


def _trainer(run: Path, **overrides: object):
    from brainseg.training.fit import Data, Trainer
    from brainseg.training.reporter import Reporter

    config = tiny(Path("x"), epochs=5, **overrides)
    run.mkdir()
    runs.write_config(run, config, SPLIT)
    random = np.random.default_rng(0)
    images = (random.random((20, 32, 32)) * 255).astype(np.uint8)
    masks = (images > 200).astype(np.uint8)
    data = Data(images=images, masks=masks, train=SPLIT.train, val=SPLIT.val)
    return Trainer(config, run / "checkpoint", Reporter(run, "unet")), data


@pytest.mark.parametrize("ema_decay", [0.0, 0.98])
def test_f8_a_kernel_that_is_not_finite_is_found_within_the_next_epoch(
    tmp_path: Path, tell: Tell, full: bool, ema_decay: float
) -> None:
    from brainseg.training.checkpoint import DivergedError

    if not full and ema_decay:
        pytest.skip("the short form keeps one; `make chaos` runs both")
    row = tell("F8", f"NaN in a hidden kernel, average {ema_decay}", "stops within an epoch")
    trainer, data = _trainer(tmp_path / "run", ema_decay=ema_decay)
    log = trainer.reporter.epoch

    def poison(record) -> None:
        log(record)
        hidden = trainer.model.trainable_variables[0]
        hidden.assign(np.full(hidden.shape, np.nan, np.float32))

    trainer.reporter.epoch = poison
    with pytest.raises(DivergedError, match="diverged at epoch 2") as said:
        trainer.fit(data)
    row.seen = str(said.value)
    assert "those of epoch 1 are kept" in row.seen
    for pointer in (checkpoint.LATEST, checkpoint.BEST):
        arrays, _ = checkpoint.load(trainer.folder, pointer)
        assert all(np.isfinite(array).all() for array in arrays.values())


def _with_a_nan(**settings: Any) -> Any:
    """Batches of which the first has one pixel that is no number."""
    from brainseg.training.batches import Batches

    class Poisoned(Batches):
        def epoch(self, *where: Any, **options: Any) -> Iterator[Any]:
            for number, (images, masks) in enumerate(super().epoch(*where, **options)):
                if number == 0:
                    images = np.array(images)
                    images[4, 16, 16] = np.nan
                yield images, masks

    return Poisoned(**settings)


def test_f8_a_rate_of_1e20_and_what_is_nan_in_an_image_or_the_first_metric(
    tmp_path: Path, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainseg.training import fit
    from brainseg.training.checkpoint import DivergedError

    row = tell("F8", "learning rate 1e20", "diverged, nothing bad kept")
    extreme = {"learning_rate": 1e20, "warmup_epochs": 0, "schedule": "constant"}
    trainer, data = _trainer(tmp_path / "rate", **extreme)
    with pytest.raises(DivergedError, match="diverged at epoch 1") as rate:
        trainer.fit(data)
    row.seen = str(rate.value)

    row = tell("F8", "NaN in one pixel of the fifth image", "stops within an epoch")
    trainer, data = _trainer(tmp_path / "image")
    with monkeypatch.context() as patched:
        patched.setattr(fit, "Batches", _with_a_nan)
        with pytest.raises(DivergedError, match="diverged at epoch 1") as image:
            trainer.fit(data)
    row.seen = str(image.value)
    assert not checkpoint.exists(trainer.folder)

    row = tell("F8", "NaN as the first validation score", "diverged, never the best")
    trainer, data = _trainer(tmp_path / "metric")
    nothing = np.zeros((32, 32), np.float32)
    nan = dict.fromkeys(("loss", "dice", "dice_loss"), float("nan"))
    scores = fit.Scores(
        **nan, accuracy=1.0, background_accuracy=1.0, probabilities=[nothing] * len(SPLIT.val)
    )
    monkeypatch.setattr(fit, "validate", lambda *_, **__: scores)
    with pytest.raises(DivergedError, match="val_dice became nan") as score:
        trainer.fit(data)
    row.seen = str(score.value)
    assert not checkpoint.exists(trainer.folder, checkpoint.BEST)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that :func:`_make_read_only` may close; it is open again afterwards."""
    folder = tmp_path / "fixed"
    folder.mkdir()
    yield folder
    subprocess.run(["umount", "--lazy", folder], capture_output=True, check=False)
    folder.chmod(0o755)


def _make_read_only(folder: Path) -> None:
    folder.chmod(0o555)
    if os.geteuid() == 0:
        for words in (["--bind", str(folder), str(folder)], ["-o", "remount,ro,bind", str(folder)]):
            if subprocess.run(["mount", *words], capture_output=True, check=False).returncode:
                pytest.skip("root writes everywhere, and no read-only mount could be made")


def test_f14_a_read_only_run_folder_is_refused(
    demo_data: Path, read_only: Path, tell: Tell
) -> None:
    run = new_run(tiny(demo_data), read_only)
    _make_read_only(read_only)
    row = tell("F14", "run folder read-only", "refused before the start")
    with pytest.raises(RunError, match="cannot be written") as said:
        process.start(run)
    row.seen = str(said.value)[-60:]
    assert [event["state"] for event in runs.events(run)] == ["queued"]


def test_f14_data_that_go_away_are_named_and_cost_no_checkpoint(
    demo_data: Path, tmp_path: Path, tell: Tell, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not full:
        pytest.skip("a whole run; `make chaos` takes it")
    row = tell("F14", "data removed in batch 4, then put back", "named; resume finishes")
    folder = tmp_path / "data"
    folder.symlink_to(demo_data)
    monkeypatch.setenv("BRAINSEG_FAULT", "lose-data:4")
    monkeypatch.setenv("BRAINSEG_FAULT_DATA", str(folder))
    run = new_run(tiny(folder, epochs=4))
    process.start(run)
    wait(lambda: not runs.is_locked(run))
    status = runs.status(run)
    assert status.state == "failed"
    assert str(folder) in str(status.reason)
    assert epochs_of(run) == [1, 2, 3, 4], "training reads the verified cache"
    checkpoint.load(run / "checkpoint")
    with pytest.raises(RunError, match="cannot be read"):
        process.resume(run)
    monkeypatch.delenv("BRAINSEG_FAULT")
    folder.symlink_to(demo_data)
    process.resume(run)
    wait(lambda: not runs.is_locked(run))
    assert runs.status(run).state == "finished"
    row.seen = "so"


def test_f14_an_unreadable_image_is_named_before_training(
    demo_data: Path, tmp_path: Path, tell: Tell
) -> None:
    row = tell("F14", "a training image is cut off", "failed before training, named")
    folder = tmp_path / "data"
    shutil.copytree(demo_data, folder)
    run = new_run(tiny(folder, batch_size=1))
    bad = folder / "images" / f"{runs.split(run).train[-1]}.png"
    bad.write_bytes(bad.read_bytes()[:200])
    process.start(run)
    wait(lambda: not runs.is_locked(run))
    status = runs.status(run)
    row.seen = f"{status.state}: {status.reason}"
    assert status.state == "failed"
    assert bad.name in str(status.reason)
    assert not epochs_of(run)


def test_a_worker_that_hangs_is_lost_and_a_resume_ends_it(
    make_run: MakeRun, tell: Tell, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not full:
        pytest.skip("two workers with a backend; `make chaos` starts them")
    row = tell("F10", "a worker hangs in batch 5, Stop", "lost; resume ends it and goes on")
    monkeypatch.setenv("BRAINSEG_FAULT", "hang:5")
    run = make_run()
    process.start(run)
    wait(lambda: len(epochs_of(run)) == 2)
    monkeypatch.delenv("BRAINSEG_FAULT")
    hung = runs.process_of(run)
    with monkeypatch.context() as patched:
        patched.setattr(runs, "SILENT_SECONDS", 3.0)
        runs.request_stop(run)  # it does not hear
        wait(lambda: runs.status(run).state == "lost", 30)
        assert "no heartbeat" in str(runs.status(run).reason)
        process.resume(run)
    wait(lambda: len(epochs_of(run)) > 2)
    assert runs.process_of(run) != hung
    runs.request_stop(run, now=True)
    wait(lambda: runs.status(run).state == "stopped", 60)
    row.seen = "so"
