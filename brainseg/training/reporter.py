"""What the worker tells the world: events, heartbeat, previews."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from brainseg import files, overlay, palette, runs
from brainseg.types import ByteArray, EpochRecord, FloatArray, State

_BEAT_SECONDS = 1.0
_PREVIEW_SCALE = 2


class Reporter:
    """Writes into one run folder."""

    def __init__(self, run: Path, model: str, *, transposed: bool) -> None:
        self.run = run
        self._colour = palette.of_model(model)
        self._transposed = transposed
        self._last_beat = 0.0

    def state(self, state: State, reason: str | None = None) -> None:
        """Record a change of state."""
        event: dict[str, object] = {"kind": "state", "state": state, "time": time.time()}
        if reason:
            event["reason"] = reason
        runs.append_event(self.run, event)
        print(f"{state}: {reason}" if reason else state, flush=True)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Record what the run works with."""
        runs.append_event(self.run, {"kind": "facts", "time": time.time(), **facts})

    def epoch(self, record: EpochRecord) -> None:
        """Record one epoch."""
        runs.append_event(self.run, {"kind": "epoch", "time": time.time(), **asdict(record)})
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

    def beat(self) -> None:
        """Show a sign of life, at most once a second."""
        now = time.monotonic()
        if now - self._last_beat >= _BEAT_SECONDS:
            (self.run / "heartbeat").touch()
            self._last_beat = now

    def stop_requested(self) -> bool:
        """Whether the user asked to stop."""
        return (self.run / "stop").exists()

    def previews(
        self,
        epoch: int,
        images: ByteArray,
        masks: ByteArray,
        probabilities: Sequence[FloatArray],
    ) -> None:
        """Save the preview slices with truth and prediction outlined."""
        folder = self.run / "previews"
        folder.mkdir(exist_ok=True)
        for i, probability in enumerate(probabilities):
            layers = [images[i], masks[i] > 0, probability >= 0.5]
            if self._transposed:
                layers = [layer.T for layer in layers]
            image, truth, predicted = (
                layer.repeat(_PREVIEW_SCALE, 0).repeat(_PREVIEW_SCALE, 1) for layer in layers
            )
            rgb = np.repeat(np.ascontiguousarray(image)[..., np.newaxis], 3, axis=-1)
            rgb = overlay.outline(rgb, truth, palette.TRUTH)
            rgb = overlay.outline(rgb, predicted, self._colour)
            files.write_bytes(folder / f"epoch-{epoch:05d}-{i}.webp", overlay.encode(rgb))
