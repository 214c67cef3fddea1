"""What somebody who watches a run wants to know besides its state: from its folder, no backend."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainseg import liveness, runs
from brainseg.errors import BrainsegError
from brainseg.training import hardware
from brainseg.training.recipes import RunConfig
from brainseg.types import EpochRecord, RunStatus

_PREVIEWS = 4  # slices, as ``fit.PREVIEWS``
_RECENT = 5  # epochs
_ENOUGH_BATCHES = 20  # of which the first compiles, in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in an epoch a run is: ``batch`` of ``batches`` are done; then it validates.

    ``seconds`` is how long the epoch was trained until then.
    """

    epoch: int
    batch: int
    batches: int
    seconds: float = 0.0

    def is_in(self, status: RunStatus) -> bool:
        """Whether it is of the epoch under way, and not left from an earlier one."""
        return self.epoch == status.epoch + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Early stopping: ``waited`` of ``allowed`` epochs went by without a better score."""

    waited: int
    allowed: int

    @property
    def left(self) -> int:
        """Epochs that may still go by."""
        return max(0, self.allowed - self.waited)


def place(run: Path) -> Place | None:
    """Return where in its epoch a run is, or None where it has not said."""
    try:
        *numbers, seconds = (run / "progress").read_text().split()
        epoch, batch, batches = map(int, numbers)
        at = Place(epoch=epoch, batch=batch, batches=batches, seconds=float(seconds))
    except (OSError, ValueError):
        return None
    return at if 0 <= batch <= batches else None


def share_done(status: RunStatus, at: Place | None) -> float:
    """Return the part of all epochs that is done, 0..1, the one under way included."""
    done = float(status.epoch)
    if at is not None and at.is_in(status) and at.batches:
        done += at.batch / at.batches
    return min(1.0, done / max(status.epochs, 1))


def compiles(run: Path) -> bool:
    """Whether the worker is at its first batch, which compiles the network."""
    last = _last_said(run)
    if last.get("kind") != "facts":
        return False
    try:
        return (run / "progress").stat().st_mtime < last.get("time", 0.0)  # of an earlier life
    except OSError:
        return True


def usual(run: Path, history: Sequence[EpochRecord]) -> Sequence[EpochRecord]:
    """Return the epochs that compiled nothing: not the first after a start, if there are others."""
    compiled, fresh = set(), True
    for event in runs.events(run):
        if event["kind"] == "epoch":
            compiled |= {event["epoch"]} if fresh else set()
            fresh = False
        fresh = fresh or event["kind"] == "facts"
    return [record for record in history if record.epoch not in compiled] or history


def seconds_left(
    run: Path, status: RunStatus, history: Sequence[EpochRecord], at: Place | None = None
) -> float | None:
    """Return the seconds that the epochs left would take, None where nobody knows.

    In the first epoch that is told by its batches, of which the first compiles the network.
    """
    if status.state != "running" or doing(run) or compiles(run):
        return None
    if history:
        each = statistics.median(record.seconds for record in usual(run, history)[-_RECENT:])
    elif at is not None and at.batch >= _ENOUGH_BATCHES:
        each = at.seconds / at.batch * at.batches
    else:
        return None
    return (1.0 - share_done(status, at)) * status.epochs * each


def trained_seconds(
    status: RunStatus, history: Sequence[EpochRecord], at: Place | None = None
) -> float:
    """Return how long the run has trained, with the epoch under way."""
    done = history[-1].elapsed if history else 0.0
    return done + (at.seconds if at is not None and at.is_in(status) else 0.0)


def slices_per_second(
    run: Path, status: RunStatus, history: Sequence[EpochRecord], at: Place | None = None
) -> float | None:
    """Return how fast the epoch under way is trained, or the last one; None where nobody knows."""
    if doing(run) or compiles(run):
        return None
    if at is not None and at.is_in(status) and at.batch >= _ENOUGH_BATCHES:
        with suppress(BrainsegError):
            return runs.config(run).batch_size * at.batch / max(at.seconds, 1e-3)
    return usual(run, history)[-1].slices_per_second if history else None


def patience(config: RunConfig, history: Sequence[EpochRecord]) -> Patience | None:
    """Return how early stopping stands; None where the run never stops early, or has no epoch."""
    if not config.patience or not history:
        return None
    best = max((record.epoch for record in history if record.best), default=0)
    return Patience(waited=history[-1].epoch - best, allowed=config.patience)


def previews(run: Path, epoch: int) -> list[Path]:
    """Return the preview pictures of one epoch, in slice order, without listing all epochs'."""
    named = [run / "previews" / f"epoch-{epoch:05d}-{number}.webp" for number in range(_PREVIEWS)]
    return [path for path in named if path.is_file()]


def memory_mb(run: Path) -> float | None:
    """Return the memory that the run's worker uses, None where it is not at work."""
    worker = runs.process_of(run)
    if worker is None or not liveness.is_alive(worker):
        return None
    return hardware.memory_mb(worker.pid)


def doing(run: Path) -> str | None:
    """Return what a run does apart from training an epoch, in words; None while it trains."""
    last = _last_said(run)
    return str(last.get("text")) if last.get("kind") == "phase" else None


def _last_said(run: Path) -> dict[str, Any]:
    kinds = ("phase", "facts", "epoch")
    return next((event for event in reversed(runs.events(run)) if event["kind"] in kinds), {})
