"""The events of a run: one JSON object a line, appended with one write, read as it grows.

A reader ignores an incomplete last line and every line that is no event, and keeps its place: to
ask again costs what was added since.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from brainseg.types import EpochRecord

Event = dict[str, Any]
_NUMBERS = {field.name for field in fields(EpochRecord)}
_KEPT_LOGS = 512
_HEAD_BYTES = 80  # the time of the first event is in it


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of the file ``inode`` that begins with ``head``, up to its byte ``end``."""

    inode: int
    head: bytes
    end: int
    events: tuple[Event, ...]

    def continues(self, found: os.stat_result, head: bytes) -> bool:
        """Whether the file on disk is this one, perhaps grown."""
        same = found.st_ino == self.inode and head.startswith(self.head)
        return same and found.st_size >= self.end


_read: dict[Path, _Read] = {}


def append_event(run: Path, event: Mapping[str, Any]) -> None:
    """Append one line with a single write and flush it to disk; end a torn line before it.

    Raises:
        OSError: it could not be written whole (ENOSPC on a full disk).
    """
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


def events(run: Path) -> tuple[Event, ...]:
    """Return every complete, well-formed event in order. They are shared: do not change them."""
    path = run / "events.jsonl"
    try:
        with path.open("rb") as file:
            found, head = os.fstat(file.fileno()), file.read(_HEAD_BYTES)
            known = _read.get(path)
            if known is None or not known.continues(found, head):
                known = _Read(found.st_ino, head, 0, ())
            file.seek(known.end)
            raw = file.read()
    except FileNotFoundError:
        return ()
    whole = raw.rfind(b"\n") + 1
    if whole:
        added = tuple(_events_in(raw[:whole]))
        known = _Read(known.inode, head, known.end + whole, known.events + added)
    while len(_read) >= _KEPT_LOGS:
        _read.pop(next(iter(_read)), None)
    _read[path] = known
    return known.events


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
        if isinstance(event, dict) and isinstance(event.get("kind"), str):
            found.append(event)
    return found


def history(run: Path) -> tuple[EpochRecord, ...]:
    """Return the epochs so far; those that a damaged checkpoint took back do not count."""
    records: dict[int, EpochRecord] = {}
    for event in events(run):
        if event["kind"] == "restored" and isinstance(event.get("epoch"), int):
            records = {n: one for n, one in records.items() if n < event["epoch"]}
        if event["kind"] == "epoch" and set(event) >= _NUMBERS:
            records[event["epoch"]] = EpochRecord(**{name: event[name] for name in _NUMBERS})
    return tuple(records[epoch] for epoch in sorted(records))
