"""The queue in front of the devices: one run a device, in the order in which they came.

A waiting run holds a ticket, a numbered file under lock; a running one holds the lock of its
device. Both are locks of the system: whoever dies leaves its place at once, and no clean-up is
needed for the next to go on. Several GPUs serve the one queue side by side. A run that wants all
of them takes all locks or none, and as long as it is first nobody behind it takes any.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from brainseg import liveness, paths
from brainseg.errors import RunError
from brainseg.training import hardware

_MUTEX_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A place in the queue, held as long as ``handle`` is open in some process."""

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

    ``cpu``, too, where the backend cannot use the GPUs that are there.
    """
    wanted, here = hardware.visible(), hardware.nodes()
    names = here if wanted is None else wanted
    if not names or (here and hardware.backend_gpus() == 0):
        return ("cpu",)
    return tuple(f"gpu-{name}" for name in names)


def draw(run: Path) -> Ticket:
    """Take the last place in the queue.

    Raises:
        RunError: the queue is stuck.
    """
    folder = _folder()
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
        os.pwrite(handle, json.dumps({"run": str(run.resolve())}).encode(), 0)
        return Ticket(path=path, handle=handle)
    finally:
        os.close(mutex)


def ahead(ticket: Path) -> int:
    """Return how many waiting runs have an earlier ticket."""
    return sum(liveness.is_held(path) for path in _tickets() if path.name < ticket.name)


def try_to_leave(ticket: Ticket, *, every: bool = False) -> tuple[Device, ...]:
    """Exchange the first ticket for a free device, or for ``every`` one; else return none."""
    if ahead(ticket.path):
        return ()
    names, taken = device_names(), []
    for name in names:
        handle = liveness.take(_lock_of(name))
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
    """Return the place of a waiting run, from 1 for the next to go; None where it does not wait."""
    waiting = [path for path in _tickets() if liveness.is_held(path)]
    for number, path in enumerate(waiting, start=1):
        with suppress(OSError, ValueError):
            if json.loads(path.read_text())["run"] == str(run.resolve()):
                return number
    return None


def _folder() -> Path:
    return paths.runs() / ".queue"


def _lock_of(device: str) -> Path:
    return paths.runs() / (".device.lock" if device == "cpu" else f".device-{device}.lock")


def _tickets() -> list[Path]:
    return sorted(_folder().glob("[0-9]*.json"))


def _removed_if_dead(path: Path) -> bool:
    if liveness.is_held(path):
        return False
    path.unlink(missing_ok=True)
    return True
