"""What the worker tells the world: events, heartbeat, previews."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from brainseg import files, overlay, palette, runs
from brainseg.types import ByteArray, EpochRecord, FloatArray, State

_BEAT_SECONDS = 1.0
_PREVIEW_SIDE = 384  # pixels at least, in whole pixels a pixel
_PREVIEW_LINE, _PREVIEW_DASH = 2, 8


class StopNowError(Exception):
    """The run was asked to stop at once."""


class Reporter:
    """Writes into one run folder; where that was removed, RunError ends the worker.

    ``transposed`` says how the slices lie, for the previews; ``also`` is told every epoch, too.
    """

    def __init__(self, run: Path, model: str, *, transposed: bool = False) -> None:
        self.run, self.transposed = run, transposed
        self.also: Callable[[EpochRecord], None] = lambda record: None
        self._colour = palette.of_model(model)
        self._last_beat = self._last_progress = 0.0
        self._made: set[str] = set()

    def state(self, state: State, reason: str | None = None) -> None:
        """Record a change of state."""
        self._append("state", {"state": state} | ({"reason": reason} if reason else {}))
        print(f"{state}: {reason}" if reason else state, flush=True)

    def phase(self, text: str) -> None:
        """Record what a run does that is not training an epoch: "reads the slices"."""
        self._append("phase", {"text": text})
        print(text, flush=True)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Record what the run works with."""
        self._append("facts", facts)

    def epoch(self, record: EpochRecord) -> None:
        """Record one epoch."""
        self.also(record)  # first: what the log has is not told again after a kill
        self._append("epoch", asdict(record))
        print(
            f"epoch {record.epoch}: loss {record.loss:.4f} dice {record.dice:.4f} "
            f"val_loss {record.val_loss:.4f} val_dice {record.val_dice:.4f}"
            f"{' *' if record.best else ''} ({record.seconds:.0f} s)",
            flush=True,
        )

    def make_sure_of(self, record: EpochRecord) -> None:
        """Record an epoch unless the log has it: its checkpoint came just before a kill."""
        if all(known.epoch != record.epoch for known in runs.history(self.run)):
            self.epoch(record)

    def restored(self, epoch: int) -> None:
        """Record that the run goes on within ``epoch`` where the log was further already."""
        if any(known.epoch >= epoch for known in runs.history(self.run)):
            self._append("restored", {"epoch": epoch})
            print(f"the epochs from {epoch} on are trained again", flush=True)

    def _append(self, kind: str, values: Mapping[str, object]) -> None:
        runs.check_there(self.run)
        runs.append_event(self.run, {"kind": kind, "time": time.time(), **values})

    def beat(self) -> None:
        """Show a sign of life, at most once a second: the time on a clock that nobody sets."""
        now = time.monotonic()
        if now - self._last_beat >= _BEAT_SECONDS:
            self._overwrite("heartbeat", f"{now:020.3f}\n")
            self._last_beat = now

    def progress(self, epoch: int, batch: int, batches: int, seconds: float) -> None:
        """Say how many batches of the epoch are done, and in how long.

        At most once a second, and at its end.
        """
        now = time.monotonic()
        if batch == batches or now - self._last_progress >= _BEAT_SECONDS:
            self._overwrite("progress", f"{epoch:8d} {batch:8d} {batches:8d} {seconds:12.1f}\n")
            self._last_progress = now

    def _overwrite(self, name: str, line: str) -> None:
        """Write a line that is always equally long, in place: it needs no room on a full disk."""
        runs.check_there(self.run)
        if name not in self._made:  # once only: somebody may be about to remove the run
            (self.run / name).touch()
            self._made.add(name)
        with suppress(FileNotFoundError), (self.run / name).open("rb+", buffering=0) as file:
            file.write(line.encode())

    def stop_requested(self) -> bool:
        """Whether the run is to save and leave now."""
        return runs.stop_wish(self.run) not in (None, runs.EPOCH)

    def stop_after_epoch(self) -> bool:
        """Whether the run is to save and leave when the epoch is done."""
        return runs.stop_wish(self.run) is not None

    def breathe(self) -> None:
        """Show a sign of life and look up.

        Raises:
            StopNowError: the run is to stop now.
        """
        self.beat()
        if self.stop_requested():
            raise StopNowError

    def previews(
        self,
        epoch: int,
        images: ByteArray,
        masks: ByteArray,
        probabilities: Sequence[FloatArray],
    ) -> None:
        """Save the preview slices with truth and prediction outlined; of (N, S, S, C) the scan.

        The truth is dashed over the prediction, so that both show where they agree.
        """
        runs.check_there(self.run)
        images = images if images.ndim == 3 else images[..., 0]
        folder = self.run / "previews"
        folder.mkdir(exist_ok=True)
        scale = -(-_PREVIEW_SIDE // images.shape[1])
        for i, probability in enumerate(probabilities):
            layers = [images[i], masks[i] > 0, probability >= 0.5]
            if self.transposed:
                layers = [layer.T for layer in layers]
            image, truth, predicted = (layer.repeat(scale, 0).repeat(scale, 1) for layer in layers)
            rgb = np.repeat(np.ascontiguousarray(image)[..., np.newaxis], 3, axis=-1)
            rgb = overlay.outline(rgb, predicted, self._colour, _PREVIEW_LINE)
            rgb = overlay.outline(rgb, truth, palette.TRUTH, _PREVIEW_LINE, dash=_PREVIEW_DASH)
            files.write_bytes(folder / f"epoch-{epoch:05d}-{i}.webp", overlay.encode(rgb))
