"""Do one piece of work on foreign bytes in a process of its own, limited in memory and time.

A codec that crashes, hangs or eats memory there costs the server one sentence. Each process does
one piece of work and ends, so that nothing of a user's file outlives it; a spare one that has
imported everything already waits for the next (``prepare``). The processes live no longer than
the server: they end when the pipe to it closes, and at ``WALL_SECONDS`` in any case.

What crosses the pipe, either way, is one line of JSON and then plain bytes. Nothing is unpickled.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any, NamedTuple

from brainseg import paths
from brainseg.errors import ChoiceNeeded, ScanError

MEMORY_BYTES = 4 * 2**30  # of address space; macOS does not hold a process to it
CPU_SECONDS = 20
WALL_SECONDS = 30
AT_ONCE = 2
QUEUE_SECONDS = 60
MOST_REPLY_BYTES = 2**30
OPENCV_PIXELS = 2**26  # OpenCV's own limit; read by it once, when it is imported
_LINE_BYTES = 2**20
_KEPT = ("PATH", "LANG", "LC_", "LD_", "DYLD_", "PYTHON", "VIRTUAL_ENV", "TMPDIR", "BRAINSEG_")
_TOO_LONG = "it takes too long to decode; give a smaller file, or the same in another format"
_CRASHED = "a decoder gave up on it: it is damaged, or of a kind that cannot be read here"

_slots = threading.BoundedSemaphore(AT_ONCE)
_lock = threading.Lock()
_spares: list[subprocess.Popen[bytes]] = []


class Message(NamedTuple):
    """What crosses the pipe: JSON fields, then blobs of bytes."""

    fields: dict[str, Any]
    blobs: list[bytes]


def run(job: str, subject: str, fields: Mapping[str, Any], blobs: Sequence[Any]) -> Message:
    """Let another process do ``job`` and return its answer.

    Args:
        job: one of ``isolated.JOBS``.
        subject: what an error of the process itself is about; safe to show.
        fields: what JSON can carry.
        blobs: bytes or C-contiguous arrays.

    Raises:
        ScanError: the job refused its input, crashed, or ran into a limit.
        ChoiceNeeded: as the job raised it.
    """
    if not _slots.acquire(timeout=QUEUE_SECONDS):
        raise ScanError(f"{subject}: other files are being read now; try again in a minute")
    try:
        process = _take()
        watchdog = threading.Timer(WALL_SECONDS, process.kill)
        watchdog.start()
        try:
            answer = _ask(process, {**fields, "job": job}, blobs)
        finally:
            watchdog.cancel()
            code = _end(process)
    finally:
        _slots.release()
    if answer is None:
        late = code in (-signal.SIGKILL, -signal.SIGXCPU, -signal.SIGALRM)
        raise ScanError(f"{subject}: {_TOO_LONG if late else _CRASHED}")
    return checked(answer)


def checked(answer: Message) -> Message:
    """Return the answer, or raise the refusal that it is.

    Raises:
        ChoiceNeeded, ScanError: with the other process's text, which is foreign: made one plain
            line.
    """
    fields = answer.fields
    if "refused" not in fields:
        return answer
    text = _plain(fields["refused"])
    if fields.get("count"):
        labels = [_plain(label) for label in fields.get("labels", ())]
        raise ChoiceNeeded(text, count=int(fields["count"]), labels=labels)
    raise ScanError(text)


def prepare() -> None:
    """Let a process get ready in the background, so that the next ``run`` starts at once.

    Returns within milliseconds; does nothing where one is ready already. A screen that offers an
    upload calls it before the file has come.
    """
    with _lock:
        _spares[:] = [spare for spare in _spares if spare.poll() is None]
        if not _spares:
            _spares.append(_start())


@atexit.register
def close() -> None:
    """End the process that waits, if there is one."""
    with _lock:
        spares, _spares[:] = list(_spares), []
    for spare in spares:
        _end(spare)


def send(stream: IO[bytes], fields: Mapping[str, Any], blobs: Sequence[Any] = ()) -> None:
    """Write one message."""
    views = [memoryview(blob).cast("B") for blob in blobs]
    head = json.dumps({"fields": dict(fields), "sizes": [view.nbytes for view in views]})
    stream.write(head.encode() + b"\n")
    for view in views:
        stream.write(view)
    stream.flush()


def receive(stream: IO[bytes], most: int) -> Message:
    """Read one message with at most ``most`` bytes of blobs.

    Raises:
        EOFError: it ends too early.
        ValueError: it is no message, or too large.
    """
    line = stream.readline(_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    sizes = [int(size) for size in head["sizes"]]
    if min(sizes, default=0) < 0 or sum(sizes) > most:
        raise ValueError("the message is too large")
    blobs = []
    for size in sizes:
        blobs.append(stream.read(size))
        if len(blobs[-1]) != size:
            raise EOFError
    return Message(dict(head["fields"]), blobs)


def limit_this_process() -> None:
    """Put the limits on memory and time on the process that calls it."""
    import resource

    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # macOS knows no RLIMIT_AS
            resource.setrlimit(kind, (limit, limit))


def _take() -> subprocess.Popen[bytes]:
    with _lock:
        while _spares:
            spare = _spares.pop()
            if spare.poll() is None:
                return spare
    return _start()


def _start() -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "brainseg.data.isolated"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=kept
        | {
            "PYTHONPATH": paths.search_path(),
            "OPENCV_IO_MAX_IMAGE_PIXELS": str(OPENCV_PIXELS),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )


def _ask(
    process: subprocess.Popen[bytes], fields: Mapping[str, Any], blobs: Sequence[Any]
) -> Message | None:
    """Return the answer, or None where the process died over it."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        send(process.stdin, fields, blobs)
        return receive(process.stdout, MOST_REPLY_BYTES)
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


def _end(process: subprocess.Popen[bytes]) -> int:
    """Close the pipes, see the process off and return its exit status."""
    with contextlib.suppress(subprocess.TimeoutExpired):  # after an answer it is about to leave
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        return process.wait(timeout=1)
    process.kill()
    return process.wait()


def _plain(text: object) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in str(text)[:500])
