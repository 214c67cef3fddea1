"""What this machine has to train on, and how busy it is: asked of the system, without a backend."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_SECONDS = 3.0  # nvidia-smi answers within one, unless its driver hangs
_FIELDS = ("name", "memory.total", "memory.used", "utilization.gpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU as the driver reports it; ``None`` where it does not say."""

    name: str
    memory_mb: float
    used_mb: float
    load_percent: float | None


def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs of this machine; empty where there is no ``nvidia-smi``."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    asked = [program, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(gpu for line in told.stdout.splitlines() if (gpu := read_gpu(line)))


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
    """Return what training will run on, with its memory, in words."""
    found = gpus()
    if found:
        return " and ".join(f"{gpu.name}, {gpu.memory_mb / 1024:.0f} GB" for gpu in found)
    memory = psutil.virtual_memory().total / 2**30
    return f"CPU ({cpu_name()}), {cores()} cores, {memory:.0f} GB"


def memory_mb(pid: int) -> float | None:
    """Return the memory in use by a process and its children, or None where it has ended."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return float(sum(one.memory_info().rss for one in family)) / 2**20
    except psutil.Error:
        return None
