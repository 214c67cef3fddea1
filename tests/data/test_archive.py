from __future__ import annotations

import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from brainseg.data import archive
from brainseg.data.archive import unpack_archive
from brainseg.errors import DamagedError, DataError

Member = tuple[str | zipfile.ZipInfo, bytes]


def make_zip(path: Path, *members: Member) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members:
            target.writestr(name, content)
    return path


def special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


def renamed(path: Path, old: str, new: bytes) -> Path:
    """Change a member's name to bytes that zipfile itself would not write."""
    assert len(old.encode()) == len(new)
    path.write_bytes(path.read_bytes().replace(old.encode(), new))
    return path


def files_under(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_good_archive_is_unpacked_without_litter(tmp_path: Path) -> None:
    source = make_zip(
        tmp_path / "a.zip",
        ("set/images/1.png", b"one"),
        ("set/masks/1_mask.PNG", b"mask"),
        ("set/patients.csv", b"number,patient\n"),
        ("__MACOSX/set/._1.png", b"x"),
        ("set/.DS_Store", b"x"),
    )
    calls: list[tuple[int, int]] = []
    to = unpack_archive(source, tmp_path / "to", progress=lambda *step: calls.append(step))
    assert files_under(to) == {"set/images/1.png", "set/masks/1_mask.PNG", "set/patients.csv"}
    assert (to / "set/images/1.png").read_bytes() == b"one"
    assert calls[-1] == (22, 22)


HOSTILE: dict[str, list[Member]] = {
    "absolute": [("/etc/1.png", b"x")],
    "drive": [("C:/1.png", b"x")],
    "parent": [("images/../../1.png", b"x")],
    "link": [(special("images/1.png", stat.S_IFLNK), b"/etc/passwd")],
    "fifo": [(special("images/1.png", stat.S_IFIFO), b"")],
    "case twins": [("images/a.png", b"x"), ("Images/A.png", b"y")],
    "file and folder": [("images.png", b"x"), ("images.png/1.png", b"y")],
    "program": [("images/1.png", b"x"), ("run.py", b"x")],
    "no ending": [("images/1", b"x")],
    "newline": [("images/1\n.png", b"x")],
    "long name": [("images/" + "a" * 300 + ".png", b"x")],
    "bomb": [("images/1.png", bytes(20_000_000))],
    "nothing": [("images/", b"")],
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_before_anything_is_written(tmp_path: Path, case: str) -> None:
    source = make_zip(tmp_path / "a.zip", *HOSTILE[case])
    with pytest.raises(DataError, match="nothing was unpacked"):
        unpack_archive(source, tmp_path / "new" / "to")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", [rb"images\1.png", b"images/\x00.png"])
def test_backslash_and_nul_are_refused(tmp_path: Path, name: bytes) -> None:
    source = renamed(make_zip(tmp_path / "a.zip", ("images/1.png", b"x")), "images/1.png", name)
    with pytest.raises(DataError, match="forbidden character"):
        unpack_archive(source, tmp_path / "new" / "to")
    assert not (tmp_path / "new").exists()


def test_a_name_that_is_no_utf_8_is_one_sentence(tmp_path: Path) -> None:
    source = make_zip(tmp_path / "a.zip", ("images/é.png", b"x"))
    renamed(source, "é", b"\xff\xff")
    with pytest.raises(DamagedError, match="damaged"):
        unpack_archive(source, tmp_path / "new" / "to")
    assert not (tmp_path / "new").exists()


def test_a_damaged_lzma_member_is_one_sentence(tmp_path: Path) -> None:
    source, content = tmp_path / "a.zip", os.urandom(500)
    with zipfile.ZipFile(source, "w", zipfile.ZIP_LZMA) as target:
        target.writestr("images/1.png", content)
    data = bytearray(source.read_bytes())
    start = 30 + len("images/1.png") + 4  # the properties of the compression
    data[start : start + 5] = b"\xff" * 5
    source.write_bytes(bytes(data))
    with pytest.raises(DamagedError, match="damaged"):
        unpack_archive(source, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_a_name_that_differs_between_directory_and_file_is_refused(tmp_path: Path) -> None:
    source = make_zip(tmp_path / "a.zip", ("images/1.png", b"x"))
    data = source.read_bytes()
    source.write_bytes(data.replace(b"images/1.png", b"images/2.png", 1))
    with pytest.raises(DataError, match="damaged"):
        unpack_archive(source, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    source = make_zip(tmp_path / "a.zip", ("images/1.png", b"x"))
    data = bytearray(source.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    source.write_bytes(bytes(data))
    with pytest.raises(DataError, match="encrypted"):
        unpack_archive(source, tmp_path / "to")


def test_too_many_members_or_bytes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_zip(tmp_path / "a.zip", ("images/1.png", b"xx"), ("images/2.png", b"xx"))
    monkeypatch.setattr(archive, "MOST_MEMBERS", 1)
    with pytest.raises(DataError, match="2 members"):
        unpack_archive(source, tmp_path / "to")
    monkeypatch.setattr(archive, "MOST_MEMBERS", 2)
    monkeypatch.setattr(archive, "MOST_BYTES", 3)
    with pytest.raises(DataError, match="more than 4 GB"):
        unpack_archive(source, tmp_path / "to")


def test_a_small_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_zip(tmp_path / "a.zip", ("images/1.png", b"xx"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 3})())
    with pytest.raises(DataError, match="free some space"):
        unpack_archive(source, tmp_path / "new" / "to")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("damage", ["flip", "cut", "text", "empty", "gone", "folder"])
def test_a_damaged_archive_leaves_nothing(tmp_path: Path, damage: str) -> None:
    content = os.urandom(5000)
    source = make_zip(tmp_path / "a.zip", ("images/1.png", b"ok"), ("images/2.png", content))
    data = bytearray(source.read_bytes())
    if damage == "flip":
        data[data.index(content[1000:1020])] ^= 4
        source.write_bytes(bytes(data))
    if damage == "cut":
        source.write_bytes(bytes(data[:3000]))
    if damage == "text":
        source.write_text("<html>not found</html>")
    if damage == "empty":
        source.write_bytes(b"")
    if damage in {"gone", "folder"}:
        source.unlink()
    if damage == "folder":
        source.mkdir()
    with pytest.raises(DataError):
        unpack_archive(source, tmp_path / "new" / "to")
    assert not (tmp_path / "new" / "to").exists()
    assert not (tmp_path / "new").exists() or list((tmp_path / "new").iterdir()) == []


def test_an_existing_folder_is_never_mixed_with(tmp_path: Path) -> None:
    source = make_zip(tmp_path / "a.zip", ("images/1.png", b"x"))
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        unpack_archive(source, tmp_path / "to")
    assert files_under(tmp_path / "to") == {"mine.txt"}
