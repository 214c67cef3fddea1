"""Scan to network input and network output back to scan. The only place where either is done.

Per-image min-max to [0, 1]: on the Kaggle slices, which all span 0..255, that equals dividing by
255, and it is also right for a 12-bit DICOM. A scan that is not square is padded, never stretched.
Networks of ``contrast`` ``"equalised"`` then see the grey levels of the head spread evenly.
"""

from __future__ import annotations

import cv2
import numpy as np

from brainseg.errors import ScanError
from brainseg.types import SALIENCY_INPUTS, BoolArray, ByteArray, FloatArray, Geometry, Scan

AIR = 0.05  # up to here a scaled image is background
_LEVELS = 256
MAX_SQUARE_PIXELS = 100_000_000  # of the padded square: 400 MB as float32


def resize(square: FloatArray, size: int) -> FloatArray:
    """Resize a square image to (size, size): by area where it shrinks, else bilinear."""
    shrinks = size < square.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=method), dtype=np.float32)


def pad(pixels: FloatArray, geometry: Geometry) -> FloatArray:
    """Centre an (H, W) image in a square of zeros whose side is its longer one."""
    if pixels.shape == (geometry.side, geometry.side):
        return pixels
    square = np.zeros((geometry.side, geometry.side), dtype=np.float32)
    rows = slice(geometry.top, geometry.top + geometry.height)
    columns = slice(geometry.left, geometry.left + geometry.width)
    square[rows, columns] = pixels
    return square


def geometry_of(pixels: FloatArray | BoolArray, size: int) -> Geometry:
    """Return how an (H, W) image is fitted into a square of side ``size``.

    Raises:
        ScanError: the array is not 2-D, has no pixels, or is so long and thin that its square
            would not fit into memory.
    """
    if pixels.ndim != 2 or pixels.size == 0:
        raise ScanError(f"a scan must be one grey image (H, W); this one has shape {pixels.shape}")
    geometry = Geometry(height=pixels.shape[0], width=pixels.shape[1], size=size)
    if geometry.side**2 > MAX_SQUARE_PIXELS:
        raise ScanError(
            f"an image of {geometry.height}x{geometry.width} pixels is no slice of a head: its "
            f"longer side may be at most {int(MAX_SQUARE_PIXELS**0.5)} pixels"
        )
    return geometry


def rescale(pixels: FloatArray) -> FloatArray:
    """Map the values of an image to [0, 1] by its own minimum and maximum; a flat image to 0.

    Raises:
        ScanError: a value is NaN or infinite.
    """
    values = np.asarray(pixels, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise ScanError("the scan holds values that are not finite (NaN or infinity)")
    if high <= low:
        return np.zeros_like(values)
    scaled = np.subtract(values, low, dtype=np.float64)
    scaled /= np.float64(high) - low  # in place: twice as fast as one expression
    return scaled.astype(np.float32)


def standardise(pixels: FloatArray, size: int) -> tuple[FloatArray, Geometry]:
    """Turn raw (H, W) pixels into the (size, size, 1) float32 input in [0, 1], and its geometry.

    Raises:
        ScanError: not a finite, non-empty 2-D image.
    """
    geometry = geometry_of(pixels, size)
    square = resize(pad(rescale(pixels), geometry), size)
    return np.clip(square, 0.0, 1.0)[..., np.newaxis], geometry


def equalise(image: FloatArray) -> FloatArray:
    """Spread the grey levels above ``AIR`` evenly over [AIR, 1]; what is darker stays.

    Histogram equalisation inside the head: fat and vessels of a contrast-enhanced T1 slice are so
    bright that brain and tumour share few levels below a third of the range. Whatever keeps the
    order of the levels (a window, a gamma) hardly changes the result.
    """
    inside = image > AIR
    if not inside.any():
        return image
    counts, edges = np.histogram(image[inside], bins=_LEVELS, range=(AIR, 1.0))
    share = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    spread = AIR + (1.0 - AIR) * np.interp(image, edges, share)
    return np.where(inside, spread, image).astype(np.float32)


def grey_levels(values: FloatArray | ByteArray) -> ByteArray:
    """Return a map of values 0..255 in 256 whole grey levels."""
    return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)


def standardise_map(values: FloatArray, geometry: Geometry) -> FloatArray:
    """Fit a saliency map (h, w) to its scan and its square: (size, size, 1), level 255 as 1.

    A map keeps its brightness: how bright it is may differ from slice to slice on purpose.
    """
    levels = np.asarray(np.clip(values, 0, 255) / np.float32(255), dtype=np.float32)
    wanted = (geometry.height, geometry.width)
    if levels.shape != wanted:
        levels = np.asarray(cv2.resize(levels, wanted[::-1]), dtype=np.float32)
    square = resize(pad(levels, geometry), geometry.size)
    return np.clip(square, 0.0, 1.0)[..., np.newaxis]


def network_input(
    scan: Scan, size: int, saliency: str = "none", contrast: str = "linear"
) -> tuple[FloatArray, Geometry]:
    """Turn a scan into what a network sees, (size, size, C) float32 in [0, 1], and its geometry.

    Channel 0 is the scan, in one of ``types.CONTRASTS``; the maps that ``saliency`` names
    (``types.SALIENCY_INPUTS``) follow.

    Raises:
        ScanError: not a finite, non-empty 2-D image, or it came without such a map.
    """
    image, geometry = standardise(scan.pixels, size)
    channels = [equalise(image) if contrast == "equalised" else image]
    for which in SALIENCY_INPUTS[saliency]:
        values = scan.saliency[which - 1]
        if values is None:
            raise ScanError(
                f"this network was trained with saliency map {which} beside the scan, and "
                f"{scan.source or 'this scan'} has none: choose a network that needs the scan alone"
            )
        channels.append(standardise_map(values, geometry))
    return np.concatenate(channels, axis=-1), geometry


def with_channels(images: FloatArray) -> FloatArray:
    """Return images (B, S, S) as (B, S, S, 1); those with maps, (B, S, S, C), as they are."""
    return images if images.ndim == 4 else images[..., np.newaxis]


def standardise_mask(mask: BoolArray, size: int) -> BoolArray:
    """Fit an (H, W) mask into the square: by area, then true where at least half is covered."""
    geometry = geometry_of(mask, size)
    return resize(pad(mask.astype(np.float32), geometry), size) >= 0.5


def restore(probability: FloatArray, geometry: Geometry) -> FloatArray:
    """Map (size, size) probabilities back to the scan: (H, W) float32 in [0, 1]."""
    square = resize(np.asarray(probability, dtype=np.float32), geometry.side)
    rows = slice(geometry.top, geometry.top + geometry.height)
    columns = slice(geometry.left, geometry.left + geometry.width)
    return np.clip(square[rows, columns], 0.0, 1.0)


def restore_values(values: FloatArray, size: int) -> FloatArray:
    """Resize a square map of any range, such as a feature map, to (size, size)."""
    return resize(np.asarray(values, dtype=np.float32), size)
