"""The write path of a worker without a network: ``python writer.py RUN EPOCHS``.

It commits best checkpoint, previews, latest checkpoint and log line of each epoch in the order of
``Trainer``, and goes on from what it finds. The weights of an epoch are its number.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from brainseg import files, runs
from brainseg.training import checkpoint
from brainseg.types import EpochRecord

SHAPE = (40, 100)


def record_of(epoch: int) -> EpochRecord:
    numbers = dict.fromkeys(EpochRecord.__dataclass_fields__, 0.5)
    return EpochRecord(**numbers | {"epoch": epoch, "best": True})  # type: ignore[arg-type]


def log(run: Path, record: EpochRecord) -> None:
    if all(known.epoch != record.epoch for known in runs.history(run)):
        runs.append_event(run, {"kind": "epoch", "time": 1.0} | asdict(record))


def main(run: Path, epochs: int) -> None:
    folder, done = run / "checkpoint", 0
    (run / "config.json").touch()  # or it is no run, and nothing is logged
    runs.mend_log(run)
    files.sweep(run)
    if checkpoint.exists(folder):
        _, state = checkpoint.load(folder)
        done = state["epoch"]
        log(run, EpochRecord(**state["record"]))
    for epoch in range(done + 1, epochs + 1):
        weights = {"model/000": np.full(SHAPE, epoch, np.float32)}
        state = {"epoch": epoch, "batch": 0, "record": asdict(record_of(epoch))}
        checkpoint.commit(folder, weights, state, pointer=checkpoint.BEST)
        (run / "previews").mkdir(exist_ok=True)
        files.write_bytes(run / "previews" / f"epoch-{epoch:05d}-0.webp", b"picture" * 50)
        checkpoint.commit(folder, weights, state, pointer=checkpoint.LATEST)
        log(run, record_of(epoch))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
