"""What reading files costs the process that decodes them: seconds and the highest memory."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from brainseg.data import decoding, isolation
from brainseg.errors import BrainsegError


class Cost(NamedTuple):
    """Outcome ``read`` or ``refused``, or the name of any other error; and what it took."""

    outcome: str
    sentence: str
    seconds: float
    cpu_seconds: float
    peak_mb: float


class _Watch:
    """Looks at every decoding process a hundred times a second, for its peak and its time."""

    def __init__(self) -> None:
        self.peak_mb = self.cpu_seconds = 0.0
        self._over = threading.Event()

    def __enter__(self) -> _Watch:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.01):
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error, OSError):
                    if "brainseg.data.isolated" not in child.cmdline():
                        continue  # a server of the browser tests, say
                    self.peak_mb = max(self.peak_mb, _peak_mb(child))
                    spent = child.cpu_times()
                    self.cpu_seconds = max(self.cpu_seconds, spent.user + spent.system)


def _peak_mb(child: psutil.Process) -> float:
    """Return the highest resident memory so far; where that is not told, the memory now."""
    status = Path(f"/proc/{child.pid}/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(found[1]) / 1024 if found else 0.0
    return float(child.memory_info().rss) / 2**20


def ready() -> None:
    """Wait until a decoding process has imported everything, as it has when a file is chosen."""
    decoding.prepare()
    (spare,) = isolation._spares
    deadline, before = time.monotonic() + 60, -1.0
    while time.monotonic() < deadline:
        spent = psutil.Process(spare.pid).cpu_times().user
        if spent > 0.2 and spent == before:
            return
        before = spent
        time.sleep(0.3)
    raise subprocess.TimeoutExpired("a decoding process", 60)


def cost(files: list[tuple[str, bytes]]) -> Cost:
    """Read files as an upload is read, in a process that waits for them."""
    ready()
    begun = time.perf_counter()
    with _Watch() as watch:
        try:
            decoding.read_limited(files)
            outcome, sentence = "read", ""
        except BrainsegError as error:
            outcome, sentence = "refused", str(error)
        except Exception as error:
            outcome, sentence = type(error).__name__, str(error)
        seconds = time.perf_counter() - begun
    return Cost(outcome, sentence, seconds, watch.cpu_seconds, watch.peak_mb)
