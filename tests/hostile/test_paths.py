"""F20: strings that were typed where the path of a scan is asked for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from brainseg.data import readers
from brainseg.errors import ScanError

TYPED = (
    *("", ".", "..", "/", "//", "~", "~root", "-", "--", "-rf", "*", "?", "[a-z]"),
    *("../../../../../../etc/passwd", "/etc/passwd", "/etc/shadow", "/root/.ssh/id_rsa"),
    *("/dev/null", "/dev/zero", "/dev/random", "/dev/stdin", "/dev/tty", "/dev/mem"),
    *("/proc/self/mem", "/proc/self/environ", "/proc/kcore", "/proc/1/fd/0", "/sys/kernel"),
    *("file:///etc/passwd", "http://localhost/scan.png", "\\\\server\\share\\scan.png", "C:\\scan"),
    *("a\0b", "a\nb", "\udcff", "x" * 5000, "/".join(["x" * 200] * 30), "$(reboot)", "`id`"),
    *("<img src=x onerror=alert(1)>", "CON", "scan.png\u202egnp"),
)


@pytest.mark.parametrize("typed", TYPED, ids=range(len(TYPED)))
def test_no_hostile_path_is_read_or_waited_for(typed: str) -> None:
    with pytest.raises(ScanError) as caught:
        readers.read_file(Path(typed))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_pipes_sockets_loops_and_what_hides_them_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "nowhere").symlink_to(tmp_path / "none")
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "scan.dcm")
    (folder / "self").symlink_to(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name in ("pipe", "link", "loop", "nowhere", "socket", "folder", "folder/self"):
            with pytest.raises(ScanError):
                readers.read_file(tmp_path / name)


def test_there_are_forty() -> None:
    assert len(set(TYPED)) >= 40
