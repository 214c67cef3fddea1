"""What this machine has to train on, and how busy it is: asked of the system, without a backend.

A GPU that the driver knows may be of no use to the backend: TensorFlow without CUDA trains on the
CPU beside it. So where there is one, the backend is asked, once, in a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import psutil

from brainseg import files, paths

_SECONDS = 3.0  # nvidia-smi answers within one, unless its driver hangs
_NAMES_SECONDS = 600.0  # for so long the names of the GPUs are taken for what they were
_ASKING_SECONDS = 120.0  # to open a backend on a busy machine
_asking = threading.Lock()
_answers: dict[Path, int | None] = {}
_FIELDS = ("name", "memory.total", "memory.used", "utilization.gpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU as the driver reports it; ``None`` where it does not say."""

    name: str
    memory_mb: float
    used_mb: float
    load_percent: float | None


def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs that are not hidden; empty where there is no ``nvidia-smi``."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    asked = [program, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    found = [read_gpu(line) for line in told.stdout.splitlines()]
    wanted = visible()
    if wanted is not None and all(name.isdigit() for name in wanted):  # not by UUID
        found = [gpu for number, gpu in enumerate(found) if str(number) in wanted]
    return tuple(gpu for gpu in found if gpu)


def read_gpu(line: str) -> Gpu | None:
    """Read one line of what ``nvidia-smi`` prints for :func:`gpus`; None for anything else."""
    parts = [part.strip() for part in line.rsplit(",", 3)]
    if len(parts) != len(_FIELDS):
        return None
    name, total, used, load = parts
    try:
        busy = float(load) if load.replace(".", "").isdigit() else None
        return Gpu(name=name, memory_mb=float(total), used_mb=float(used), load_percent=busy)
    except ValueError:
        return None


def cpu_name() -> str:
    """Return what the processor is called, or its architecture where the system does not say."""
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        if found and "unknown" not in found[1].lower():
            return re.sub(r"\((R|TM)\)|\s+@.*| CPU\b", "", found[1]).strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> str:
    """Return what training will run on, with its memory, in words; of several GPUs all of them."""
    if found := usable():
        return _in_words(found)
    memory = psutil.virtual_memory().total / 2**30
    return f"CPU ({cpu_name()}), {cores()} cores, {memory:.0f} GB"


def usable() -> tuple[str, ...]:
    """Return the GPUs that training can run on, each with its memory, in words."""
    found = _gpu_names()
    return found if found and visible() != () and backend_gpus() != 0 else ()


def unused() -> str:
    """Return the GPUs, in words, that nobody hid but the backend cannot use; empty for none."""
    found = _gpu_names()
    return _in_words(found) if found and visible() != () and backend_gpus() == 0 else ""


def _gpu_names() -> tuple[str, ...]:
    program = shutil.which("nvidia-smi")
    period = int(time.monotonic() / _NAMES_SECONDS)
    return _names_told_by(program, visible(), period) if program else ()


@lru_cache(maxsize=4)
def _names_told_by(program: str, wanted: tuple[str, ...] | None, period: int) -> tuple[str, ...]:
    return tuple(f"{gpu.name}, {gpu.memory_mb / 1024:.0f} GB" for gpu in gpus())


def _in_words(names: Sequence[str]) -> str:
    """Return "2 x A, 40 GB and B, 80 GB"."""
    counted = Counter(names).items()
    return " and ".join(f"{count} x {name}" if count > 1 else name for name, count in counted)


def visible() -> tuple[str, ...] | None:
    """Return the GPUs that ``CUDA_VISIBLE_DEVICES`` names; None where it is not set."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return None
    return tuple(name.strip() for name in named.split(",") if name.strip() not in ("", "-1"))


def nodes() -> tuple[str, ...]:
    """Return the numbers of the NVIDIA GPUs for which the system has a device file."""
    found = [re.fullmatch(r"nvidia(\d+)", path.name) for path in Path("/dev").glob("nvidia*")]
    return tuple(map(str, sorted(int(one[1]) for one in found if one)))


def backend_gpus() -> int | None:
    """Return how many GPUs the backend would train on, None where it cannot be asked.

    Asked once, which opens it in a process of its own and takes seconds; kept until it, its
    environment or the driver changes. Ask only where an NVIDIA GPU is there or named.
    """
    kept = _kept()
    with _asking:
        if kept not in _answers:
            _answers[kept] = _read(kept)
            if _answers[kept] is None:
                _answers[kept] = _ask()
                _keep(kept, _answers[kept])
        return _answers[kept]


def is_asked() -> bool:
    """Whether :func:`backend_gpus` will answer at once, or no GPU is here or named to ask of."""
    if visible() == () or not (visible() or nodes() or _gpu_names()):
        return True
    kept = _kept()
    return kept in _answers or _read(kept) is not None


def backend() -> str:
    """Return the name of the package that trains."""
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def _kept() -> Path:
    """Return the file of the answer; its name holds all on which the answer depends.

    Packages that come or go (CUDA beside the same TensorFlow) change the time of their folder.
    """
    name, packages = backend(), Path(sysconfig.get_path("purelib"))
    changed, driver = 0, ""
    with suppress(OSError):
        changed = packages.stat().st_mtime_ns
    with suppress(OSError):
        driver = Path("/proc/driver/nvidia/version").read_text()
    decisive: list[object] = [sys.executable, name, _version(name, changed), driver, nodes()]
    decisive += [str(packages), changed]
    decisive += [os.environ.get(word) for word in ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")]
    digest = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()
    return paths.cache() / "gpus" / f"{digest[:20]}.json"


@lru_cache(maxsize=8)
def _version(package: str, changed: int) -> str:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return ""


def _read(kept: Path) -> int | None:
    try:
        return int(json.loads(kept.read_text())["gpus"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _keep(kept: Path, found: int | None) -> None:
    with suppress(OSError):  # asked again by the next process
        if found is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(kept, {"backend": backend(), "gpus": found})


def _ask() -> int | None:
    environment = os.environ | {
        "PYTHONPATH": paths.search_path(),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # JAX would take the memory of a training
    }
    try:
        told = subprocess.run(
            [sys.executable, "-m", "brainseg", "devices", "--json"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment,
            timeout=_ASKING_SECONDS, check=True,
        )  # fmt: skip
        return len([one for one in json.loads(told.stdout) if one["kind"] != "CPU"])
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, KeyError):
        return None


def memory_mb(pid: int) -> float | None:
    """Return the memory in use by a process and its children, or None where it has ended."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return float(sum(one.memory_info().rss for one in family)) / 2**20
    except psutil.Error:
        return None
