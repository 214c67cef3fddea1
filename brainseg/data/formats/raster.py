"""PNG, JPEG, TIFF, WebP and BMP, values as stored: 16 bits stay 16 bits, colour becomes luminance.

Pillow checks and decodes; colour with more than 8 bits, which Pillow cuts to 8, is decoded by
OpenCV once Pillow has found the file whole. Pages of a TIFF are slices.
"""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.data.formats import limits
from brainseg.errors import ScanError
from brainseg.types import FloatArray

Kind = Literal["PNG", "JPEG", "TIFF", "WEBP", "BMP"]
_GREY_MODES = ("L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_BITS, _PHOTOMETRIC, _SAMPLES, _FORMAT, _ORIENTATION = 258, 262, 277, 339, 274


def read(data: bytes, kind: Kind) -> FloatArray:
    """Decode a picture, or every page of a TIFF, to (D, H, W) raw values.

    Raises:
        ScanError: it is damaged, animated, too large, or its pages differ in size.
    """
    pages = _count_pages(data) if kind == "TIFF" else 1
    image = _open(data, kind)
    if kind in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        raise ScanError("it is an animation; give a single picture")
    limits.check_stack(pages, image.height, image.width)
    first = image.size
    slices = []
    for page in range(pages):
        if kind == "TIFF":
            image.seek(page)
        if image.size != first:
            raise ScanError("its pages differ in size; give one page, or pages of one size")
        slices.append(_page(image, data, kind, pages))
    return np.stack(slices)


def luminance(colour: NDArray[Any]) -> FloatArray:
    """Return the luminance (Rec. 601) of (..., 3) RGB; exactly the grey where all three agree."""
    red, green, blue = (colour[..., channel] for channel in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return red.astype(np.float32)
    grey = red * np.float32(0.299)
    grey += green * np.float32(0.587)
    grey += blue * np.float32(0.114)
    return np.asarray(grey, dtype=np.float32)


def _open(data: bytes, kind: Kind) -> Any:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size (our limits are lower) and of odd metadata
            if kind == "PNG":
                Image.open(io.BytesIO(data), formats=(kind,)).verify()  # the checksum of each chunk
            return Image.open(io.BytesIO(data), formats=(kind,))
    except Image.DecompressionBombError as error:
        raise ScanError("it has more pixels than can be read") from error
    except Image.UnidentifiedImageError as error:
        raise ScanError("its header is damaged or of an unsupported variant") from error


def _page(image: Any, data: bytes, kind: Kind, pages: int) -> FloatArray:
    orientation = image.getexif().get(_ORIENTATION, 1)
    deep = _is_deep_colour(image, data, kind)
    image.load()  # raises where the file is cut short
    if not deep:
        # Pillow turns a TIFF while loading, and then forgets the tag
        orientation = image.getexif().get(_ORIENTATION, 1)
        return _turn(_values(image, kind), orientation)
    if pages > 1:
        raise ScanError("it has several pages in 16-bit colour; give them in grey")
    return _turn(_deep_colour(data), orientation)


def _is_deep_colour(image: Any, data: bytes, kind: Kind) -> bool:
    if kind == "PNG":
        depth, colour_type = data[24], data[25]
        return depth == 16 and colour_type != 0
    if kind == "TIFF":
        bits = image.tag_v2.get(_BITS, (1,))
        return bool(image.tag_v2.get(_SAMPLES, 1) > 1 and max(bits) > 8)
    return False


def _deep_colour(data: bytes) -> FloatArray:
    flags = cv2.IMREAD_UNCHANGED
    pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ScanError("its kind of 16-bit colour cannot be read; give it in grey")
    scale = 65535.0 if pixels.dtype == np.uint16 else 1.0
    return _over_black(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]], scale)


def _values(image: Any, kind: Kind) -> FloatArray:
    if image.mode in _GREY_MODES:
        return _grey(image, kind)
    if image.mode in ("P", "PA"):
        transparent = image.mode == "PA" or "transparency" in image.info
        image = image.convert("RGBA" if transparent else "RGB")
    elif image.mode == "1":
        return np.asarray(image.convert("L"), dtype=np.float32)
    elif image.mode == "LA":
        image = image.convert("RGBA")
    elif image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGB")
    return _over_black(np.asarray(image), 255.0)


def _grey(image: Any, kind: Kind) -> FloatArray:
    values = np.asarray(image)
    if kind == "TIFF":
        tags = image.tag_v2
        if (
            image.mode == "I"
            and max(tags.get(_BITS, (1,))) == 32
            and tags.get(_FORMAT, (1,))[0] == 1
        ):
            values = values.view(np.uint32)
        if image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == 0:  # white is zero
            return np.asarray(65535.0 - values, dtype=np.float32)
    return values.astype(np.float32)


def _over_black(pixels: NDArray[Any], opaque: float) -> FloatArray:
    grey = luminance(pixels)
    if pixels.shape[2] == 4 and not (pixels[..., 3] == opaque).all():
        grey = grey * (pixels[..., 3].astype(np.float32) / np.float32(opaque))
    return grey


def _turn(values: FloatArray, orientation: int) -> FloatArray:
    if orientation in (5, 6, 7, 8):
        values = values.T
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return np.ascontiguousarray(values)


def _count_pages(data: bytes) -> int:
    """Walk the chain of TIFF directories: at most FRAMES + 1, and no circle."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    link, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    where = struct.unpack_from(order + link, data, 8 if big else 4)[0]
    seen: set[int] = set()
    while where and len(seen) <= limits.FRAMES:
        if where in seen or where + 8 > len(data):
            raise ScanError("its list of pages is damaged or cut short")
        seen.add(where)
        entries = struct.unpack_from(order + count, data, where)[0]
        following = where + struct.calcsize(order + count) + entries * entry
        if following + struct.calcsize(order + link) > len(data):
            raise ScanError("its list of pages is damaged or cut short")
        where = struct.unpack_from(order + link, data, following)[0]
    return len(seen)
