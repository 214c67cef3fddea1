"""The pixels of a sample's files: raw grey values, boolean masks, saliency maps.

A file's own rows and columns are kept: no EXIF rotation, so an image and its mask never part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.data.formats.colour import grey
from brainseg.errors import DataError
from brainseg.types import SALIENCY_INPUTS, BoolArray, FloatArray, Sample, Scan

_END_OF_FILE = {b"\x89PNG": b"IEND", b"\xff\xd8\xff": b"\xff\xd9"}
_LOSSY = {".jpg", ".jpeg"}  # their values are near what was meant
Orientation = Literal["transposed", "upright"]
AnyArray = TypeVar("AnyArray", bound=NDArray[Any])


def read_image(sample: Sample) -> FloatArray:
    """Return the raw grey values of a sample's image, (H, W) float32 in the file's own range.

    Raises:
        DataError: the file is missing, damaged or not an image.
    """
    return _grey(_decode(sample.image)).astype(np.float32)


def read_stored(sample: Sample) -> NDArray[Any]:
    """Return a sample's image just as its file has it: (H, W) or (H, W, 3) RGB, its own dtype.

    Raises:
        DataError: the file is missing, damaged or not an image.
    """
    pixels = _decode(sample.image)
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, 2::-1])


def read_mask(sample: Sample) -> BoolArray | None:
    """Return a sample's true mask, (H, W) bool in the image's geometry; None where unknown.

    A slice known to be tumour-free needs no file: its mask is empty. Of two values the larger is
    tumour; of more (soft edges) and in a JPEG what is above half of the range.

    Raises:
        DataError: the file is missing, damaged or not an image, or does not say what is tumour.
    """
    if sample.mask is None:
        return np.zeros(read_image(sample).shape, dtype=bool) if sample.has_truth else None
    stored = _decode(sample.mask)
    values = _grey(stored)
    low, top = float(values.min()), float(values.max())
    half = _mask_threshold(top, stored.dtype)
    if low < top and sample.mask.suffix.lower() not in _LOSSY:
        if np.all((values == low) | (values == top)):
            return np.asarray(values == top)
        if top <= half:
            raise DataError(
                f"{sample.mask} holds more than two values, the highest {top:g}, and does not say "
                "which are tumour: save the tumour as 255 and everything else as 0"
            )
    return np.asarray(values > half)


def read_saliency(sample: Sample, which: Literal[1, 2]) -> FloatArray | None:
    """Return a saliency map, (H, W) float32; None where the sample has none.

    In grey levels 0..255, as its file's kind of number says and never by its own maximum: white is
    255 in a file of 8 bits, 65535 in one of 16, 1 in one of fractions (unless a value exceeds it).

    Raises:
        DataError: the file is missing, damaged or not an image.
    """
    path = sample.saliency[which - 1]
    if path is None:
        return None
    stored = _decode(path)
    values = _grey(stored).astype(np.float32)
    full = _full(stored.dtype)
    if full == 1.0 and values.max() > 1:
        return values
    return np.asarray(values / np.float32(full / 255))


def read_scan(sample: Sample, saliency: str = "none") -> Scan:
    """Return a sample as a scan, with those maps that ``saliency`` names and the sample has.

    Raises:
        DataError: a file is missing, damaged or not an image.
    """
    wanted = SALIENCY_INPUTS[saliency]
    return Scan(
        pixels=read_image(sample),
        source=f"slice {sample.number}",
        saliency=(
            read_saliency(sample, 1) if 1 in wanted else None,
            read_saliency(sample, 2) if 2 in wanted else None,
        ),
    )


def read_pair(sample: Sample, saliency: str = "none") -> tuple[Scan, BoolArray | None]:
    """Return a sample as ``read_scan`` does and its true mask, of one size; None where unknown.

    Raises:
        DataError: a file is missing, damaged or not an image, or the mask has another size.
    """
    scan = read_scan(sample, saliency)
    if sample.mask is None:
        return scan, np.zeros(scan.pixels.shape, dtype=bool) if sample.has_truth else None
    mask = read_mask(sample)
    check_size(sample, mask, scan.pixels)
    return scan, mask


def check_size(sample: Sample, mask: BoolArray | None, image: FloatArray) -> None:
    """Refuse a mask that has not the size of its image.

    Raises:
        DataError: it has another.
    """
    if mask is not None and mask.shape != image.shape:
        raise DataError(
            f"{sample.mask} is {mask.shape[1]}x{mask.shape[0]} but its image is "
            f"{image.shape[1]}x{image.shape[0]}; both must have one size: mend or remove the pair"
        )


def turn_upright(array: AnyArray, orientation: Orientation) -> AnyArray:
    """Return an (H, W) or (H, W, C) array as a reader expects it: transposed files turned back."""
    if orientation == "upright":
        return array
    return np.ascontiguousarray(np.swapaxes(array, 0, 1))  # type: ignore[return-value]


def _decode(path: Path) -> NDArray[Any]:
    try:
        data = path.read_bytes()
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise DataError(f"{path} cannot be read ({reason}); replace or remove the file") from None
    problem = _damage(data)
    if problem is None:
        try:
            pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            pixels = None
        if pixels is not None and pixels.size:
            return np.asarray(pixels)
        problem = "damaged or not an image"
    raise DataError(f"{path} cannot be read as an image ({problem}); replace or remove the file")


def _damage(data: bytes) -> str | None:
    if not data:
        return "the file is empty"
    for start, end in _END_OF_FILE.items():
        if data.startswith(start) and data.rfind(end) < 0:
            return "the file is cut short"
    return None


def _grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return (H, W) grey of decoded pixels, as an upload's: colour becomes float32 luminance."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] < 3:
        return np.ascontiguousarray(pixels[:, :, 0])
    channels = [2, 1, 0, 3][: pixels.shape[2]]  # OpenCV's order is blue, green, red
    return grey(pixels[:, :, channels], _full(pixels.dtype))


def _full(kind: np.dtype[Any]) -> float:
    """Return the value of white."""
    return float(np.iinfo(kind).max) if kind.kind in "ui" else 1.0


def _mask_threshold(top: float, kind: np.dtype[Any]) -> float:
    """Half of the range the file uses: 0/1, 8-bit values, or the full range of its type."""
    if top <= 1:
        return 0.0
    if top <= 255:
        return 127.5
    return _full(kind) / 2 if kind.kind in "ui" else top / 2
