from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from brainseg.training import hardware, queue
from brainseg.training.hardware import Gpu


@pytest.fixture(autouse=True)
def plain_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU of this very machine, and nobody hides one."""
    monkeypatch.setattr(hardware, "nodes", lambda: ())
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


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


SEES = """echo '[{"kind": "GPU", "name": "A100"}, {"kind": "CPU", "name": "2 cores"}]'"""
SEES_NONE = """echo '[{"kind": "CPU", "name": "2 cores"}]'"""


def backend(folder: Path, interpreter: Callable[[str], None], script: str) -> Path:
    """An interpreter that only tells what the backend sees, and the list of its answers."""
    asked = folder / "asked"
    interpreter(f"echo $* >> {asked}\n{script}")
    return asked


def test_what_the_driver_says_is_what_training_runs_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: Callable[[str], None]
) -> None:
    program(tmp_path, monkeypatch, "echo 'NVIDIA A100, 40960, 1234, 87'")
    backend(tmp_path, interpreter, SEES)
    assert hardware.describe() == "NVIDIA A100, 40 GB"
    assert hardware.unused() == ""


def test_gpus_of_one_kind_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: Callable[[str], None]
) -> None:
    program(tmp_path, monkeypatch, "echo 'A, 40960, 1, 87'; echo 'A, 40960, 2, 5'")
    backend(tmp_path, interpreter, SEES)
    assert hardware.describe() == "2 x A, 40 GB"
    assert len(hardware.usable()) == 2


def test_only_the_gpus_that_are_not_hidden_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: Callable[[str], None]
) -> None:
    program(tmp_path, monkeypatch, "echo 'A, 40960, 1, 87'; echo 'B, 81920, 2, 5'")
    backend(tmp_path, interpreter, SEES)
    assert hardware.describe() == "A, 40 GB and B, 80 GB"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert hardware.describe() == "B, 80 GB"
    assert hardware.usable() == ("B, 80 GB",)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5f")  # which one that is the list does not say
    assert [gpu.name for gpu in hardware.gpus()] == ["A", "B"]


def test_a_driver_that_fails_means_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "exit 9")
    assert hardware.gpus() == ()
    assert hardware.describe().startswith("CPU")


def test_a_gpu_that_the_backend_does_not_see_is_found_but_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: Callable[[str], None]
) -> None:
    program(tmp_path, monkeypatch, "echo 'NVIDIA A100, 40960, 1234, 87'")
    monkeypatch.setattr(hardware, "nodes", lambda: ("0",))
    asked = backend(tmp_path, interpreter, SEES_NONE)
    assert not hardware.is_asked()
    assert hardware.describe().startswith("CPU")
    assert hardware.unused() == "NVIDIA A100, 40 GB"
    assert queue.device_names() == ("cpu",)
    assert hardware.is_asked()
    hardware._answers.clear()  # as in another process
    assert hardware.is_asked()
    assert hardware.backend_gpus() == 0
    assert asked.read_text() == "-m brainseg devices --json\n"  # once


def test_another_environment_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: Callable[[str], None]
) -> None:
    backend(tmp_path, interpreter, SEES_NONE)
    assert hardware.backend_gpus() == 0
    backend(tmp_path, interpreter, SEES)
    assert hardware.backend_gpus() == 0
    monkeypatch.setenv("LD_LIBRARY_PATH", "/where/cuda/is")
    assert hardware.backend_gpus() == 1


def test_a_backend_that_does_not_answer_takes_no_gpu_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: Callable[[str], None]
) -> None:
    program(tmp_path, monkeypatch, "echo 'NVIDIA A100, 40960, 1234, 87'")
    asked = backend(tmp_path, interpreter, "exit 1")
    assert hardware.describe() == "NVIDIA A100, 40 GB"
    assert hardware.unused() == ""
    assert len(asked.read_text().splitlines()) == 1


def test_nobody_is_asked_where_no_gpu_is_or_all_are_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: Callable[[str], None]
) -> None:
    asked = backend(tmp_path, interpreter, SEES)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hardware.is_asked()
    assert hardware.describe().startswith("CPU")
    assert queue.device_names() == ("cpu",)
    program(tmp_path, monkeypatch, "echo 'NVIDIA A100, 40960, 1234, 87'")
    monkeypatch.setattr(hardware, "nodes", lambda: ("0",))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert hardware.is_asked()
    assert hardware.describe().startswith("CPU")
    assert hardware.unused() == ""
    assert queue.device_names() == ("cpu",)
    assert not asked.exists()


def test_of_a_gpu_that_is_named_the_backend_is_asked_though_none_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: Callable[[str], None]
) -> None:
    backend(tmp_path, interpreter, SEES_NONE)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(hardware, "nodes", lambda: ())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert not hardware.is_asked()
    assert queue.device_names() == ("cpu",)
    assert hardware.is_asked()


def test_the_driver_is_not_asked_for_its_names_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: Callable[[str], None]
) -> None:
    log = tmp_path / "log"
    program(tmp_path, monkeypatch, f"echo once >> {log}; echo 'NVIDIA A100, 40960, 1234, 87'")
    backend(tmp_path, interpreter, SEES)
    monkeypatch.setattr(hardware.time, "monotonic", lambda: 1.0)
    assert hardware.describe() == hardware.describe()
    assert log.read_text() == "once\n"
