"""Starting and stopping a worker process. No Keras here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from brainseg import files, paths, runs
from brainseg.errors import RunError

_children: list[subprocess.Popen[bytes]] = []


def start(run: Path) -> int:
    """Start the worker of a run, detached from this process, and return its pid.

    The child has its own session, no standard input, and writes to ``worker.log``: it outlives
    the server however that ends.

    Raises:
        RunError: a worker is already at this run.
    """
    reap()
    if runs.is_locked(run):  # the lock says whether a worker is at it, not a pid
        raise RunError(f"run {run.name} is already being worked on")
    (run / "stop").unlink(missing_ok=True)
    environment = os.environ | {"BRAINSEG_HOME": str(paths.home()), "PYTHONUNBUFFERED": "1"}
    search = [str(paths.PACKAGE.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, search))
    with (run / "worker.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "brainseg.training.worker", str(run.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    _children.append(child)
    identity = {"pid": child.pid, "started": psutil.Process(child.pid).create_time()}
    files.write_json(run / "process.json", identity)
    return child.pid


def resume(run: Path) -> int:
    """Start a stopped, failed or lost run again from its last checkpoint.

    Raises:
        RunError: the run has finished or is being worked on.
    """
    if runs.status(run).state == "finished":
        raise RunError(f"run {run.name} has finished; start a new one to train longer")
    return start(run)


def reap() -> None:
    """Collect children that have ended, so that none stays a zombie."""
    _children[:] = [child for child in _children if child.poll() is None]
