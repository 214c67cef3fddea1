"""Faults that a process does to itself, from outside the product's code.

``name:number`` arms one. The write faults count every operation that changes the disk: each write,
fsync, rename and remove.
"""

from __future__ import annotations

import atexit
import errno
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_seen = 0


def arm(fault: str) -> None:
    """Switch on ``name:number``."""
    name, _, number = fault.partition(":")
    {
        "kill-write": lambda: _watch_writes(_at(int(number), _kill)),
        "full-disk": lambda: _watch_writes(_from(int(number)), moves=False),
        "count-writes": _count_writes,
        "kill-batch": lambda: _in_batch(int(number), _kill),
        "no-memory": lambda: _in_batch(int(number), _no_memory),
        "hang": lambda: _in_batch(int(number), lambda: time.sleep(3600)),
        "lose-data": lambda: _in_batch(int(number), _lose_data),
        "clock-back": lambda: _in_batch(int(number), _clock_back),
        "stand-in": lambda: _stand_in(float(number)),
    }[name]()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _no_memory() -> None:
    raise MemoryError("injected")


def _lose_data() -> None:
    Path(os.environ["BRAINSEG_FAULT_DATA"]).unlink()


def _clock_back() -> None:
    honest = time.time
    time.time = lambda: honest() - 3600  # type: ignore[assignment]


def _in_batch(number: int, act: Callable[[], None]) -> None:
    """Act before batch ``number`` of this process, counted from 1."""
    from brainseg.training.batches import Batches

    original, count = Batches.epoch, 0

    def epoch(self: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal count
        for batch in original(self, *arguments, **options):
            count += 1
            if count == number:
                act()
            yield batch

    Batches.epoch = epoch  # type: ignore[method-assign]


def _at(number: int, act: Callable[[], None]) -> Callable[[], None]:
    def check() -> None:
        if _seen == number:
            act()

    return check


def _from(number: int) -> Callable[[], None]:
    def check() -> None:
        if _seen >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return check


def _count_writes() -> None:
    _watch_writes(lambda: None)
    counted = os.environ["BRAINSEG_FAULT_COUNT"]
    plain_open, plain_write = os.open, os.write

    def tell() -> None:
        handle = plain_open(counted, os.O_WRONLY | os.O_CREAT)
        plain_write(handle, str(_seen).encode())

    atexit.register(tell)


def _watch_writes(check: Callable[[], None], *, moves: bool = True) -> None:
    """Call ``check`` in the middle of every write and, with ``moves``, before what follows one."""

    def counted() -> None:
        global _seen
        _seen += 1
        check()

    def wrap(name: str) -> None:
        original = getattr(os, name)

        def wrapped(*arguments: Any, **options: Any) -> Any:
            counted()
            return original(*arguments, **options)

        setattr(os, name, wrapped)

    for name in ("replace", "unlink", "fsync") if moves else ():
        wrap(name)
    write = os.write

    def torn_write(handle: int, data: bytes) -> int:
        half = write(handle, data[: len(data) // 2])
        counted()
        return half + write(handle, data[len(data) // 2 :])

    os.write = torn_write

    class Torn(io.FileIO):
        def write(self, data: Any) -> int:
            whole = bytes(data)
            half = super().write(whole[: len(whole) // 2]) or 0
            counted()
            return half + (super().write(whole[len(whole) // 2 :]) or 0)

    plain = io.open

    def opened(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if mode == "wb":
            return io.BufferedWriter(Torn(path, "w"))
        return plain(path, mode, *arguments, **options)

    io.open = opened  # type: ignore[assignment]


def _stand_in(seconds: float) -> None:
    """Be a worker without a backend: note when it worked, and finish."""
    run = Path(sys.orig_argv[-1])
    log = run.parent / "worked.jsonl"

    def note(**event: object) -> None:
        line = json.dumps({"run": run.name, "time": time.monotonic(), **event}) + "\n"
        with log.open("a") as file:
            file.write(line)

    def record(state: str) -> None:
        event = {"kind": "state", "state": state, "time": time.time()}
        with (run / "events.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")

    from brainseg import files, liveness

    files.write_json(run / "process.json", liveness.identify(os.getpid()).to_dict())
    record("running")
    note(kind="begin")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not (run / "stop").exists():
        time.sleep(0.005)
    note(kind="end")
    record("finished")
    os._exit(0)
