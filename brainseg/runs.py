"""The runs: what each is, how it stands, and what is asked of it. All from the files alone.

The worker writes ``events.jsonl`` (``run_log.py``) and holds ``lock``; a run that should be at work
while nobody holds the lock is lost.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import Any

from brainseg import files, liveness, paths
from brainseg.errors import RunError
from brainseg.run_folder import (
    MAX_NOTE,
    MAX_TITLE,
    config,
    create,
    document,
    evaluation,
    facts,
    find,
    is_run_id,
    label,
    previews,
    read_evaluation,
    read_json,
    replace_facts,
    set_label,
    split,
    write_config,
    write_evaluation,
    writing,
)
from brainseg.run_log import append_event, check_there, events, history, is_there, mend_log, read
from brainseg.training import queue
from brainseg.types import RunStatus, State

__all__ = [
    "EPOCH",
    "MAX_NOTE",
    "MAX_TITLE",
    "NOW",
    "append_event",
    "check_there",
    "config",
    "create",
    "delete",
    "end",
    "evaluation",
    "events",
    "facts",
    "find",
    "history",
    "is_locked",
    "is_run_id",
    "label",
    "list_runs",
    "log_tail",
    "mend_log",
    "previews",
    "process_of",
    "read_evaluation",
    "replace_facts",
    "request_stop",
    "set_label",
    "split",
    "status",
    "stop_wish",
    "write_config",
    "write_evaluation",
    "writing",
]

STARTING_SECONDS = 10.0  # from the run folder to the lock it takes milliseconds
SILENT_SECONDS = 600.0  # a batch, or the first compilation, on a busy machine takes less
LEAVING_SECONDS = 20.0  # a worker that has said its last word still closes its backend
EPOCH, NOW = "epoch", "now"  # how a run is asked to stop
STARTING = ("opens the backend", "reads the slices")  # before the first batch
FINISHING = "exports the network and measures it on the held-out slices"  # after the last epoch
ALIVE = ("queued", "running", "stopping")


def is_locked(run: Path) -> bool:
    """Whether anybody works at the run or waits to."""
    return liveness.is_held(run / "lock")


def log_tail(run: Path, lines: int = 40) -> tuple[str, ...]:
    """Return the last lines of ``worker.log``."""
    try:
        with (run / "worker.log").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(text.splitlines()[-lines:])


def status(run: Path) -> RunStatus:
    """Say from the files alone how a run stands, and why in one sentence where there is more."""
    told = document(run)
    log = read(run)
    past, epochs = log.events, log.history
    states = [event for event in past if event["kind"] == "state"]
    place = queue.place(run) if states and states[-1]["state"] == "queued" else None
    state, reason = _judge(run, past, told["created"], place)
    updated = next((e["time"] for e in reversed(past) if "time" in e), None)
    started = next((e.get("time") for e in states if e["state"] == "running"), None)
    best = next((record for record in reversed(epochs) if record.best), None)
    return RunStatus(
        run_id=run.name,
        state=state,
        reason=reason,
        epoch=epochs[-1].epoch if epochs else 0,
        epochs=told["config"]["epochs"],
        created=told["created"],
        started=started,
        updated=None if updated is None else max(updated, started or 0.0),
        best_epoch=best.epoch if best else None,
        best_dice=best.val_dice if best else None,
        log_tail=log_tail(run) if state in ("failed", "lost") else (),
        queue_place=place if state == "queued" else None,
    )


def _judge(
    run: Path, past: tuple[dict[str, Any], ...], created: float, place: int | None
) -> tuple[State, str | None]:
    """Return the state, and what there is to say about it."""
    beginning: dict[str, Any] = {"state": "queued", "time": created}
    last = next((e for e in reversed(past) if e["kind"] == "state"), beginning)
    state: State = last["state"]
    if state not in ALIVE:
        return state, last.get("reason")
    if not is_locked(run):
        since = last.get("time", created)
        if state == "queued" and not (run / "lock").exists():  # nobody was ever at it
            new = abs(time.time() - since) < STARTING_SECONDS
            return ("queued", "starting") if new else ("lost", "it was never started")
        return "lost", _how_lost(run, state, since)
    silent = None if state == "queued" else _silent_seconds(run)
    if silent is not None and silent > SILENT_SECONDS:  # it hears no wish either
        minutes = f"{silent / 60:.0f} minutes"
        return "lost", f"no heartbeat for {minutes}, though its process is there: resume ends it"
    phase = _phase(past)
    wish = stop_wish(run)
    if wish is not None:
        return "stopping", _how_it_stops(wish, state, phase)
    if state == "queued":
        return "queued", "starting" if place is None else f"number {place} in the queue"
    return state, phase or last.get("reason")


def _phase(past: tuple[dict[str, Any], ...]) -> str | None:
    """Return what the run does that is not training an epoch, where that is its newest event."""
    return past[-1].get("text") if past and past[-1]["kind"] == "phase" else None


def _how_it_stops(wish: str, state: State, phase: str | None) -> str:
    if phase == FINISHING:
        again = "leaves soon; a resume exports and measures again"
        return f"already finishing: {FINISHING}" if wish == EPOCH else again
    if state == "queued" or (wish != EPOCH and phase in STARTING):
        return "leaves before it begins"
    return "finishes the epoch, then saves" if wish == EPOCH else "saves after this batch"


def _how_lost(run: Path, state: State, since: float) -> str:
    if state == "queued":
        return "it ended without a word before its turn came"
    beat = run / "heartbeat"
    seen = beat.stat().st_mtime if beat.exists() else since
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seen))
    known = process_of(run)
    why = "the worker ended without a word"
    if known is not None and known.boot not in ("", liveness.boot()):
        why = "the computer was restarted, or the run was copied from another"
    return f"no heartbeat since {when}: {why}"


def _silent_seconds(run: Path) -> float | None:
    """Return the age of the heartbeat by a clock that nobody sets, or None where it is unknown."""
    try:
        return max(0.0, time.monotonic() - float((run / "heartbeat").read_text()))
    except (OSError, ValueError):
        return None


def process_of(run: Path) -> liveness.Process | None:
    """Return the process that ``process.json`` names, alive or not."""
    plain = read_json(run / "process.json")
    try:
        return liveness.Process(
            pid=int(plain["pid"]), started=float(plain["started"]), boot=plain.get("boot", "")
        )
    except (TypeError, KeyError, ValueError, OverflowError):
        return None


def list_runs() -> tuple[RunStatus, ...]:
    """Return the status of every readable run that can be found by its name, newest first."""
    found = []
    if paths.runs().is_dir():
        for folder in paths.runs().iterdir():
            with suppress(RunError, OSError):  # it may vanish while it is looked at
                if is_run_id(folder.name) and is_there(folder):
                    found.append(status(folder))
    return tuple(sorted(found, key=lambda s: (s.created, s.run_id), reverse=True))


def request_stop(run: Path, *, now: bool = False) -> None:
    """Ask the worker to save and leave: after this epoch, or (``now``) after this batch.

    Raises:
        RunError: the folder cannot be written.
    """
    with writing(run):
        files.write_text(run / "stop", NOW if now else EPOCH)


def stop_wish(run: Path) -> str | None:
    """Return how the run was asked to stop: ``epoch``, ``now``, the name of a signal, or None."""
    try:
        return (run / "stop").read_text(errors="replace").strip() or NOW
    except OSError:
        return None


def end(run: Path, worker: liveness.Process | None) -> bool:
    """Kill the worker, if that very process still runs.

    ``worker`` is what :func:`process_of` said before the run was judged: a resume elsewhere may
    have started another one since.
    """
    if worker is None or not liveness.is_alive(worker):
        return False
    with suppress(ProcessLookupError):
        os.kill(worker.pid, SIGKILL)
    deadline = time.monotonic() + LEAVING_SECONDS
    while is_locked(run) and time.monotonic() < deadline:
        time.sleep(0.02)  # its supervisor writes down how it ended
    return True


def delete(run: Path) -> None:
    """Remove a run for good: gone from every list at once, then file by file.

    Of a link the folder goes that it leads to, and then the link.
    A worker that has hung (lost, though its process is there) is ended first.

    Raises:
        RunError: a worker is still at it, the folder is not a run, or it cannot be written.
    """
    if not is_there(run):
        raise RunError(f"{run} is not a run folder")
    worker, state = process_of(run), status(run).state
    if state == "lost":
        end(run, worker)
    with writing(run):
        held = liveness.take(run / "lock", seconds=0.0 if state in ALIVE else LEAVING_SECONDS)
        if held is None:
            raise RunError(f"run {run.name} is still working: stop it first")
        try:
            folder = run.resolve()
            gone = folder.rename(folder.with_name(f".deleted-{time.time_ns()}"))
            if run.is_symlink():
                run.unlink()
            shutil.rmtree(gone, ignore_errors=True)
            for left in paths.runs().glob(".deleted-*"):  # by a kill, of an earlier one
                shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(held)
