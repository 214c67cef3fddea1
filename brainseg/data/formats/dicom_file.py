"""One DICOM file: parsed under guard, its size believed only once it agrees with its pixels."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from brainseg.data.formats import dicom_codecs, limits
from brainseg.errors import ScanError

_MOST_READS = 300_000  # of a header: 2048 frames of 70 elements each; a bomb has millions
_INDEX = "1.2.840.10008.1.3.10"
_EXPLICIT = b"1.2.840.10008.1.2.1\0"
_LONG = (b"OB", b"OW", b"UN", b"UT", b"SQ")


class _Counted(io.BytesIO):
    """Bytes that stop answering after so many reads: a parser's work is bounded by it."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > _MOST_READS:
            raise ScanError("its DICOM header has more elements than any scan has")
        return super().read(size)


def parse(data: bytes) -> Any:
    """Return the pydicom dataset of a file with an image; its pixels are not decoded.

    Raises:
        ScanError: it is no image, or stored in a way that cannot be read.
    """
    import pydicom

    dicom_codecs.register()
    syntax, end_of_meta = _meta(data)
    if syntax not in dicom_codecs.READABLE:
        shown = re.sub(r"[^0-9.]", "?", syntax[:64])  # of a damaged header it is anything
        raise ScanError(
            f"its DICOM transfer syntax ({shown}) cannot be read; convert it to "
            "'explicit VR little endian'"
        )
    if syntax == dicom_codecs.DEFLATED:
        data = _inflated(data, end_of_meta)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    part = pydicom.dcmread(_Counted(data))
    if str(part.file_meta.get("MediaStorageSOPClassUID", "")) == _INDEX:
        raise ScanError("it is a DICOMDIR, a list of images; give the images that it lists")
    if "PixelData" not in part:
        raise ScanError("it is a DICOM file without an image")
    return part


def shape(part: Any) -> tuple[int, int, int]:
    """Return (frames, rows, columns), once they agree with the limits and the data.

    Raises:
        ScanError: they do not.
    """
    frames, rows, columns, samples, bits = (
        whole(part, name, default)
        for name, default in (
            ("NumberOfFrames", 1),
            ("Rows", 0),
            ("Columns", 0),
            ("SamplesPerPixel", 1),
            ("BitsAllocated", 0),
        )
    )
    limits.check_stack(frames, rows, columns, max(1, samples * bits // 8))
    if bits == 1:
        raise ScanError("it is a mask of 1 bit a pixel and no scan; give the images it belongs to")
    if bits not in (8, 16, 32) or samples not in (1, 3):
        raise ScanError(f"it stores {samples} x {bits} bits a pixel; 8, 16 or 32 can be read")
    syntax = str(part.file_meta.TransferSyntaxUID)
    if syntax in dicom_codecs.NATIVE:
        halved = str(part.get("PhotometricInterpretation", "")) == "YBR_FULL_422"
        announced = frames * rows * columns * (2 if halved else samples) * bits // 8
        there = len(part.PixelData or b"")
        if there < announced or (part.PixelData or b"")[announced + announced % 2 :].strip(b"\0"):
            raise ScanError(f"its header announces {announced} bytes of pixels, {there} are there")
    elif syntax in dicom_codecs.PICTURES:
        _check_pictures(part, frames, (rows, columns))
    return frames, rows, columns


def whole(part: Any, keyword: str, default: int) -> int:
    """Return a whole number of the header.

    Raises:
        ScanError: what is there is none.
    """
    try:
        return int(part.get(keyword) or default)
    except (TypeError, ValueError) as error:
        raise ScanError(f"its DICOM header has no number where {keyword} should be") from error


def stored_frames(part: Any, indices: Sequence[int]) -> Iterator[NDArray[Any]]:
    """Decode the frames of these indices, in that order, one at a time: (H, W) or (H, W, 3) RGB."""
    from pydicom.pixels import apply_color_lut, iter_pixels

    palette = str(part.get("PhotometricInterpretation", "")) == "PALETTE COLOR"
    for values in iter_pixels(part, indices=indices):
        yield apply_color_lut(values, part) if palette else values


def _meta(data: bytes) -> tuple[str, int]:
    """Return the transfer syntax and where the meta group ends, reading no further."""
    at, syntax = 132, ""
    while data[at : at + 2] == b"\x02\x00":
        element, kind = struct.unpack_from("<H2s", data, at + 2)
        long = kind in _LONG
        length = struct.unpack_from("<I" if long else "<H", data, at + (8 if long else 6))[0]
        value = at + (12 if long else 8)
        if element == 0x0010:
            syntax = data[value : value + length].rstrip(b"\0 ").decode("ascii", "replace")
        at = value + length
    if not syntax:
        raise ScanError("its DICOM header does not say how the pixels are stored")
    return syntax, at


def _inflated(data: bytes, start: int) -> bytes:
    """Return a deflated file as an explicit little endian one; what unpacks to too much is refused.

    pydicom would unpack everything at once: 2 MB have cost 4 GB.
    """
    most = limits.current().unpacked_bytes // 4
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    body = unpacker.decompress(data[start:], most)
    if unpacker.unconsumed_tail:
        raise ScanError(f"it unpacks to more than {most // 2**20} MB")
    if not unpacker.eof:
        raise ScanError("it is cut short: its deflated data end too early")
    meta = data[:start].replace(
        struct.pack("<H", 22) + dicom_codecs.DEFLATED.encode(),
        struct.pack("<H", len(_EXPLICIT)) + _EXPLICIT,
    )
    # the length of the group, where it is told, is that of the elements after it
    if meta[132:138] == b"\x02\x00\x00\x00UL":
        meta = meta[:140] + struct.pack("<I", len(meta) - 144) + meta[144:]
    return meta + body


def _check_pictures(part: Any, frames: int, size: tuple[int, int]) -> None:
    """Compare the size in each packed frame's own header, before anything unpacks it."""
    from pydicom.encaps import generate_frames

    packed = 0
    for frame in generate_frames(part.PixelData, number_of_frames=frames):
        packed += 1
        if dicom_codecs.frame_size(frame) != size:
            raise ScanError("its compressed pixels differ in size from its header")
    if packed != frames:
        raise ScanError(f"its header announces {frames} frames, {packed} are there")
