"""The events of a run: one JSON object a line, appended with one write, read as it grows.

A reader ignores an incomplete last line and every line that is no event, and keeps its place: to
ask again costs what was added since.
"""

from __future__ import annotations

import errno
import json
import os
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from brainseg.errors import RunError
from brainseg.types import EpochRecord, State

Event = dict[str, Any]
_TYPES: dict[Any, tuple[type, ...]] = {"int": (int,), "float": (float, int), "bool": (bool,)}
_NUMBERS = {field.name: _TYPES[field.type] for field in fields(EpochRecord)}
_STATES = get_args(State)
_LAST_TIME = 1e11  # in the year 5138: more, and a clock can no longer tell it
_KEPT = 512
_HEAD_BYTES = 80  # the time of the first event is in it


@dataclass(frozen=True, slots=True)
class Log:
    """What was read of the file ``inode`` that begins with ``head``, up to its byte ``end``.

    ``history`` are the epochs so far; those that a damaged checkpoint took back do not count.
    """

    inode: int
    head: bytes
    end: int = 0
    events: tuple[Event, ...] = ()
    history: tuple[EpochRecord, ...] = ()

    def continues(self, found: os.stat_result, head: bytes) -> bool:
        """Whether the file on disk is this one, perhaps grown."""
        same = found.st_ino == self.inode and head.startswith(self.head)
        return same and found.st_size >= self.end


_read: dict[Path, Log] = {}


def keep(known: dict[Path, Any], path: Path, what: Any) -> None:
    """Keep what was read of ``path``, and drop another of too many: drawn by lot.

    Lists read all in turn, and of the oldest first they would find none again.
    """
    if path not in known and len(known) >= _KEPT:
        known.pop(random.choice(tuple(known)), None)
    known[path] = what


def is_time(value: Any) -> bool:
    """Whether ``value`` is a number of seconds since 1970 that a clock can tell."""
    return isinstance(value, int | float) and 0 <= value < _LAST_TIME


def is_there(run: Path) -> bool:
    """Whether the folder still is a run; one that somebody removed is not to come back."""
    return (run / "config.json").is_file()


def check_there(run: Path) -> None:
    """Raise RunError where the run was removed."""
    if not is_there(run):
        raise RunError(f"run {run.name} is gone: its folder {run} was removed")


def append_event(run: Path, event: Mapping[str, Any]) -> None:
    """Append one line with a single write and flush it to disk; end a torn line before it.

    Raises:
        OSError: it could not be written whole (ENOSPC on a full disk), or the run was removed.
    """
    if not is_there(run):
        raise FileNotFoundError(errno.ENOENT, "the run was removed", str(run))
    line = (json.dumps(event) + "\n").encode()
    handle = os.open(run / "events.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(handle, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(run / "events.jsonl"))
        os.fsync(handle)
    finally:
        os.close(handle)


def mend_log(run: Path) -> None:
    """Cut a half-written last line off; for whoever holds the run's lock, before it appends."""
    path = run / "events.jsonl"
    if path.is_file():
        raw = path.read_bytes()
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            os.truncate(path, whole)


def read(run: Path) -> Log:
    """Return the events and the history so far; to ask again costs what was added since.

    Raises:
        RunError: the system refuses to read them, or the run was removed.
    """
    path = run / "events.jsonl"
    try:
        with path.open("rb") as file:
            found, head = os.fstat(file.fileno()), file.read(_HEAD_BYTES)
            known = _read.get(path)
            if known is None or not known.continues(found, head):
                known = Log(found.st_ino, head)
            elif found.st_size == known.end:
                return known
            file.seek(known.end)
            raw = file.read()
    except FileNotFoundError:
        check_there(run)
        return Log(0, b"")
    except OSError as error:
        raise RunError(f"run {run.name}: {path} cannot be read: {error.strerror}") from error
    end = known.end + raw.rfind(b"\n") + 1
    if end > known.end:
        added = _events_in(raw[: end - known.end])
        told = _with_epochs(known.history, added)
        known = Log(known.inode, head, end, (*known.events, *added), told)
    keep(_read, path, known)
    return known


def events(run: Path) -> tuple[Event, ...]:
    """Return every complete, well-formed event in order. They are shared: do not change them.

    Raises:
        RunError: see :func:`read`.
    """
    return read(run).events


def history(run: Path) -> tuple[EpochRecord, ...]:
    """Return the epochs so far; those that a damaged checkpoint took back do not count.

    Raises:
        RunError: see :func:`read`.
    """
    return read(run).history


def _named(pairs: list[tuple[str, Any]]) -> Event:
    """Make an object whose names are shared by all: a long log has few names, often."""
    return {sys.intern(name): value for name, value in pairs}


def _events_in(lines: bytes) -> list[Event]:
    found = []
    for line in lines.splitlines():
        try:
            event = json.loads(line, object_pairs_hook=_named)
        except ValueError:
            continue
        if _is_event(event):
            found.append(event)
    return found


def _is_event(value: Any) -> bool:
    """Whether a line says what is read without a second look; a later version may say more."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return False
    texts = all(isinstance(value.get(name, ""), str) for name in ("reason", "text"))
    state = value["kind"] != "state" or value.get("state") in _STATES
    return texts and state and is_time(value.get("time", 0.0))


def _with_epochs(known: tuple[EpochRecord, ...], added: Sequence[Event]) -> tuple[EpochRecord, ...]:
    """Return the history after some more events; an epoch of which a number is odd has none."""
    records = {record.epoch: record for record in known}
    for event in added:
        if event["kind"] == "restored" and isinstance(event.get("epoch"), int):
            records = {n: one for n, one in records.items() if n < event["epoch"]}
        if event["kind"] == "epoch" and _is_whole(event):
            records[event["epoch"]] = EpochRecord(**{name: event[name] for name in _NUMBERS})
    return tuple(records[epoch] for epoch in sorted(records))


def _is_whole(event: Event) -> bool:
    return all(type(event.get(name)) in types for name, types in _NUMBERS.items())
