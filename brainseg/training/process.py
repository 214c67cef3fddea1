"""Starting and ending the processes of a run. No Keras here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from brainseg import files, liveness, paths, runs
from brainseg.errors import BrainsegError, RunError
from brainseg.training import checkpoint, planning, queue
from brainseg.training.recipes import RunConfig

_OF_A_REFUSED_START = ("config.json", "events.jsonl", "lock", "worker.log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A run that is ours to train: its lock and its place in the queue."""

    run: Path
    lock: int
    ticket: queue.Ticket

    def close(self) -> None:
        """Close our copies of the open files; a child that has them keeps lock and place."""
        os.close(self.lock)
        os.close(self.ticket.handle)


def claim(run: Path) -> Claim:
    """Take the run's lock and a place in the queue, and record ``queued``.

    Raises:
        RunError: somebody is at this run, its folder cannot be written, its data are not there
            or have changed since, its checkpoints are gone, or the disk is full. Nothing has
            changed then.
    """
    begun = checkpoint.exists(run / "checkpoint")
    _check_folders(run, begun=begun)
    if begun:
        planning.check_same_data(run)
    with runs.writing(run):
        lock = _take(run)
    ticket = None
    try:
        checkpoint.check_room(run, 0)
        with runs.writing(run):
            if not begun:  # under the lock: somebody at work may have read other files
                if checkpoint.exists(run / "checkpoint"):
                    planning.check_same_data(run)
                else:
                    _check_new(run)
                    planning.note_data(run)
            runs.mend_log(run)
            files.sweep(run)
            for left in ("stop", "progress"):  # of an earlier life
                (run / left).unlink(missing_ok=True)
            with runs.writing(paths.runs()):
                ticket = queue.draw(run)
            runs.append_event(run, {"kind": "state", "state": "queued", "time": time.time()})
    except BaseException:
        os.close(lock)
        if ticket is not None:
            ticket.give_back()
        raise
    return Claim(run=run, lock=lock, ticket=ticket)


def _check_new(run: Path) -> None:
    """Refuse to begin a run anew that has trained already: its history would be that of two."""
    trained = runs.history(run)
    if trained:
        raise RunError(
            f"run {run.name} has trained to epoch {trained[-1].epoch}, but its checkpoints are "
            f"gone: restore them in {run / 'checkpoint'}, or start a new run with its settings "
            f"(`python -m brainseg runs show {run.name} --json` lists them)"
        )


def _take(run: Path) -> int:
    """Take the run's lock, also from a worker that has said its last word but has not left yet."""
    deadline = time.monotonic() + runs.LEAVING_SECONDS
    while (lock := liveness.take(run / "lock", seconds=0.1)) is None:
        if runs.status(run).state in runs.ALIVE:
            raise RunError(f"run {run.name} is already being worked on")
        if time.monotonic() > deadline:
            raise RunError(f"the last process of run {run.name} is still closing; try again soon")
    return lock


def _check_folders(run: Path, *, begun: bool) -> None:
    config = runs.config(run)
    for folder in filter(None, (config.data, config.tumour_free)):
        try:
            next(Path(folder).iterdir())
        except (OSError, StopIteration) as error:
            why = getattr(error, "strerror", None) or "it is empty"
            flag = "--data" if folder == config.data else "--tumour-free"
            moved = f", or resume it with `train --resume --run {run.name} {flag} DIR`"
            raise RunError(
                f"the data of run {run.name} cannot be read: {folder}: {why}; put them back"
                f"{moved if begun else ''}"
            ) from error


def launch(config: RunConfig, folder: Path | None = None) -> Path:
    """Make a run, start it and return its folder; where that is refused, no folder is left.

    Raises:
        BrainsegError: see :func:`planning.new_run` and :func:`start`.
    """
    run = planning.new_run(config, folder)
    with gone_if_refused(run):
        start(run)
    return run


def environment() -> dict[str, str]:
    """Return the environment of a child that works in our home and is read while it writes."""
    ours = {"BRAINSEG_HOME": str(paths.home()), "PYTHONPATH": paths.search_path()}
    return os.environ | ours | {"PYTHONUNBUFFERED": "1"}


@contextmanager
def moved(run: Path, places: Mapping[str, str]) -> Iterator[None]:
    """Let a run find its slices where they are now: ``places`` has a folder for a setting.

    A start that is then refused, since they are not the same slices for instance, leaves it as it
    was.
    """
    path = run / "config.json"
    before = path.read_bytes()
    told = json.loads(before)
    if places.items() <= told["config"].items():
        yield
        return
    if runs.status(run).state in runs.ALIVE:
        raise RunError(f"run {run.name} is already being worked on")
    with runs.writing(run):
        files.write_json(path, told | {"config": told["config"] | places})
    try:
        yield
    except BrainsegError:
        with runs.writing(run):
            files.write_bytes(path, before)
        raise


@contextmanager
def gone_if_refused(run: Path) -> Iterator[None]:
    """Take a run folder away again that was made for a start which is then refused.

    What else lies in it stays, and then the folder does.
    """
    try:
        yield
    except BrainsegError:
        with suppress(OSError):
            for name in _OF_A_REFUSED_START:
                (run / name).unlink(missing_ok=True)
            run.rmdir()
        raise


def start(run: Path) -> int:
    """Start the supervisor of a run, detached from this process, and return its pid.

    The child has its own session, no standard input, and writes to ``worker.log``: it outlives
    the server however that ends. It waits for its turn, and then trains.

    Raises:
        RunError: see :func:`claim`.
    """
    claimed = claim(run)
    handles = (claimed.lock, claimed.ticket.handle)
    words = [str(run.resolve()), str(claimed.ticket.path), *map(str, handles)]
    try:
        with (run / "worker.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "brainseg.training.supervisor", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=handles,
                env=environment(),
            )
    except OSError as error:
        claimed.ticket.path.unlink(missing_ok=True)
        reason = liveness.not_started(error)
        with suppress(OSError):  # or it would count as lost
            event = {"kind": "state", "state": "failed", "reason": reason, "time": time.time()}
            runs.append_event(run, event)
        raise RunError(reason) from error
    finally:
        claimed.close()
    threading.Thread(target=child.wait, daemon=True).start()  # none stays a zombie
    return child.pid


def resume(run: Path) -> int:
    """Start a stopped, failed or lost run again from its last checkpoint.

    A worker that has hung (lost, though its process is there) is ended first.

    Raises:
        RunError: the run has finished, is being worked on, or see :func:`claim`.
    """
    clear_way(run)
    return start(run)


def clear_way(run: Path) -> None:
    """Make sure that the run can go on: it has not finished, and no hung worker is left of it.

    Raises:
        RunError: the run has finished.
    """
    worker, state = runs.process_of(run), runs.status(run).state
    if state == "finished":
        raise RunError(f"run {run.name} has finished; start a new one to train longer")
    if state == "lost":
        runs.end(run, worker)
