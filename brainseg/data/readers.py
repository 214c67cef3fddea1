"""A scan file, whatever it is called, to a Volume of raw values; or one sentence why not.

The first bytes decide the format, never the name. Each format has its module in
``brainseg.data.formats``; the limits there are checked before anything is decoded.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from brainseg.data.formats import dicom, limits, matlab, nifti, raster
from brainseg.errors import ScanError
from brainseg.types import FloatArray, Volume

SUPPORTED = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"),
    *(".dcm", ".nii", ".nii.gz", ".mat", ".zip"),
)
KINDS = "PNG, JPEG, TIFF, BMP, WebP, DICOM, NIfTI or MATLAB v7.3"
_Decoded = tuple[FloatArray, tuple[float, float, float] | None]
_Decoder = Callable[[], _Decoded]
_MEMBERS, _RATIO = 4096, 200
_PICTURES: tuple[tuple[bytes, raster.Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
)
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"GIF8", "a GIF picture"),
    (b"NRRD", "an NRRD volume"),
    (b"ObjectType", "a MetaImage volume"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"MATLAB 5.0", "a MATLAB file older than v7.3 (save it again with -v7.3)"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
)


def read(data: bytes, name: str) -> Volume:
    """Decode one file.

    Args:
        data: the whole file.
        name: what it was called; only shown, never trusted.

    Raises:
        ScanError: it is no scan of a supported kind, or damaged, or larger than the limits.
    """
    return _guarded(lambda: _decode(data), shown(name))


def read_series(files: Sequence[tuple[str, bytes]]) -> Volume:
    """Decode the files of one DICOM series, in any order, or a single file of any kind.

    Raises:
        ScanError: as ``read``; or several files that are no DICOM series.
    """
    if not files:
        raise ScanError(f"no file was given; give {KINDS}")
    if len(files) == 1:
        return read(files[0][1], files[0][0])
    for name, data in files:
        if not _is_dicom(data):
            raise ScanError(
                f"{shown(name)}: several files are read together only as one DICOM series, and "
                f"this is {_description(data)}; give the files one at a time"
            )
    source = f"{shown(files[0][0])} and {len(files) - 1} more"
    return _guarded(lambda: dicom.read([data for _, data in files]), source)


def read_file(path: Path) -> Volume:
    """Decode a file, or the DICOM series in a folder.

    Raises:
        ScanError: as ``read``; or there is no such file.
    """
    if path.is_dir():
        return _read_folder(path)
    return read(_bytes_of(path), path.name)


def shown(name: str) -> str:
    """Return a file name that is safe to show: no folders, controls or markup, 80 characters."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    clean = re.sub(r"[^\w .()+,=@-]", "_", last).strip()
    return clean[-80:] or "scan"


def _guarded(decode: _Decoder, source: str) -> Volume:
    try:
        voxels, spacing = decode()
    except ScanError as error:
        raise ScanError(f"{source}: {error}") from error
    except Exception as error:  # a decoder met bytes that its author did not think of
        raise ScanError(f"{source}: it is damaged or cut short and cannot be decoded") from error
    if not all(np.isfinite(image).all() for image in voxels):
        raise ScanError(f"{source}: it holds values that are not finite (NaN or infinity)")
    return Volume(voxels=voxels, spacing_mm=spacing, source=source)


def _decode(data: bytes) -> _Decoded:
    if len(data) > limits.FILE_BYTES:
        raise ScanError(f"it is larger than {limits.FILE_BYTES // 2**20} MB")
    if picture := _picture(data):
        return raster.read(data, picture), None
    if _is_dicom(data):
        return dicom.read([data])
    if nifti.is_nifti(data[:352]) or (data[:2] == b"\x1f\x8b" and nifti.holds_nifti(data)):
        return nifti.read(data)
    if b"\x89HDF\r\n\x1a\n" in (data[:8], data[512:520]):
        return matlab.read(data), None
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _decode_zip(data)
    raise ScanError(f"this is {_description(data)}; give {KINDS}")


def _picture(data: bytes) -> raster.Kind | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in _PICTURES if data.startswith(magic)), None)


def _is_dicom(data: bytes) -> bool:
    return data[128:132] == b"DICM"


def _description(data: bytes) -> str:
    if not data:
        return "an empty file"
    if data[:2] == b"\x1f\x8b":
        return "a gzip file without a NIfTI volume"
    for magic, description in _OTHERS:
        if data.startswith(magic):
            return description
    if picture := _picture(data):
        return f"a {picture} picture"
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<svg", b"<?xml")):
        return "a web page or XML text"
    printable = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    return "a text file" if head and printable else "a file of unknown format"


def _decode_zip(data: bytes) -> _Decoded:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and "__MACOSX" not in m.filename]
        if len(members) > _MEMBERS or sum(m.file_size for m in members) > limits.FILE_BYTES:
            raise ScanError(f"its archive holds more than {_MEMBERS} files or 1 GB")
        for member in members:
            if member.flag_bits & 1:
                raise ScanError("its archive is encrypted; unpack it first")
            if member.file_size > _RATIO * member.compress_size + 2**16:
                raise ScanError("its archive is packed more tightly than scans can be")
        contents = [archive.read(member) for member in members]
    slices = [content for content in contents if _is_dicom(content) and not _is_index(content)]
    if slices:
        return dicom.read(slices)
    if len(contents) == 1 and contents[0][:2] != b"PK":
        return _decode(contents[0])
    raise ScanError("this is a zip archive without DICOM images; unpack it and give one file")


def _is_index(data: bytes) -> bool:
    return b"1.2.840.10008.1.3.10" in data[132:512]  # a DICOMDIR lists images and has none


def _read_folder(folder: Path) -> Volume:
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    if len(paths) > _MEMBERS:
        raise ScanError(f"{shown(folder.name)}: the folder holds more than {_MEMBERS} files")
    slices, size = [], 0
    for path in paths:
        with path.open("rb") as file:
            head = file.read(512)
        if _is_dicom(head) and not _is_index(head):
            slices.append(_bytes_of(path))
            size += len(slices[-1])
        if size > limits.FILE_BYTES:
            raise ScanError(f"{shown(folder.name)}: its DICOM files are larger than 1 GB together")
    if not slices:
        raise ScanError(f"{shown(folder.name)}: there is no DICOM file in this folder")
    return _guarded(lambda: dicom.read(slices), shown(folder.name))


def _bytes_of(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ScanError(f"{shown(path.name)}: there is no such file")
        if path.stat().st_size > limits.FILE_BYTES:
            raise ScanError(f"{shown(path.name)}: it is larger than 1 GB")
        return path.read_bytes()
    except OSError as error:
        raise ScanError(f"{shown(path.name)}: it cannot be opened ({error.strerror})") from error
