from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


def test_threads_that_write_one_path_do_not_meet(tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    words = [f"{number}" * 5000 for number in range(8)]

    def write(text: str) -> None:
        for _ in range(20):
            files.write_text(folder / "a.txt", text)
            files.sweep(folder)  # the temporary files of the living stay

    with ThreadPoolExecutor(len(words)) as pool:
        list(pool.map(write, words))
    assert (folder / "a.txt").read_text() in words
    assert list(folder.iterdir()) == [folder / "a.txt"]


def test_a_sweep_takes_what_the_dead_left_and_nothing_else(tmp_path: Path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    below = tmp_path / "previews"
    below.mkdir()
    dead = [tmp_path / f".a.json.{child.pid}.tmp", below / f".b.webp.7.{child.pid}.tmp"]
    alive = [below / f".c.webp.7.{os.getpid()}.tmp", below / "mine.tmp", tmp_path / "a.json"]
    for path in (*dead, *alive):
        path.touch()
    half = tmp_path / f".network-x.{child.pid}.tmp"  # an export is a folder
    half.mkdir()
    (half / "network.bin").touch()
    dead.append(half)
    files.sweep(tmp_path)
    assert not any(path.exists() for path in dead)
    assert all(path.exists() for path in alive)


def test_a_sweep_takes_what_a_zombie_left(tmp_path: Path):
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not waited for
        left = tmp_path / f".a.json.{child.pid}.tmp"
        left.touch()
        files.sweep(tmp_path)
        assert not left.exists()
