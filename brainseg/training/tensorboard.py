"""The history of a run as TensorBoard event files, for those who live there; an option.

TensorFlow writes the records (a length, a checksum, an ``Event`` message); the package
``tensorboard`` is needed to look at them only.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from brainseg.types import EpochRecord

TAGS = {
    "loss": "loss/train",
    "val_loss": "loss/validation",
    "dice": "dice/train",
    "val_dice": "dice/validation",
    "accuracy": "accuracy/train",
    "val_accuracy": "accuracy/validation",
    "learning_rate": "learning_rate",
    "slices_per_second": "slices_per_second",
}


class EventFile:
    """One event file in ``folder``; a resumed run begins another, which TensorBoard joins on."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf
        from tensorflow.core.util.event_pb2 import Event

        folder.mkdir(exist_ok=True)
        self._event = Event
        name = f"events.out.tfevents.{time.time():.6f}.brainseg"
        self._writer = tf.io.TFRecordWriter(str(folder / name))
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def _write(self, event: object) -> None:
        self._writer.write(event.SerializeToString())  # type: ignore[attr-defined]
        self._writer.flush()

    def epoch(self, record: EpochRecord) -> None:
        """Add the numbers of one epoch, at step ``epoch``."""
        event = self._event(wall_time=time.time(), step=record.epoch)
        for name, value in asdict(record).items():
            if name in TAGS:
                event.summary.value.add(tag=TAGS[name], simple_value=value)
        self._write(event)
