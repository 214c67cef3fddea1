from __future__ import annotations

from pathlib import Path

import pytest

from brainseg.training.tensorboard import TAGS, EventFile
from brainseg.types import EpochRecord


def _record(epoch: int) -> EpochRecord:
    numbers = dict.fromkeys(EpochRecord.__dataclass_fields__, 0.5)
    return EpochRecord(**numbers | {"epoch": epoch, "best": True, "val_dice": epoch / 4})


def test_an_event_file_holds_every_number_at_its_epoch(tmp_path: Path):
    import tensorflow as tf
    from tensorflow.core.util.event_pb2 import Event

    board = EventFile(tmp_path / "board")
    for epoch in (1, 2):
        board.epoch(_record(epoch))
    (path,) = (tmp_path / "board").iterdir()
    first, *epochs = [Event.FromString(r.numpy()) for r in tf.data.TFRecordDataset(str(path))]
    assert first.file_version == "brain.Event:2"
    assert [event.step for event in epochs] == [1, 2]
    values = {value.tag: value.simple_value for value in epochs[1].summary.value}
    assert set(values) == set(TAGS.values())
    assert values["dice/validation"] == pytest.approx(0.5)


def test_tensorboard_reads_it(tmp_path: Path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the package tensorboard is not installed",
    )
    EventFile(tmp_path / "board").epoch(_record(3))
    found = accumulator.EventAccumulator(str(tmp_path / "board"))
    found.Reload()
    (value,) = found.Scalars("dice/validation")
    assert (value.step, value.value) == (3, 0.75)
