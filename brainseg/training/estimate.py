"""How long a training will take, from a few steps measured in a short-lived process.

The arithmetic, what is known from before, and starting the process. No Keras here: ``measure.py``
is what the process runs.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from brainseg import __version__, files, liveness, paths
from brainseg.errors import RunError
from brainseg.training import hardware, process, recipes
from brainseg.training.recipes import RunConfig
from brainseg.types import Split

# What changes neither the work of a step nor that of an epoch's end.
_FREE = (
    "data", "recipe", "tumour_free", "split_unit", "test_folds", "val_fraction", "test_fraction",
    "val_is_test", "seed", "learning_rate", "weight_decay", "warmup_epochs", "schedule", "epochs",
    "patience", "monitor", "initial", "bn_momentum", "tensorboard",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a few steps of a configuration cost on this machine; times in seconds.

    ``startup_seconds`` is from the start of the process to the end of the first, compiling step.
    """

    device: str
    startup_seconds: float
    step_seconds: float
    validation_seconds: float  # a batch
    save_seconds: float
    memory_mb: float  # peak of the process
    steps: int  # how many were measured
    busy: bool = False  # whether a training ran beside it


def key(config: RunConfig) -> str:
    """Return a name for everything that decides the time of a step: settings, machine, version."""
    decisive = {name: value for name, value in config.to_dict().items() if name not in _FREE}
    named = json.dumps(
        [decisive, hardware.describe(), hardware.backend(), __version__], sort_keys=True
    )
    return hashlib.sha256(named.encode()).hexdigest()[:20]


def key_of(configs: Sequence[RunConfig]) -> str:
    """Return a name for everything that decides the time of several configurations."""
    return "+".join(key(config) for config in configs)


def known(config: RunConfig) -> Measurement | None:
    """Return what was measured of such a configuration here before, or None."""
    try:
        return Measurement(**json.loads(_file(config).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def keep(config: RunConfig, measured: Measurement) -> None:
    """Remember a measurement for :func:`known`."""
    _file(config).parent.mkdir(parents=True, exist_ok=True)
    files.write_json(_file(config), asdict(measured))


def _file(config: RunConfig) -> Path:
    return paths.cache() / "estimates" / f"{key(config)}.json"


def epoch_seconds(config: RunConfig, measured: Measurement, split: Split) -> float:
    """Return the time of one epoch: its steps, its validation, and two checkpoints at most."""
    steps, checks = (-(-len(part) // config.batch_size) for part in (split.train, split.val))
    work = steps * measured.step_seconds + checks * measured.validation_seconds
    return work + 2 * measured.save_seconds


def total_seconds(config: RunConfig, measured: Measurement, split: Split) -> float:
    """Return the time of the whole run if no early stopping ends it."""
    return measured.startup_seconds + config.epochs * epoch_seconds(config, measured, split)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """A measuring process of ours and the file into which it reports."""

    process: subprocess.Popen[bytes]
    report: Path
    begun: float

    @property
    def running(self) -> bool:
        """Whether it is still at it."""
        return self.process.poll() is None

    def last(self) -> dict[str, Any]:
        """Return the last thing it reported, empty before the first."""
        lines = self.report.read_text(errors="replace").splitlines()
        for line in reversed(lines):
            if line.startswith("{") and line.endswith("}"):
                return dict(json.loads(line))
        return {}

    def problem(self) -> str:
        """Return the last line of what it said when it failed."""
        lines = [line for line in self.report.read_text(errors="replace").splitlines() if line]
        return lines[-1] if lines else f"it ended with status {self.process.returncode}"

    def cancel(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def start(configs: Sequence[RunConfig]) -> Job:
    """Start ``python -m brainseg estimate`` for configurations that differ in the model only.

    Raises:
        RunError: no process could be started.
    """
    words = shlex.split(recipes.command(replace(configs[0], initial="")))[3:]
    words = ["estimate", *words[1:], "--json"]
    for other in configs[1:]:
        words += ["--also", other.model]
    report = paths.cache() / "estimates" / f"{key_of(configs)}.log"
    with ExitStack() as undone:
        try:
            report.parent.mkdir(parents=True, exist_ok=True)
            scratch = tempfile.mkdtemp(prefix="brainseg-estimate-")
            undone.callback(shutil.rmtree, scratch, ignore_errors=True)
            with report.open("wb") as sink:
                child = subprocess.Popen(
                    [sys.executable, "-m", "brainseg", *words],
                    stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                    env=process.environment() | {"TMPDIR": scratch},
                )  # fmt: skip
        except OSError as error:
            raise RunError(liveness.not_started(error)) from error
        at_its_end = undone.pop_all()

    def wait() -> None:  # even if nobody looks again: else its end stays in the list of processes
        with at_its_end:  # a cancelled one cannot do it itself
            child.wait()

    threading.Thread(target=wait, daemon=True).start()
    return Job(process=child, report=report, begun=time.monotonic())
