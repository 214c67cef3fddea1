from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainseg import files
from brainseg.errors import RunError
from brainseg.training import checkpoint
from brainseg.training.checkpoint import LATEST, DiskFullError, DivergedError


def _commit(folder: Path, epoch: int) -> None:
    arrays = {"model/000": np.full(100, epoch, np.float32)}
    checkpoint.commit(folder, arrays, {"epoch": epoch, "batch": 0}, pointer=LATEST)


def test_the_newest_of_two_generations_is_loaded(tmp_path: Path):
    for epoch in (1, 2, 3):
        _commit(tmp_path, epoch)
    arrays, state = checkpoint.load(tmp_path)
    assert state["epoch"] == 3
    assert arrays["model/000"][0] == 3
    assert len(list(tmp_path.glob("*.npz"))) == 2


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "remove"])
def test_a_damaged_generation_falls_back_to_the_one_before(tmp_path: Path, damage: str):
    _commit(tmp_path, 1)
    _commit(tmp_path, 2)
    path = next(tmp_path.glob("latest-00002*.npz"))
    raw = bytearray(path.read_bytes())
    if damage == "flip":
        raw[len(raw) // 2] ^= 1
    path.write_bytes({"truncate": raw[:50], "flip": raw, "empty": b"", "remove": b""}[damage])
    if damage == "remove":
        path.unlink()
    assert checkpoint.load(tmp_path)[1]["epoch"] == 1


def test_after_a_fallback_the_intact_generation_is_kept_and_the_damaged_one_goes(tmp_path: Path):
    _commit(tmp_path, 1)
    _commit(tmp_path, 2)
    next(tmp_path.glob("latest-00002*.npz")).write_bytes(b"damaged")
    _commit(tmp_path, 3)
    assert {path.name[:12] for path in tmp_path.glob("*.npz")} == {"latest-00001", "latest-00003"}
    next(tmp_path.glob("latest-00003*.npz")).write_bytes(b"damaged")
    assert checkpoint.load(tmp_path)[1]["epoch"] == 1


def test_a_damaged_pointer_costs_no_generation(tmp_path: Path):
    _commit(tmp_path, 1)
    _commit(tmp_path, 2)
    (tmp_path / LATEST).write_text("{")
    _commit(tmp_path, 3)
    next(tmp_path.glob("latest-00003*.npz")).write_bytes(b"damaged")
    assert checkpoint.load(tmp_path)[1]["epoch"] == 2


def test_nothing_intact_is_said_so(tmp_path: Path):
    with pytest.raises(RunError, match="no intact checkpoint"):
        checkpoint.load(tmp_path)
    assert not checkpoint.exists(tmp_path)


def test_weights_that_are_not_finite_are_never_written(tmp_path: Path):
    _commit(tmp_path, 1)
    bad = {"model/000": np.array([1, np.nan], np.float32)}
    with pytest.raises(DivergedError, match="model/000"):
        checkpoint.commit(tmp_path, bad, {"epoch": 2, "batch": 0}, pointer=LATEST)
    assert checkpoint.load(tmp_path)[1]["epoch"] == 1


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _commit(tmp_path, 1)

    class Usage:
        free = 1000

    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(DiskFullError, match="disk full"):
        _commit(tmp_path, 2)
    assert checkpoint.load(tmp_path)[1]["epoch"] == 1


def test_a_batch_that_is_saved_again_replaces_no_good_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As after a resume and a stop before the next batch, with a kill before the pointer."""
    _commit(tmp_path, 4)
    _commit(tmp_path, 5)

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(files, "write_json", kill)
        with pytest.raises(KeyboardInterrupt):
            _commit(tmp_path, 5)
    assert len(list(tmp_path.glob("*.npz"))) == 3
    assert checkpoint.load(tmp_path)[1]["epoch"] == 5
    _commit(tmp_path, 5)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    for path in tmp_path.glob("*-0003.npz"):  # the newest goes bad: the one before is of epoch 5
        path.write_bytes(b"")
    assert checkpoint.load(tmp_path)[1]["epoch"] == 5


def test_the_newest_of_one_batch_serves_without_a_pointer_also_after_an_old_name(tmp_path: Path):
    state = np.frombuffer(b'{"epoch": 3, "batch": 0}', np.uint8)
    np.savez(tmp_path / "latest-00003-000000.npz", **{"model/000": np.ones(3), "state": state})
    _commit(tmp_path, 3)
    (tmp_path / LATEST).unlink()
    assert checkpoint.load(tmp_path)[0]["model/000"][0] == 3


@pytest.mark.parametrize("pointer", [None, b"", b"\0" * 40, b"[{}]", b"[7]"])
def test_without_a_pointer_the_newest_generation_serves(tmp_path: Path, pointer: bytes | None):
    _commit(tmp_path, 1)
    _commit(tmp_path, 2)
    (tmp_path / LATEST).unlink()
    if pointer is not None:
        (tmp_path / LATEST).write_bytes(pointer)
    assert checkpoint.exists(tmp_path)
    assert checkpoint.load(tmp_path)[1] == {"epoch": 2, "batch": 0}


def test_a_checkpoint_of_the_first_release_is_read(tmp_path: Path):
    """It has its state in the pointer alone."""
    path = tmp_path / "latest-00003-000000.npz"
    np.savez(path, **{"model/000": np.ones(3, np.float32)})
    entry = {"file": path.name, "sha256": files.sha256(path), "state": {"epoch": 3, "batch": 0}}
    files.write_json(tmp_path / LATEST, [entry])
    arrays, state = checkpoint.load(tmp_path)
    assert state["epoch"] == 3
    assert list(arrays) == ["model/000"]
