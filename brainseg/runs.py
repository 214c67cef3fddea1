"""A run folder, read and created. Everything here works from the files alone.

The worker writes ``events.jsonl``; a reader ignores an incomplete last line. A run whose last
state is ``running`` while nobody holds ``lock`` is lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from brainseg import __version__, files, paths
from brainseg.errors import RunError
from brainseg.training.recipes import RunConfig
from brainseg.types import CaseScore, EpochRecord, Evaluation, RunStatus, Split, State

STARTING_SECONDS = 60.0
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ALIVE = ("queued", "running", "stopping")


def create(config: RunConfig, split: Split, *, facts: Mapping[str, Any] | None = None) -> Path:
    """Make a run folder with its ``config.json``, written once, and return it."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    paths.runs().mkdir(parents=True, exist_ok=True)
    for attempt in range(1000):
        suffix = f"-{attempt + 1}" if attempt else ""
        folder = paths.runs() / f"{stamp}-{config.model}{suffix}"
        try:
            folder.mkdir()
            break
        except FileExistsError:
            continue
    else:
        raise RunError(f"no free name for a run in {paths.runs()}")
    write_config(folder, config, split, facts=facts)
    return folder


def write_config(
    run: Path, config: RunConfig, split: Split, *, facts: Mapping[str, Any] | None = None
) -> None:
    """Write ``config.json`` and the first event, ``queued``."""
    files.write_json(
        run / "config.json",
        {
            "config": config.to_dict(),
            "split": asdict(split),
            "facts": dict(facts or {}),
            "preprocessing": "minmax-pad-v1",
            "brainseg": __version__,
            "created": time.time(),
        },
    )
    append_event(run, {"kind": "state", "state": "queued", "time": time.time()})


def append_event(run: Path, event: Mapping[str, Any]) -> None:
    """Append one line to ``events.jsonl`` with a single write and flush it to disk."""
    line = (json.dumps(event) + "\n").encode()
    handle = os.open(run / "events.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line)
        os.fsync(handle)
    finally:
        os.close(handle)


def mend_log(run: Path) -> None:
    """Cut a half-written last line off ``events.jsonl``; for the worker, before it appends."""
    path = run / "events.jsonl"
    if path.is_file():
        raw = path.read_bytes()
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            os.truncate(path, whole)


def events(run: Path) -> list[dict[str, Any]]:
    """Return every complete, well-formed event in order."""
    try:
        raw = (run / "events.jsonl").read_bytes()
    except FileNotFoundError:
        return []
    found = []
    for line in raw.split(b"\n")[:-1]:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and "kind" in event:
                found.append(event)
    return found


def find(run_id: str) -> Path:
    """Return the folder of a run by its id, or by a path to it.

    Raises:
        RunError: there is no such run.
    """
    candidates = [Path(run_id)]
    if _RUN_ID.fullmatch(run_id):
        candidates.insert(0, paths.runs() / run_id)
    for folder in candidates:
        with contextlib.suppress(OSError):
            if (folder / "config.json").is_file():
                return folder
    raise RunError(f"no run {run_id!r} in {paths.runs()}; `python -m brainseg runs list` shows all")


def _document(run: Path) -> dict[str, Any]:
    try:
        value = json.loads((run / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"run {run.name}: config.json cannot be read ({error})") from error
    if not isinstance(value, dict):
        raise RunError(f"run {run.name}: config.json is not a JSON object")
    return value


def config(run: Path) -> RunConfig:
    """Return the configuration of a run."""
    return RunConfig.from_dict(_document(run)["config"])


def facts(run: Path) -> dict[str, Any]:
    """Return what was recorded of the data and versions when the run was made."""
    return dict(_document(run).get("facts", {}))


def split(run: Path) -> Split:
    """Return the split of a run."""
    return Split.from_dict(_document(run)["split"])


def history(run: Path) -> tuple[EpochRecord, ...]:
    """Return the epochs so far; after a resume the newer record of an epoch counts."""
    names = {f.name for f in fields(EpochRecord)}
    records = {}
    for event in events(run):
        if event["kind"] == "epoch" and names <= set(event):
            records[event["epoch"]] = EpochRecord(**{name: event[name] for name in names})
    return tuple(records[epoch] for epoch in sorted(records))


def is_locked(run: Path) -> bool:
    """Whether a worker holds the run's lock."""
    try:
        handle = os.open(run / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


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
    """Say from the files alone how a run stands."""
    document = _document(run)
    past, epochs = events(run), history(run)
    states = [event for event in past if event["kind"] == "state"]
    last: dict[str, Any] = states[-1] if states else {"state": "queued"}
    state, reason = _judge(run, last, document["created"])
    times = [e["time"] for e in past if isinstance(e.get("time"), int | float)]
    started = [e["time"] for e in states if e["state"] == "running"]
    best = [record for record in epochs if record.best]
    return RunStatus(
        run_id=run.name,
        state=state,
        reason=reason,
        epoch=epochs[-1].epoch if epochs else 0,
        epochs=int(document["config"]["epochs"]),
        created=document["created"],
        started=started[0] if started else None,
        updated=times[-1] if times else None,
        best_epoch=best[-1].epoch if best else None,
        best_dice=best[-1].val_dice if best else None,
        log_tail=log_tail(run) if state in ("failed", "lost") else (),
    )


def _judge(run: Path, last: Mapping[str, Any], created: float) -> tuple[State, str | None]:
    state: State = last["state"]
    if state not in _ALIVE:
        return state, last.get("reason")
    if is_locked(run):
        if state == "queued":
            return state, "waits for another run to finish, or prepares its data"
        stopping = (run / "stop").exists() and state == "running"
        return ("stopping", None) if stopping else (state, last.get("reason"))
    since = last.get("time", created)
    if state == "queued" and time.time() - since < STARTING_SECONDS:
        return "queued", "starting"
    beat = run / "heartbeat"
    seen = beat.stat().st_mtime if beat.exists() else since
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seen))
    return "lost", f"the worker ended without a word; last sign of life {when}"


def list_runs() -> tuple[RunStatus, ...]:
    """Return the status of every readable run, newest first."""
    found = []
    if paths.runs().is_dir():
        for folder in paths.runs().iterdir():
            with contextlib.suppress(RunError, KeyError, TypeError):
                if (folder / "config.json").is_file():
                    found.append(status(folder))
    return tuple(sorted(found, key=lambda s: (s.created, s.run_id), reverse=True))


def request_stop(run: Path) -> None:
    """Ask the worker to finish its batch, save and leave."""
    (run / "stop").touch()


def delete(run: Path) -> None:
    """Remove a run for good.

    Raises:
        RunError: a worker is still at it, or the folder is not a run.
    """
    if is_locked(run):
        raise RunError(f"run {run.name} is still working: stop it first")
    if not (run / "config.json").is_file():
        raise RunError(f"{run} is not a run folder")
    shutil.rmtree(run)


def previews(run: Path) -> dict[int, list[Path]]:
    """Return epoch -> the preview pictures of that epoch, in slice order."""
    found: dict[int, list[Path]] = {}
    for path in sorted((run / "previews").glob("epoch-*-*.webp")):
        found.setdefault(int(path.stem.split("-")[1]), []).append(path)
    return found


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation as JSON, atomically."""
    files.write_json(path, asdict(evaluation))


def read_evaluation(path: Path) -> Evaluation:
    """Read what :func:`write_evaluation` wrote.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        plain = json.loads(path.read_text())
        cases = tuple(CaseScore(**case) for case in plain.pop("cases"))
        return Evaluation(cases=cases, **plain)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path} is not a readable evaluation ({error})") from error


def evaluation(run: Path) -> Evaluation | None:
    """Return the run's own ``result.json`` on its held-out slices, once it exists."""
    path = run / "result.json"
    return read_evaluation(path) if path.is_file() else None
