from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainseg import files


def test_what_a_failed_write_left_goes_and_the_old_file_stays(tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = files.write_text(folder / "a.txt", "before")

    def fail(_: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(path, fail)
    assert path.read_text() == "before"
    assert list(folder.iterdir()) == [path]


def test_a_sweep_takes_what_the_dead_left_and_nothing_else(tmp_path: Path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    below = tmp_path / "previews"
    below.mkdir()
    dead = [tmp_path / f".a.json.{child.pid}.tmp", below / f".b.webp.{child.pid}.tmp"]
    alive = [below / f".c.webp.{os.getpid()}.tmp", below / "mine.tmp", tmp_path / "a.json"]
    for path in (*dead, *alive):
        path.touch()
    files.sweep(tmp_path)
    assert not any(path.exists() for path in dead)
    assert all(path.exists() for path in alive)
