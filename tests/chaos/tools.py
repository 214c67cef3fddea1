"""What the chaos tests share: waiting with a deadline, a tiny run, a process with a fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from brainseg import networks, runs
from brainseg.inference import Segmenter
from brainseg.training import checkpoint
from brainseg.training.recipes import RunConfig, recipe

CHAOS = Path(__file__).resolve().parent
WRITER = CHAOS / "writer.py"
LIMIT_MB_AN_HOUR = 5.0
LEAST_JUMP_MB, MOST_JUMP_MB = 1.0, 4.0  # of a table made anew, which is no leak
MakeRun = Callable[..., Path]


@dataclass(kw_only=True)
class Row:
    """A line of the table at the end; ``seen`` is filled in before it is judged."""

    test: str
    fault: str
    tried: str
    expected: str
    seen: str = "nothing yet"


Tell = Callable[[str, str, str], Row]


def wait(reached: Callable[[], bool], seconds: float = 180, what: object = "") -> float:
    """Wait for something and return how long it took; ``what`` says, or returns, what is amiss."""
    begun = time.monotonic()
    while not reached():
        late = time.monotonic() - begun >= seconds
        assert not late, what() if callable(what) else what or reached
        time.sleep(0.02)
    return time.monotonic() - begun


def tiny(data: Path, **overrides: object) -> RunConfig:
    """A network whose epochs take a fraction of a second."""
    settings = {"size": 32, "base": 2, "depth": 1, "batch_size": 8, "threads": 1, "patience": 0}
    return recipe("quick", model="unet", data=str(data), **settings | {"epochs": 5000} | overrides)


def python(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python with the faults of ``environment`` armed."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def hears_signals() -> None:
    """In a child before it starts: SIGHUP and SIGINT end it, whatever this process ignores.

    (``nohup`` and the background of a shell make all their children ignore one of them.)
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Growth(NamedTuple):
    """``slope`` in MB an hour without ``jump``, in MB; how far counts of handles lay apart."""

    slope: float
    jump: float
    handles: int


def grows(one: psutil.Process, minutes: float, meanwhile: Callable[[], object]) -> Growth:
    """Return how the memory of a process grew while something went on.

    The first third, in which everything is loaded and cached, does not count. Nor does one jump:
    after some ten thousand short-lived strings CPython makes its table of interned ones anew,
    3.7 MB larger after TensorFlow's import, and stays there. A leak grows more than once.
    """
    points: list[tuple[float, float, int]] = []
    begun = time.monotonic()
    while (at := time.monotonic() - begun) < minutes * 60:
        meanwhile()
        points.append((at / 3600, one.memory_info().rss / 2**20, one.num_fds()))
        time.sleep(1)
    hours, memory, handles = np.array(points[len(points) // 3 :]).T
    steps = np.diff(memory)
    place = int(steps.argmax())
    jump = float(steps[place]) if LEAST_JUMP_MB < steps[place] < MOST_JUMP_MB else 0.0
    memory[place + 1 :] -= jump
    return Growth(float(np.polyfit(hours, memory, 1)[0]), jump, int(np.ptp(handles)))


def epochs_of(run: Path) -> list[int]:
    """The epochs that the log has, in order of writing."""
    return [event["epoch"] for event in runs.events(run) if event["kind"] == "epoch"]


def assert_whole(run: Path) -> None:
    """Check that a finished run has everything, each thing once, and no litter."""
    assert runs.status(run).state == "finished", runs.log_tail(run)
    lines = (run / "events.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == len(runs.events(run))
    epochs = runs.config(run).epochs
    assert epochs_of(run) == list(range(1, epochs + 1))
    assert set(runs.previews(run)) == set(epochs_of(run))
    checkpoint.load(run / "checkpoint")
    checkpoint.load(run / "checkpoint", checkpoint.BEST)
    networks.read_network(run / "network")  # every file against its checksum
    Segmenter.load(run / "network")
    assert runs.evaluation(run) is not None
    litter = [path.name for path in run.rglob("*") if path.name.endswith(".tmp")]
    litter += [path.name for path in run.iterdir() if path.name in ("stop", ".reserve")]
    assert not litter
    assert not list((run.parent / ".queue").glob("*.json"))
