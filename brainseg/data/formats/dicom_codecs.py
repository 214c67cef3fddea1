"""Compressed DICOM pixels: which syntaxes are read, by what, and the size a packed frame announces.

pydicom decodes RLE itself and JPEG and JPEG 2000 through Pillow; what Pillow cannot (12 bits,
lossless JPEG, JPEG-LS, high-throughput and some other JPEG 2000) goes to imagecodecs, which this
module adds to pydicom as a plugin of its documented kind.
"""

from __future__ import annotations

import struct
from typing import Any

from brainseg.errors import ScanError

NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
JPEG = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))
JPEG_LS = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (80, 81))
JPEG_2000 = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 201, 202, 203))
PICTURES = (*JPEG, *JPEG_LS, *JPEG_2000)
READABLE = (*NATIVE, DEFLATED, RLE, *PICTURES)
DECODER_DEPENDENCIES = dict.fromkeys(PICTURES, ("numpy", "imagecodecs"))
_PLUGIN = "brainseg-imagecodecs"
_FRAME_STARTS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # SOF markers, and JPEG-LS


def register() -> None:
    """Tell pydicom of this plugin; doing so twice does no harm."""
    from pydicom.pixels import get_decoder

    for syntax in PICTURES:
        decoder = get_decoder(syntax)
        if _PLUGIN not in decoder.available_plugins:
            decoder.add_plugin(_PLUGIN, (__name__, "decode_frame"))


def is_available(uid: str) -> bool:
    """Whether pydicom may use the plugin: always, for imagecodecs is a requirement."""
    return uid in PICTURES


def decode_frame(source: bytes, runner: Any) -> bytes:
    """Decode one frame for pydicom; see its guide to decoder plugins."""
    import imagecodecs

    syntax = str(runner.transfer_syntax)
    if syntax in JPEG_2000:
        pixels = imagecodecs.jpeg2k_decode(source)
        runner.set_option("pixel_representation", int(pixels.dtype.kind == "i"))
    elif syntax in JPEG_LS:
        pixels = imagecodecs.jpegls_decode(source)
    else:
        pixels = imagecodecs.jpeg_decode(source)
    runner.set_option("bits_allocated", 8 * pixels.dtype.itemsize)
    if pixels.ndim == 3:
        runner.set_option("planar_configuration", 0)
        if syntax in (*JPEG, *JPEG_2000):  # these decoders undo the colour transform themselves
            runner.set_option("photometric_interpretation", "RGB")
    return bytes(pixels.tobytes())


def frame_size(frame: bytes) -> tuple[int, int]:
    """Return (rows, columns) that a JPEG, JPEG-LS or JPEG 2000 frame announces.

    Raises:
        ScanError: it announces none.
    """
    wavelet = frame.find(b"\xff\x4f\xff\x51", 0, 2**16)
    try:
        if wavelet >= 0 and not frame.startswith(b"\xff\xd8"):
            right, bottom, left, top = struct.unpack_from(">4I", frame, wavelet + 8)
            return bottom - top, right - left
        at = 2
        while frame[at] == 0xFF:
            marker = frame[at + 1]
            if marker in _FRAME_STARTS:
                rows, columns = struct.unpack_from(">HH", frame, at + 5)
                return rows, columns
            at += 1 if marker == 0xFF else 2 + struct.unpack_from(">H", frame, at + 2)[0]
    except (IndexError, struct.error):
        pass
    raise ScanError("its compressed pixels are damaged or cut short")
