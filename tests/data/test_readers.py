from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainseg.data import readers
from brainseg.errors import ScanError


def a_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["scan.dcm", "scan.nii.gz", "scan", "scan.PNG", "scan.exe"])
def test_the_bytes_decide_and_not_the_name(name: str) -> None:
    volume = readers.read(a_png(), name)
    assert volume.voxels.shape == (1, 8, 8)
    assert volume.source == name


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"GIF89a", "a GIF picture"),
        (b"hello, this is a scan", "a text file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"NRRD0005\n", "NRRD"),
        (b"\x93NUMPY\x01\0", "a NumPy array"),
        (b"MATLAB 5.0 MAT-file, Platform", "-v7.3"),
        (b"\x00\x01\x02\x03" * 50, "unknown format"),
        (b"\x1f\x8b\x08\0not really", "gzip"),
        (bytes(348), "unknown format"),
        (b"PK\x05\x06" + bytes(18), "zip archive without DICOM"),
        (b"PK\x03\x04 broken", "damaged"),
    ],
)
def test_anything_else_is_named_in_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(ScanError, match=words) as caught:
        readers.read(data, "thing.png")
    message = str(caught.value)
    assert message.startswith("thing.png: ")
    assert "\n" not in message
    assert len(message) < 250


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\head.nii", "head.nii"),
        ("<img src=x onerror=alert(1)>.png", "_img src=x onerror=alert(1)_.png"),
        ("a\nb\u202egnp.exe", "a_b_gnp.exe"),
        ("Müller Kopf (2).dcm", "Müller Kopf (2).dcm"),
        ("", "scan"),
        ("dir/", "scan"),
        ("x" * 300 + ".png", "x" * 76 + ".png"),
    ],
)
def test_names_are_shown_without_folders_controls_or_markup(name: str, expected: str) -> None:
    assert readers.shown(name) == expected
    assert readers.read(a_png(), name).source == expected


def test_200_random_files_with_known_beginnings_give_only_typed_refusals() -> None:
    rng = np.random.default_rng(0)
    heads = [magic for magic, _ in (*readers._PICTURES, *readers._OTHERS)]
    heads += [bytes(128) + b"DICM", b"\x1f\x8b\x08", b"RIFF\0\0\0\0WEBP", b"PK\x03\x04"]
    heads += [b"\x5c\x01\0\0" + bytes(340) + b"n+1\0", b"\x89HDF\r\n\x1a\n"]
    for index in range(200):
        data = heads[index % len(heads)] + rng.bytes(int(rng.integers(0, 3000)))
        with pytest.raises(ScanError):
            readers.read(data, "x")


def test_a_zip_with_one_picture_is_that_picture() -> None:
    assert readers.read(zipped(scan=a_png()), "x.zip").voxels.shape == (1, 8, 8)


def test_a_zip_in_a_zip_and_one_of_documents_are_refused() -> None:
    for data in (zipped(inner=zipped(scan=a_png())), zipped(a=b"text", b=b"text")):
        with pytest.raises(ScanError, match="zip archive without DICOM"):
            readers.read(data, "x.zip")


def test_a_zip_bomb_is_refused_before_it_unpacks() -> None:
    with pytest.raises(ScanError, match="packed more tightly"):
        readers.read(zipped(bomb=bytes(50_000_000)), "x.zip")


def test_several_files_that_are_no_series_are_refused() -> None:
    with pytest.raises(ScanError, match=r"b\.png: several files .* a PNG picture"):
        readers.read_series([("b.png", a_png()), ("c.png", a_png())])
    with pytest.raises(ScanError, match="no file"):
        readers.read_series([])


def test_a_series_of_one_file_is_that_file() -> None:
    assert readers.read_series([("a.png", a_png())]).source == "a.png"


def test_a_file_on_disk_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(a_png())
    assert readers.read_file(tmp_path / "a.png").source == "a.png"


def test_missing_files_pipes_and_empty_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, words in (("none", "no such file"), ("pipe", "no such"), ("folder", "no DICOM file")):
        with pytest.raises(ScanError, match=words):
            readers.read_file(tmp_path / name)
