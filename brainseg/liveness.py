"""Who is at work: advisory locks that die with their holder, and processes that are not mistaken.

A lock (``flock``) belongs to an open file and is passed on to child processes; the system frees it
when the last of them ends, however that happens. A pid alone names nobody, since pids are used
again: a process is known by pid, start time and boot.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

_POLL_SECONDS = 0.02


def take(path: Path, *, seconds: float = 0.0) -> int | None:
    """Take the lock of ``path`` and return its open file, or None after ``seconds`` in vain.

    Raises:
        OSError: the file can be neither opened nor made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(handle)
                return None
            time.sleep(_POLL_SECONDS)


def not_started(error: OSError) -> str:
    """Say that the system refused a new process."""
    return f"no process could be started: {error.strerror}"


def is_held(path: Path) -> bool:
    """Whether any process holds the lock of ``path``; asking does not disturb a second asker."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process and no other: ``started`` counts clock ticks since ``boot``."""

    pid: int
    started: float
    boot: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for ``process.json``."""
        return asdict(self)


def boot() -> str:
    """Return what names this start of the computer; it does not change with the clock."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))


def identify(pid: int) -> Process | None:
    """Return who has ``pid`` now, or None where nobody has it or only its remains (a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (
            None if fields[0] in "ZX" else Process(pid=pid, started=float(fields[19]), boot=boot())
        )
    except (OSError, IndexError):
        pass
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Process(pid=pid, started=process.create_time(), boot=boot())
    except psutil.Error:
        return None


def is_alive(process: Process) -> bool:
    """Whether this very process still runs."""
    return identify(process.pid) == process
