"""A scan file, whatever it is called, to a Volume of raw values; or one sentence why not.

The first bytes decide the format, never the name. Each format has its module in
``brainseg.data.formats``; the limits there are checked before anything is decoded.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from brainseg.data import archive
from brainseg.data.formats import dicom, limits, matlab, nifti, raster, tiff
from brainseg.errors import ChoiceNeeded, ScanError
from brainseg.types import Volume

SUPPORTED = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"),
    *(".dcm", ".nii", ".nii.gz", ".mat", ".zip"),
)
KINDS = "PNG, JPEG, TIFF, BMP, WebP, DICOM, NIfTI or MATLAB v7.3"
_MEMBERS = 4096
_PROBE = 4096  # first bytes of a file that tell its kind
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
    (b"\x08\0\x05\0", "DICOM data without the header of a file"),
    (b"\x08\0\x08\0", "DICOM data without the header of a file"),
    (b"\x02\0\0\0", "DICOM data without the header of a file"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
)


def read(data: bytes, name: str, *, volume_index: int | None = None) -> Volume:
    """Decode one file.

    Args:
        data: the whole file.
        name: what it was called; only shown, never trusted.
        volume_index: which volume, from 0, where the file holds several.

    Raises:
        ChoiceNeeded: it holds several volumes and ``volume_index`` is None.
        ScanError: it is no scan of a supported kind, or damaged, or larger than the limits.
    """
    return read_series([(name, data)], volume_index=volume_index)


def read_series(files: Sequence[tuple[str, bytes]], *, volume_index: int | None = None) -> Volume:
    """Decode the files of one DICOM series, in any order, or a single file of any kind.

    Raises:
        ChoiceNeeded, ScanError: as ``read``; or several files that are no DICOM series.
    """
    probe(files)
    contents = [data for _, data in files]
    return _guarded(lambda: _decode(contents, volume_index), source_of(files))


def read_file(path: Path, *, volume_index: int | None = None) -> Volume:
    """Decode a file, or the DICOM series in a folder.

    Raises:
        ChoiceNeeded, ScanError: as ``read``; or there is no such file.
    """
    try:
        if not path.is_dir():
            return read(_bytes_of(path), path.name, volume_index=volume_index)
        slices = _slices_in(path)
    except OSError as error:
        raise ScanError(f"{shown(path.name)}: it cannot be opened ({error.strerror})") from error
    return _guarded(lambda: dicom.read(slices, volume_index), shown(path.name))


def is_dicom(data: bytes) -> bool:
    """Whether a file begins like DICOM, be it an image or an index of images."""
    return data[128:132] == b"DICM"


def is_slice(path: Path) -> bool:
    """Whether a file begins like a DICOM image; an index of images is none."""
    head = _head(path)
    return is_dicom(head) and not _is_index(head)


def is_scan(path: Path) -> bool:
    """Whether a file begins like one of a supported kind, or is called like one."""
    head = _head(path)
    if is_dicom(head):
        return not _is_index(head)
    return _is_known(head) or path.name.lower().endswith(SUPPORTED)


def probe(files: Sequence[tuple[str, bytes]]) -> None:
    """Check number, sizes and first bytes; nothing is parsed.

    Raises:
        ScanError: the files cannot be one scan, whatever the rest of their bytes.
    """
    if not files:
        raise ScanError(f"no file was given; give {KINDS}")
    for name, data in files:
        if fault := _fault(data, alone=len(files) == 1):
            raise ScanError(f"{shown(name)}: {fault}")
    most = limits.current().file_bytes
    if sum(len(data) for _, data in files) > most:
        raise ScanError(f"{source_of(files)}: they are larger than {most // 2**20} MB together")


def dicom_files(files: Sequence[bytes]) -> list[bytes]:
    """Return the DICOM files among these, or in the zip that is the only one.

    Raises:
        ScanError: the zip holds too much.
        zipfile.BadZipFile, zlib.error, EOFError: it is damaged.
    """
    if len(files) == 1 and _is_zip(files[0]):
        files = archive.read_members(files[0], _MEMBERS)
    return [data for data in files if is_dicom(data) and not _is_index(data)]


def nifti_file(data: bytes) -> bytes | None:
    """Return the NIfTI file that this is, or that is alone in this zip; None where there is none.

    Raises:
        ScanError, zipfile.BadZipFile, zlib.error, EOFError: as ``dicom_files``.
    """
    if not _is_zip(data):
        return data if _is_nifti(data) else None
    members = archive.read_members(data, _MEMBERS)
    return members[0] if len(members) == 1 and _is_nifti(members[0]) else None


def source_of(files: Sequence[tuple[str, bytes]]) -> str:
    """Return what to call these files, safe to show."""
    first, more = shown(files[0][0]), len(files) - 1
    return f"{first} and {more} more" if more else first


def shown(name: str) -> str:
    """Return a file name that is safe to show: no folders, controls or markup, 80 characters."""
    return _plain(re.split(r"[/\\]", name)[-1])[-80:] or "scan"


def _plain(text: str) -> str:
    return re.sub(r"[^\w .()+,=@-]", "_", unicodedata.normalize("NFC", text)).strip()


def _guarded(decode: Callable[[], Volume], source: str) -> Volume:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # decoders warn of odd metadata; what matters raises
            volume = decode()
    except ChoiceNeeded as choice:
        labels = [_plain(label) for label in choice.labels]
        raise ChoiceNeeded(f"{source}: {choice}", count=choice.count, labels=labels) from None
    except ScanError as error:
        raise ScanError(f"{source}: {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # a decoder met bytes that its author did not think of
        raise ScanError(f"{source}: it is damaged or cut short and cannot be decoded") from error
    if not all(np.isfinite(image).all() for image in volume.voxels):
        raise ScanError(f"{source}: it holds values that are not finite (NaN or infinity)")
    return replace(volume, source=source)


def _fault(data: bytes, *, alone: bool) -> str | None:
    most = limits.current().file_bytes
    if len(data) > most:
        return f"it is larger than {most // 2**20} MB"
    if is_dicom(data):
        return None
    if not alone:
        return (
            "several files are read together only as one DICOM series, and this is "
            f"{_description(data)}; give the files one at a time"
        )
    return None if _is_known(data) else f"this is {_description(data)}; give {KINDS}"


def _decode(contents: Sequence[bytes], volume_index: int | None) -> Volume:
    data = contents[0]
    if is_dicom(data):  # first: its free first 128 bytes may look like a TIFF on purpose
        return dicom.read(contents, volume_index)
    picture = _picture(data)
    if volume_index and (picture or _is_hdf5(data)):
        raise ScanError(f"it holds 1 volume; there is no volume {volume_index + 1}")
    if picture:
        return tiff.read(data) if picture == "TIFF" else raster.read(data, picture)
    if _is_nifti(data):
        return nifti.read(data, volume_index)
    if _is_hdf5(data):
        return matlab.read(data)
    return _decode_zip(data, volume_index)


def _decode_zip(data: bytes, volume_index: int | None) -> Volume:
    contents = archive.read_members(data, _MEMBERS)
    if slices := dicom_files(contents):
        return dicom.read(slices, volume_index)
    if len(contents) == 1 and not _is_zip(contents[0]) and not _fault(contents[0], alone=True):
        return _decode(contents, volume_index)
    raise ScanError("this is a zip archive without DICOM images; unpack it and give one file")


def _picture(data: bytes) -> raster.Kind | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in _PICTURES if data.startswith(magic)), None)


def _is_known(data: bytes) -> bool:
    return bool(_picture(data)) or _is_nifti(data) or _is_hdf5(data) or _is_zip(data)


def _is_nifti(data: bytes) -> bool:
    return nifti.is_nifti(data[:352]) or (data[:2] == b"\x1f\x8b" and nifti.holds_nifti(data))


def _is_hdf5(data: bytes) -> bool:
    return b"\x89HDF\r\n\x1a\n" in (data[:8], data[512:520])


def _is_zip(data: bytes) -> bool:
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06")


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


def _is_index(data: bytes) -> bool:
    return b"1.2.840.10008.1.3.10" in data[132:512]  # a DICOMDIR lists images and has none


def _slices_in(folder: Path) -> list[bytes]:
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    if len(paths) > _MEMBERS:
        raise ScanError(f"{shown(folder.name)}: the folder holds more than {_MEMBERS} files")
    slices, size = [], 0
    for path in paths:
        if is_slice(path):
            slices.append(_bytes_of(path))
            size += len(slices[-1])
        if size > limits.current().file_bytes:
            raise ScanError(f"{shown(folder.name)}: its DICOM files are too large together")
    if not slices:
        raise ScanError(f"{shown(folder.name)}: there is no DICOM file in this folder")
    return slices


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_PROBE)


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():  # a pipe or a device would be waited for, or never end
        raise ScanError(f"{shown(path.name)}: there is no such file")
    most = limits.current().file_bytes
    if path.stat().st_size > most:
        raise ScanError(f"{shown(path.name)}: it is larger than {most // 2**20} MB")
    return path.read_bytes()
