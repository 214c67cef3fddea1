"""What tests of a run's folder and log write into it."""

from __future__ import annotations

from brainseg.types import EpochRecord, Split

SPLIT = Split(train=(1, 2), val=(3,), test=(4,), seed=7, unit="patient")


def record(epoch: int, **values) -> dict:
    """Return the event of an epoch."""
    numbers = dict.fromkeys(EpochRecord.__dataclass_fields__, 0.5)
    return numbers | {"kind": "epoch", "epoch": epoch, "best": False, "time": 1.0} | values
