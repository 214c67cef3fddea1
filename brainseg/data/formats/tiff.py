"""TIFF and BigTIFF, values as stored, 1 to 64 bits; pages of one size are slices.

tifffile decodes, in strips or tiles, so that 16 bits, floats and colour of more than 8 bits keep
their values; kinds of colour that it leaves alone (YCbCr, CIELAB) go to Pillow.
"""

from __future__ import annotations

import io
import logging
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.data.formats import limits
from brainseg.data.formats.colour import grey, is_coloured
from brainseg.data.formats.raster import eight_bit, opened, turned
from brainseg.errors import ScanError
from brainseg.types import Volume

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_READ = (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK)
_JPEG = (6, 7)
_BESIDE = {_PALETTE: 12, _CMYK: 16}  # bytes a pixel, beside the stored ones, to make grey of it
_ORIENTATION = 274
logging.getLogger("tifffile").disabled = True  # what is wrong with a file is said in one sentence


def read(data: bytes) -> Volume:
    """Decode every page to (D, H, W) raw values.

    Raises:
        ScanError: it is damaged, too large, or its pages differ in size.
    """
    import tifffile

    count = _count_pages(data)
    slices: NDArray[Any] | None = None
    coloured = False
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        sizes = [_checked(page) for page in (file.pages[index] for index in range(count))]
        if len({size[:2] for size in sizes}) > 1:
            raise ScanError("its pages differ in size; give one page, or pages of one size")
        limits.check_stack(count, *sizes[0][:2], max(size[2] for size in sizes))
        for index in range(count):
            pixels, full = _pixels(file.pages[index], data, index)
            turn = file.pages[index].tags.valueof(_ORIENTATION, default=1)
            page = turned(grey(pixels, full), turn)
            if slices is None:
                slices = np.empty((count, *page.shape), np.float32)
                coloured = pixels.ndim == 3 and is_coloured(pixels, full)
            slices[index] = page
    assert slices is not None
    return Volume(voxels=slices, coloured=coloured)


def _checked(page: Any) -> tuple[int, int, int]:
    """Return height, width and bytes a pixel of a page whose directory is plausible."""
    samples, depth = page.samplesperpixel, page.imagedepth
    if depth != 1 or not 1 <= samples <= 5:
        raise ScanError(f"its pages have {samples} channels and depth {depth}; grey is needed")
    limits.check_image(page.imagelength, page.imagewidth)
    if page.is_tiled:
        limits.check_image(page.tilelength, page.tilewidth)
    if page.dtype is None or page.dtype.kind not in "uifb" or page.dtype.itemsize > 8:
        raise ScanError("its pages are of a kind of number that cannot be read")
    pixel_bytes = samples * page.dtype.itemsize + _BESIDE.get(int(page.photometric), 0)
    limits.check_image(page.imagelength, page.imagewidth, pixel_bytes)
    stored = sum(page.databytecounts)
    if page.compression == 1 and stored * 8 < page.imagelength * page.imagewidth * samples:
        raise ScanError("it is cut short: its pixels are not there")
    return page.imagelength, page.imagewidth, pixel_bytes


def _pixels(page: Any, data: bytes, index: int) -> tuple[NDArray[Any], float]:
    """Return a page as (H, W) grey or (H, W, 3 or 4) RGB, and what white is in its colours."""
    kind = int(page.photometric)
    if kind not in _READ and not (kind == _YCBCR and int(page.compression) in _JPEG):
        image = opened(data, "TIFF")
        image.seek(index)
        limits.check_image(image.height, image.width)
        image.load()
        return eight_bit(image), 255.0
    values = page.asarray(maxworkers=1)
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        values = np.moveaxis(values, 0, -1)
    if values.shape[:2] != (page.imagelength, page.imagewidth):
        raise ScanError("its pixels differ in size from its directory")
    full = _full(page, values)
    if kind == _PALETTE:
        return np.moveaxis(page.colormap[:, values], 0, -1) / np.float32(257.0), 255.0
    if kind == _CMYK:
        ink = values[..., :4].astype(np.float32) / np.float32(full)
        return (1 - ink[..., :3]) * (1 - ink[..., 3:]) * np.float32(full), full
    if kind == _WHITE_IS_ZERO:
        values = np.subtract(full, values, dtype=np.float64)
    if values.ndim == 3 and values.shape[2] in (1, 2):  # grey, perhaps with its opacity
        opacity = values[..., 1] / full if values.shape[2] == 2 else 1
        values = values[..., 0] * opacity
    return values[..., :4] if values.ndim == 3 else values, full


def _full(page: Any, values: NDArray[Any]) -> float:
    """Return the value of full white, for transparency and inks: that of the stored bits."""
    if values.dtype.kind == "f":
        return 1.0
    signed = values.dtype.kind == "i"
    return float(2 ** (int(page.bitspersample) - signed) - 1)


def _count_pages(data: bytes) -> int:
    """Walk the chain of directories: at most the limit and one, and no circle."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    link, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    where = struct.unpack_from(order + link, data, 8 if big else 4)[0]
    seen: set[int] = set()
    while where and len(seen) <= limits.current().slices:
        if where in seen or where + 8 > len(data):
            raise ScanError("its list of pages is damaged or cut short")
        seen.add(where)
        entries = struct.unpack_from(order + count, data, where)[0]
        following = where + struct.calcsize(order + count) + entries * entry
        if following + struct.calcsize(order + link) > len(data):
            raise ScanError("its list of pages is damaged or cut short")
        where = struct.unpack_from(order + link, data, following)[0]
    limits.check_stack(len(seen), 1, 1)
    return len(seen)
