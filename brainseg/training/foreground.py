"""Train a run and wait for it: what a longer plan of several runs is made of. No Keras here."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from brainseg import runs
from brainseg.errors import RunError
from brainseg.training import process
from brainseg.types import RunStatus

Watch = Callable[[RunStatus], None]
_POLL_SECONDS = 0.5


def train_to_end(run: Path, watch: Watch = lambda status: None) -> None:
    """Train ``run`` from where it stands until it has finished; nothing to do where it has.

    The worker is a process of its own. Ctrl-C and SIGTERM here ask it to save, wait until it has,
    and raise KeyboardInterrupt; called again, the training goes on from there. Where another
    process already trains this run, it is waited for. Main thread only: it listens to signals.

    Args:
        run: the run folder.
        watch: called about twice a second with how the run stands.

    Raises:
        RunError: it was stopped by somebody else, or it failed; the message says why.
    """
    state = runs.status(run).state
    if state == "finished":
        return
    with _terminate_interrupts():
        try:
            if state not in runs.ALIVE or not runs.is_locked(run):
                process.resume(run)
            last = _wait(run, watch)
        except KeyboardInterrupt:
            if runs.is_locked(run):
                runs.request_stop(run, now=True)
                _wait(run, watch)
            raise
    if last.state != "finished":
        raise RunError(
            f"run {run} is {last.state}: {last.reason or 'no reason was left'}; the same command "
            "again goes on with it"
        )


def _wait(run: Path, watch: Watch) -> RunStatus:
    while (status := runs.status(run)).state in runs.ALIVE:
        watch(status)
        time.sleep(_POLL_SECONDS)
    watch(status)
    while status.state != "lost" and runs.is_locked(run):  # its processes are leaving
        time.sleep(_POLL_SECONDS)
    return status


@contextmanager
def _terminate_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
