"""F21: archives that want to write elsewhere, or more than there is room for."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from brainseg.data import archive, decoding, readers
from brainseg.errors import DataError, ScanError
from tests.data.scan_files import series

PICTURE = b"\x89PNG"


def packed(*members: tuple[str, bytes], mode: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(info, data)
    return buffer.getvalue()


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    return data.replace(old, new)


def encrypted() -> bytes:
    data = bytearray(packed(("images/1.png", PICTURE)))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def lying_size() -> bytes:
    data = bytearray(packed(("images/1.png", bytes(5000))))
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10)
    return bytes(data)


HOSTILE = {
    "leads out": packed(("../../evil.png", PICTURE)),
    "absolute": packed(("/tmp/evil.png", PICTURE)),
    "drive": packed(("C:/evil.png", PICTURE)),
    "backslash": renamed(packed(("images/1.png", PICTURE)), b"images/1.png", b"images\\1.png"),
    "control letter": renamed(packed(("images/a.png", PICTURE)), b"a.png", b"\x1b.png"),
    "link": packed(("images/1.png", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
    "device": packed(("images/1.png", b""), mode=stat.S_IFCHR | 0o666),
    "twice": renamed(packed(("a/1.png", PICTURE), ("a/2.png", PICTURE)), b"2.png", b"1.png"),
    "case": packed(("images/A.png", PICTURE), ("images/a.png", PICTURE)),
    "program": packed(("images/1.png", PICTURE), ("run.exe", b"MZ")),
    "bomb": packed(("images/1.png", bytes(40_000_000))),
    "encrypted": encrypted(),
    "lying size": lying_size(),
    "cut short": packed(("images/1.png", os.urandom(5000)))[:3000],
    "long name": packed(("x" * 300 + ".png", PICTURE)),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_dataset_is_refused_and_nothing_is_written(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "a.zip"
    source.write_bytes(HOSTILE[kind])
    with pytest.raises(DataError):
        archive.unpack_archive(source, tmp_path / "new" / "to")
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == [source]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_upload_is_refused(kind: str) -> None:
    with pytest.raises(ScanError) as caught:
        readers.read(HOSTILE[kind], "a.zip")
    assert str(caught.value).isprintable()


def test_hostile_names_around_a_series_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are not used: an export whose folders are odd is read, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    files = [(f"../../{name}", data) for name, data in series(3)]
    volume = decoding.read_limited([("a.zip", packed(*files))])
    assert volume.voxels[:, 0, 0].tolist() == [0, 1, 2]
    assert not list(tmp_path.rglob("*.dcm"))
