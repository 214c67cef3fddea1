"""Faults that a process does to itself, from outside the product's code.

``name:number`` arms one. The write faults count every operation that changes the disk: each write,
fsync, rename and remove; with ``BRAINSEG_FAULT_FILE`` those on one kind of file. What was counted,
or when and where a process ended itself, is a line of the file ``BRAINSEG_FAULT_NOTES``.
"""

from __future__ import annotations

import atexit
import errno
import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_seen: list[str] = []  # the kind of file of each operation on the disk
_honest_open = io.open
_MOVES = ("replace", "rename", "unlink", "rmdir", "mkdir", "truncate", "posix_fallocate", "fsync")


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
        "clock-back": lambda: _in_batch(int(number), lambda: _move_clock(-3600)),
        "clock-forward": lambda: _in_batch(int(number), lambda: _move_clock(3600)),
        "stand-in": lambda: _stand_in(float(number)),
    }[name]()


def _note(*lines: object) -> None:
    """Add lines to the notes, where somebody wants them."""
    if "BRAINSEG_FAULT_NOTES" in os.environ:
        with _honest_open(os.environ["BRAINSEG_FAULT_NOTES"], "a") as notes:
            notes.writelines(f"{line}\n" for line in lines)


def _kill() -> None:
    _note(time.monotonic())
    os.kill(os.getpid(), signal.SIGKILL)


def _no_memory() -> None:
    _note(time.monotonic())
    raise MemoryError("injected")


def _lose_data() -> None:
    Path(os.environ["BRAINSEG_FAULT_DATA"]).unlink()


def _move_clock(seconds: float) -> None:
    honest = time.time
    time.time = lambda: honest() + seconds  # type: ignore[assignment]


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
        if len(_seen) == number:
            act()

    return check


def _from(number: int) -> Callable[[], None]:
    def check() -> None:
        if len(_seen) >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return check


def _count_writes() -> None:
    _watch_writes(lambda: None)
    atexit.register(lambda: _note(*_seen))


def _kind(file: Any) -> str:
    """Return what kind of file this is (a path or an open file): its folder and its name.

    Numbers are N, and what is temporary counts as what it becomes.
    """
    by_number = isinstance(file, int)
    path = Path(f"/proc/self/fd/{file}").readlink() if by_number else Path(os.fsdecode(file))
    temporary = r"^\.?(network|arrays)-.*|^\.(.+)\.\d+\.\d+\.tmp$|^(tmp)\w{8}$"
    plain = "/".join(re.sub(temporary, r"\1\2\3", name) for name in path.parts[-2:])
    return re.sub(r"\d+", "N", plain)


def _watch_writes(check: Callable[[], None], *, moves: bool = True) -> None:
    """Call ``check`` in the middle of every write and, with ``moves``, before what follows one."""
    wanted = os.environ.get("BRAINSEG_FAULT_FILE")

    def counted(file: Any) -> None:
        kind = _kind(file)
        if wanted in (None, kind):
            _seen.append(kind)
            check()

    def wrap(name: str) -> None:
        original = getattr(os, name)

        def wrapped(file: Any, *arguments: Any, **options: Any) -> Any:
            counted(file)
            return original(file, *arguments, **options)

        setattr(os, name, wrapped)

    for name in _MOVES if moves else ():
        wrap(name)
    write, pwrite = os.write, os.pwrite

    def torn_write(handle: int, data: bytes) -> int:
        half = write(handle, data[: len(data) // 2])
        counted(handle)
        return half + write(handle, data[len(data) // 2 :])

    def torn_pwrite(handle: int, data: bytes, place: int) -> int:
        half = pwrite(handle, data[: len(data) // 2], place)
        counted(handle)
        return half + pwrite(handle, data[len(data) // 2 :], place + half)

    os.write, os.pwrite = torn_write, torn_pwrite

    class Torn(io.FileIO):
        def write(self, data: Any) -> int:
            whole = bytes(data)
            half = super().write(whole[: len(whole) // 2]) or 0
            counted(self.fileno())
            return half + (super().write(whole[len(whole) // 2 :]) or 0)

    def opened(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if mode == "wb":
            return io.BufferedWriter(Torn(path, "w"))
        if mode == "w+b":
            return io.BufferedRandom(Torn(path, "w+"))
        return _honest_open(path, mode, *arguments, **options)

    io.open = opened  # type: ignore[assignment]
    if "brainseg.training.worker" in sys.orig_argv:
        _tear_native_writes(counted)


def _tear_native_writes(counted: Callable[[Any], None]) -> None:
    """Count what OpenVINO and TensorFlow write themselves, before the last bytes are there."""
    from brainseg.runtime import openvino
    from brainseg.training.tensorboard import EventFile

    def not_whole(path: Path) -> None:
        with _honest_open(path, "r+b") as file:
            whole = file.read()
            file.truncate(len(whole) - 16)
            counted(path)
            file.seek(0)
            file.write(whole)

    save, write = openvino.save_model, EventFile._write

    def save_model(model: Any, path: Any, **options: Any) -> None:
        save(model, path, **options)
        not_whole(Path(path))
        not_whole(Path(path).with_suffix(".bin"))

    def write_event(self: Any, event: object) -> None:
        write(self, event)
        not_whole(max((Path(sys.orig_argv[-1]) / "tensorboard").iterdir()))

    openvino.save_model, EventFile._write = save_model, write_event  # type: ignore[method-assign]


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
