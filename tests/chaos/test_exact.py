"""F15: the same seed gives the same numbers, however often a training is stopped and resumed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from brainseg import runs
from brainseg.training import checkpoint, process
from brainseg.types import EpochRecord, Split
from tests.chaos.tools import MakeRun, Tell, tiny, wait

# In batches of 4 the last of an epoch has 2
SPLIT = Split(train=tuple(range(38)), val=tuple(range(40, 48)), test=(), seed=0, unit="slice")


def test_f15_stops_and_resumes_change_no_number(tmp_path: Path, tell: Tell, full: bool) -> None:
    from brainseg.training.fit import Data, Trainer
    from brainseg.training.reporter import Reporter

    class StopsAt(Reporter):
        left = -1

        def stop_requested(self) -> bool:
            self.left -= 1
            return self.left == 0

    noise = np.random.default_rng(0)
    images = (noise.random((48, 32, 32)) * 255).astype(np.uint8)
    masks = np.zeros_like(images)
    masks[:, 8:20, 10:22] = 1
    data = Data(images=images, masks=masks, train=SPLIT.train, val=SPLIT.val)
    stops, draw = 20 if full else 3, random.Random(5)
    row = tell("F15", f"{stops} stops and resumes with augmentation", "no number or weight differs")
    config = tiny(Path("x"), epochs=stops * 2, batch_size=4, ema_decay=0.98)
    assert config.augment == "upright"

    def train(run: Path, left: int) -> bool:
        trainer = Trainer(config, run / "checkpoint", StopsAt(run, "unet"))
        trainer.reporter.left = left
        if (run / "checkpoint").exists():
            trainer.restore()
        return trainer.fit(data)

    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
        runs.write_config(tmp_path / name, config, SPLIT)
    assert train(tmp_path / "whole", -1)
    for stop in range(stops):
        assert not train(tmp_path / "parts", draw.randint(2, 20)), stop
    assert train(tmp_path / "parts", -1)
    whole, parts = (
        [(r.loss, r.dice, r.accuracy, r.val_loss, r.val_dice) for r in runs.history(folder)]
        for folder in (tmp_path / "whole", tmp_path / "parts")
    )
    saved, again = (
        checkpoint.load(tmp_path / name / "checkpoint")[0] for name in ("whole", "parts")
    )
    pairs = [(whole, parts), *((saved[name], again[name]) for name in saved)]
    worst = max(float(np.abs(np.subtract(one, other)).max()) for one, other in pairs)
    row.seen = f"largest difference {worst:g} over {len(whole)} epochs"
    assert worst == 0


EPOCHS = 3
_OF_TIME = ("seconds", "elapsed", "slices_per_second")


def _numbers(run: Path) -> list[dict[str, object]]:
    """The first epochs without their times."""
    names = [name for name in EpochRecord.__dataclass_fields__ if name not in _OF_TIME]
    return [{name: getattr(r, name) for name in names} for r in runs.history(run)[:EPOCHS]]


def _stop_after(run: Path, epochs: int, *, now: bool = False) -> None:
    """Let the workers train, ask for a stop once ``epochs`` are done, and wait for it."""
    wait(lambda: len(runs.history(run)) >= epochs, what=lambda: runs.log_tail(run))
    runs.request_stop(run, now=now)
    wait(lambda: not runs.is_locked(run))
    assert runs.status(run).state == "stopped", runs.log_tail(run)


def test_f15_worker_processes_of_one_seed_agree_also_when_stopped_and_resumed(
    make_run: MakeRun, tell: Tell
) -> None:
    """As it ships: oneDNN, all threads, queue and supervisor; only the network is small."""
    row = tell("F15", "two workers of one seed, a third stopped and resumed", "equal histories")
    like = {"size": 64, "base": 8, "depth": 3, "batch_size": 4, "threads": 0, "ema_decay": 0.98}
    whole, again, parts = (make_run(**like) for _ in range(3))
    for run in (whole, again):
        process.start(run)
        _stop_after(run, EPOCHS)
    process.start(parts)
    _stop_after(parts, 1, now=True)  # somewhere in the epochs that follow
    process.resume(parts)
    _stop_after(parts, EPOCHS)
    assert len(_numbers(whole)) == EPOCHS
    assert _numbers(again) == _numbers(whole)
    assert _numbers(parts) == _numbers(whole)
    row.seen = "so"
