from __future__ import annotations

from pathlib import Path

import pytest

from brainseg.training import hardware
from brainseg.training.hardware import Gpu


def test_a_line_of_the_driver_is_a_gpu() -> None:
    found = hardware.read_gpu("NVIDIA A100-SXM4-40GB, 40960, 1234, 87")
    assert found == Gpu(
        name="NVIDIA A100-SXM4-40GB", memory_mb=40960, used_mb=1234, load_percent=87
    )


def test_a_load_that_the_driver_does_not_tell_is_unknown() -> None:
    found = hardware.read_gpu("NVIDIA Thing, 8192, 0, [N/A]")
    assert found is not None
    assert found.load_percent is None


@pytest.mark.parametrize("line", ["", "No devices were found", "a, b, c, d"])
def test_anything_else_is_no_gpu(line: str) -> None:
    assert hardware.read_gpu(line) is None


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A driver's program of our own, and nothing else, on the path."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_what_the_driver_says_is_what_training_runs_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "echo 'NVIDIA A100, 40960, 1234, 87'")
    assert hardware.describe() == "NVIDIA A100, 40 GB"


def test_a_driver_that_fails_means_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "exit 9")
    assert hardware.gpus() == ()
    assert hardware.describe().startswith("CPU")
