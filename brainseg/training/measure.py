"""Measure a few training steps of a configuration with the real training loop."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from brainseg import runs
from brainseg.losses import LOSSES
from brainseg.training import devices
from brainseg.training.estimate import Measurement
from brainseg.training.fit import Data, Trainer
from brainseg.training.recipes import RunConfig
from brainseg.training.reporter import Reporter, StopNowError
from brainseg.training.validate import validate

STEPS = 10  # measured after the first, compiling one; fewer where they are slow, but three
ENOUGH_SECONDS = 8.0
_FEWEST = 3
_PICTURES = 16
# From the start of the process until here, where the backend has just been opened.
_OPENING_SECONDS = max(0.0, time.time() - psutil.Process().create_time())

Tell = Callable[[str, float], None]


class _Stopwatch(Reporter):
    """Notes the time before every batch, and asks to stop when enough were seen."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        super().__init__(folder, "unet")
        self.times: list[float] = []
        self._tell = tell

    def breathe(self) -> None:
        """Note the time.

        Raises:
            StopNowError: enough steps were measured.
        """
        self.times.append(time.monotonic())
        done = len(self.times) - 2  # the first span is the compiling one
        if done >= STEPS or (done >= _FEWEST and self.times[-1] - self.times[1] > ENOUGH_SECONDS):
            raise StopNowError
        if done < 0:
            self._tell("Compiles the network", 0.2)
        else:
            self._tell(f"Step {done + 1}", 0.4 + 0.5 * done / STEPS)


def measure(config: RunConfig, tell: Tell = lambda *_: None) -> Measurement:
    """Return what a step, a validation batch and a checkpoint cost here.

    The network, loss, optimiser, augmentation and loop are the real ones; the slices are noise
    with a disc, since their content does not change the work. ``tell`` hears what is done, and
    which part of it all, 0..1.
    """
    begun = time.monotonic()
    pictures, masks = _slices(config)
    rows = tuple(i % _PICTURES for i in range((STEPS + 3) * config.batch_size))
    busy = _is_busy()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").touch()  # a reporter writes into nothing but a run
        watch = _Stopwatch(Path(folder), tell)
        trainer = Trainer(config, Path(folder) / "checkpoint", watch)
        trainer.fit(Data(images=pictures, masks=masks, train=rows, val=rows[:1]))
        saving = time.monotonic()
        trainer.save()
        save_seconds = time.monotonic() - saving
    tell("Validation", 0.95)
    return Measurement(
        device=devices.describe(mirrored=config.mirrored),
        startup_seconds=_OPENING_SECONDS + watch.times[1] - begun,
        step_seconds=float(np.median(np.diff(watch.times[1:]))),
        validation_seconds=_validation_seconds(trainer, pictures, masks),
        save_seconds=save_seconds,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        steps=len(watch.times) - 2,
        busy=busy or _is_busy(),
    )


def _is_busy() -> bool:
    return any(status.state in ("running", "stopping") for status in runs.list_runs())


def _slices(config: RunConfig) -> tuple[np.ndarray, np.ndarray]:
    random, size = np.random.default_rng(0), config.size
    maps = (config.channels,) if config.channels > 1 else ()
    pictures = random.integers(0, 256, (_PICTURES, size, size, *maps), dtype=np.uint8)
    rows, columns = np.ogrid[:size, :size]
    disc = (rows - size / 2) ** 2 + (columns - size / 2) ** 2 < (size / 8) ** 2
    return pictures, np.repeat(disc[np.newaxis].astype(np.uint8), _PICTURES, axis=0)


def _validation_seconds(trainer: Trainer, pictures: np.ndarray, masks: np.ndarray) -> float:
    config = trainer.config
    rows = tuple(i % _PICTURES for i in range(config.batch_size))
    for _ in range(2):  # the first compiles
        begun = time.monotonic()
        validate(
            trainer.predict, LOSSES[config.loss], pictures, masks, rows,
            batch_size=config.batch_size, beat=lambda: None,
        )  # fmt: skip
    return time.monotonic() - begun
