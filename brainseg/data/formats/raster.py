"""PNG, JPEG, WebP and BMP, values as stored: 16 bits stay 16 bits, colour becomes luminance.

Pillow checks and decodes. Of PNG whose chunks Pillow has found whole, OpenCV decodes colour of 16
bits, which Pillow cuts to 8, and plain pictures of 8 bits, whose missing rows Pillow leaves black.
"""

from __future__ import annotations

import io
import struct
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.data.formats import limits
from brainseg.data.formats.colour import grey, is_coloured
from brainseg.errors import ScanError
from brainseg.types import FloatArray, Volume

Kind = Literal["PNG", "JPEG", "TIFF", "WEBP", "BMP"]
_GREY_MODES = ("L", "I", "I;16", "I;16L", "I;16B", "I;16N")
_ORIENTATION = 274
_BITS, _COLOUR_TYPE = 24, 25  # bytes of a PNG: its header comes first
_NOT_PLAIN = {b"tRNS", b"eXIf", b"tEXt", b"zTXt", b"iTXt"}  # opacity and turns may stand there
_JPEG_PIXELS_A_BYTE = 512  # at best: a bit for each 8 x 8 block; the decoder would make up the rest


def read(data: bytes, kind: Kind) -> Volume:
    """Decode a picture to (1, H, W) raw values.

    Raises:
        ScanError: it is damaged, animated or too large.
    """
    image = opened(data, kind)
    if getattr(image, "n_frames", 1) > 1 and kind != "JPEG":  # a phone's JPEG hides further views
        raise ScanError("it is an animation; give a single picture")
    deep = kind == "PNG" and data[_BITS] == 16 and data[_COLOUR_TYPE] != 0
    limits.check_image(image.height, image.width, 8 if deep else 4)
    if kind == "JPEG" and len(data) * _JPEG_PIXELS_A_BYTE < image.height * image.width:
        raise ScanError("it announces far more pixels than its bytes can hold")
    plain = kind == "PNG" and _is_plain(data)
    orientation = 1 if plain else image.getexif().get(_ORIENTATION, 1)
    if not plain:
        image.load()  # raises where the file is cut short
    pixels = _by_opencv(data) if plain or deep else eight_bit(image)
    full = 65535.0 if deep else 255.0
    return Volume(
        voxels=turned(grey(pixels, full), orientation)[np.newaxis],
        coloured=pixels.ndim == 3 and is_coloured(pixels, full),
    )


def opened(data: bytes, kind: Kind) -> Any:
    """Return the Pillow image of a file, not yet decoded.

    Raises:
        ScanError: its header is damaged, or announces far too much.
    """
    from PIL import Image

    try:
        if kind == "PNG":
            Image.open(io.BytesIO(data), formats=(kind,)).verify()  # the checksum of each chunk
        return Image.open(io.BytesIO(data), formats=(kind,))
    except Image.DecompressionBombError as error:
        raise ScanError("it has more pixels than can be read") from error
    except Image.UnidentifiedImageError as error:
        raise ScanError("its header is damaged or of an unsupported variant") from error


def eight_bit(image: Any) -> NDArray[Any]:
    """Return the pixels of a decoded Pillow image: (H, W) grey, or (H, W, 3 or 4) RGB in 0..255."""
    if image.mode in _GREY_MODES:
        return np.asarray(image)
    if image.mode in ("P", "PA"):
        transparent = image.mode == "PA" or "transparency" in image.info
        return np.asarray(image.convert("RGBA" if transparent else "RGB"))
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode == "LA":
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"))


def turned(values: FloatArray, orientation: int) -> FloatArray:
    """Return (H, W) values as an EXIF orientation (1 to 8) says they are to be seen."""
    if orientation in (5, 6, 7, 8):
        values = values.T
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return np.ascontiguousarray(values)


def _is_plain(data: bytes) -> bool:
    """Whether a PNG is 8-bit grey, RGB or RGBA, with nothing that says how to see it otherwise."""
    kinds, at = set(), 8
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        kinds.add(kind)
        at += 12 + size
    return data[_BITS] == 8 and data[_COLOUR_TYPE] in (0, 2, 6) and not kinds & _NOT_PLAIN


def _by_opencv(data: bytes) -> NDArray[Any]:
    """Return the stored values of a PNG: (H, W) grey, or (H, W, 3 or 4) RGB."""
    pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != (np.uint16 if data[_BITS] == 16 else np.uint8):
        raise ScanError("its pixels are damaged or cut short, or of a kind that cannot be read")
    if pixels.ndim == 2:
        return np.asarray(pixels)
    turn = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return np.asarray(cv2.cvtColor(pixels, turn, dst=pixels))
