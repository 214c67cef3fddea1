"""How a network was trained: its stages with every epoch, kept where the run folder is gone.

``history.json`` is one object: ``{"stages": [{"name", "command", "date", "size", "epochs"}]}``, an
epoch as ``EpochRecord`` has it. A shipped network carries one; the recorded trainings of the Learn
screen are the same.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from brainseg import files, paths, run_folder, run_log
from brainseg.errors import NetworkError, RunError
from brainseg.training.recipes import RunConfig, command
from brainseg.types import EpochRecord

RECORDED = paths.PACKAGE / "recorded"
_LARGEST = 8 * 2**20
_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One training: what it is called, how it was started, at which side in px, and its epochs.

    ``date`` is the day it was started (YYYY-MM-DD), empty where unknown.
    """

    name: str
    command: str
    size: int
    epochs: tuple[EpochRecord, ...]
    date: str = ""


def of_run(run: Path, name: str = "") -> Stage:
    """Return the history of a run folder; called ``name``, or as a person or the folder calls it.

    Raises:
        RunError: it is no run, or has no epoch yet.
    """
    told = run_folder.document(run)
    epochs = run_log.history(run)
    if not epochs:
        raise RunError(f"run {run.name} has no epoch yet: train it first")
    config = RunConfig.from_dict(told["config"])
    return Stage(
        name=name or run_folder.label(run).title or run.name,
        command=command(_portable(config)),
        size=config.size,
        epochs=epochs,
        date=time.strftime("%Y-%m-%d", time.gmtime(told["created"])),
    )


def _portable(config: RunConfig) -> RunConfig:
    """Leave of every folder its name: its place on one machine means nothing on another."""
    names = {key: Path(getattr(config, key)).name for key in ("data", "tumour_free", "initial")}
    return replace(config, **names)  # type: ignore[arg-type]


def write(path: Path, stages: Sequence[Stage]) -> None:
    """Write stages as ``history.json``; measured values to six significant digits."""
    plain = [
        {**asdict(stage), "epochs": [_rounded(asdict(record)) for record in stage.epochs]}
        for stage in stages
    ]
    files.write_text(path, json.dumps({"stages": plain}) + "\n")


def _rounded(record: dict[str, Any]) -> dict[str, Any]:
    return {k: float(f"{v:.{_DIGITS}g}") if type(v) is float else v for k, v in record.items()}


def read(path: Path) -> tuple[Stage, ...]:
    """Return what :func:`write` wrote.

    Raises:
        NetworkError: the file is missing, damaged or far too large.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("too large")
        return tuple(_stage(plain) for plain in json.loads(path.read_text("utf-8"))["stages"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise NetworkError(
            f"{path} holds no readable history; restore it or ship the network again"
        ) from error


def _stage(plain: dict[str, Any]) -> Stage:
    epochs = tuple(EpochRecord(**record) for record in plain["epochs"])
    stage = Stage(**{**plain, "epochs": epochs})
    numbers = [v for e in epochs for v in asdict(e).values()]
    if not epochs or not all(isinstance(v, int | float) and math.isfinite(v) for v in numbers):
        raise ValueError("an epoch holds something that is no number")
    if not isinstance(stage.name, str) or not isinstance(stage.command, str):
        raise ValueError("a stage has no name or command")
    return stage
