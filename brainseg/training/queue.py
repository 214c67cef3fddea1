"""The queues in front of the devices: one run a device, in the order in which they came.

A waiting run holds a ticket, a numbered file under lock that names the devices it may use; a
running one holds the lock of its device. Both are locks of the system: whoever dies leaves its
place at once, and no clean-up is needed for the next to go on. A device goes to the earliest ticket
that names it, so a run for the CPU never waits for one that wants a GPU, and several GPUs serve
those that name them all side by side. A run that wants all of them takes all locks or none, and as
long as it waits nobody behind it takes any.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainseg import liveness, paths
from brainseg.errors import RunError
from brainseg.training import hardware

_MUTEX_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A place in the queues, held as long as ``handle`` is open in some process."""

    path: Path
    handle: int

    def give_back(self) -> None:
        """Leave the queue."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            os.close(self.handle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that is ours as long as ``handle`` is open in some process."""

    name: str
    handle: int


def device_names() -> tuple[str, ...]:
    """Return what the runs of this machine queue for: ``cpu``, or every visible NVIDIA GPU.

    ``cpu``, too, where the backend sees no GPU though some are there or named.
    """
    wanted = hardware.visible()
    names = hardware.nodes() if wanted is None else wanted
    if not names or hardware.backend_gpus() == 0:
        return ("cpu",)
    return tuple(f"gpu-{name}" for name in names)


def draw(run: Path) -> Ticket:
    """Take the last place in the queue of every device that this process may use.

    Raises:
        RunError: the queue is stuck.
    """
    folder, devices = _folder(), device_names()
    folder.mkdir(parents=True, exist_ok=True)
    mutex = liveness.take(folder / "mutex", seconds=_MUTEX_SECONDS)
    if mutex is None:
        raise RunError(f"the queue in {folder} is stuck: does another process hold its mutex?")
    try:
        numbers = [int(path.stem) for path in _tickets() if not _removed_if_dead(path)]
        path = folder / f"{max(numbers, default=0) + 1:08d}.json"
        handle = liveness.take(path, seconds=_MUTEX_SECONDS)
        if handle is None:
            raise RunError(f"the ticket {path} cannot be locked")
        told = {"run": str(run.resolve()), "devices": devices}
        os.pwrite(handle, json.dumps(told).encode(), 0)
        return Ticket(path=path, handle=handle)
    finally:
        os.close(mutex)


def try_to_leave(ticket: Ticket, *, every: bool = False) -> tuple[Device, ...]:
    """Exchange a ticket for a device that is free and its turn, or for ``every``; else for none."""
    names, taken = device_names(), []
    spoken_for = {name for path in _waiting() if path < ticket.path for name in _wanted(path)}
    for name in names:
        handle = None if name in spoken_for else liveness.take(_lock_of(name))
        if handle is not None:
            taken.append(Device(name=name, handle=handle))
            if not every:
                break
    if len(taken) < (len(names) if every else 1):
        for device in taken:
            os.close(device.handle)
        return ()
    ticket.give_back()
    return tuple(taken)


def wait(ticket: Ticket, *, pause: Callable[[], bool], every: bool = False) -> tuple[Device, ...]:
    """Wait for a device or ``every`` one; ``pause`` sleeps, and says whether to give up: none."""
    while True:
        devices = try_to_leave(ticket, every=every)
        if devices:
            return devices
        if pause():
            ticket.give_back()
            return ()


def place(run: Path) -> int | None:
    """Return the place of a waiting run, from 1 for the next to go; None where it does not wait.

    Those count that wait for a device which this one waits for, too.
    """
    waiting = _waiting()
    for number, path in enumerate(waiting):
        if _told(path).get("run") == str(run.resolve()):
            wanted = _wanted(path)
            return 1 + sum(not wanted.isdisjoint(_wanted(one)) for one in waiting[:number])
    return None


def _wanted(ticket: Path) -> set[str]:
    """Return the devices that a ticket names; all that are here until it is written whole."""
    return set(_told(ticket).get("devices") or device_names())


def _told(ticket: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return dict(json.loads(ticket.read_text()))
    return {}


def _folder() -> Path:
    return paths.runs() / ".queue"


def _lock_of(device: str) -> Path:
    return paths.runs() / (".device.lock" if device == "cpu" else f".device-{device}.lock")


def _tickets() -> list[Path]:
    return sorted(_folder().glob("[0-9]*.json"))


def _waiting() -> list[Path]:
    return [path for path in _tickets() if liveness.is_held(path)]


def _removed_if_dead(path: Path) -> bool:
    if liveness.is_held(path):
        return False
    path.unlink(missing_ok=True)
    return True
