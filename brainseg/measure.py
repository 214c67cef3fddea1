"""What a mask measures: areas, volume, largest diameter, and in how many pieces it lies.

Lengths exist only where the scan says how large its pixels are; nothing is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainseg.types import BoolArray

_CORNERS = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]])
_ANY_NEIGHBOUR = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a mask measures. ``None`` where the scan does not tell the spacing it takes.

    A volume takes a second slice and the distance to it, areas and diameters the pixels' size.

    ``largest_diameter_mm`` is the longest straight line within one slice across one connected
    piece, from pixel corner to pixel corner, as a reader lays a ruler on the slice (RECIST 1.1,
    doi 10.1016/j.ejca.2008.10.026); ``largest_diameter_slice`` counts from 0.
    """

    area_px: tuple[int, ...]  # one a slice
    area_mm2: tuple[float, ...] | None
    volume_ml: float | None
    largest_diameter_mm: float | None
    largest_diameter_slice: int | None
    components: int  # pieces that touch nowhere, not even at a corner


def measure(mask: BoolArray, spacing_mm: tuple[float, float, float] | None) -> Measurement:
    """Measure a mask.

    Args:
        mask: (D, H, W).
        spacing_mm: (slice, row, column), or None where the file does not say; the distance of
            the slices is NaN where only that is not told.

    Raises:
        ValueError: the mask is not (D, H, W), or a spacing is not positive, or infinite.
    """
    if mask.ndim != 3:
        raise ValueError(f"a mask must be (D, H, W); received {mask.shape}")
    area_px = tuple(int(np.count_nonzero(one)) for one in mask)
    if spacing_mm is None:
        return Measurement(
            area_px=area_px,
            area_mm2=None,
            volume_ml=None,
            largest_diameter_mm=None,
            largest_diameter_slice=None,
            components=_components(mask),
        )
    between, row, column = spacing_mm
    told = (row, column) if np.isnan(between) else spacing_mm
    if not all(np.isfinite(side) and side > 0 for side in told):
        raise ValueError(f"a spacing must be positive; received {spacing_mm}")
    stacked = len(mask) > 1 and not np.isnan(between)
    area_mm2 = tuple(area * row * column for area in area_px)
    diameters = [_diameter_mm(one, row, column) if one.any() else 0.0 for one in mask]
    longest = int(np.argmax(diameters)) if any(diameters) else None
    return Measurement(
        area_px=area_px,
        area_mm2=area_mm2,
        volume_ml=sum(area_mm2) * between / 1000.0 if stacked else None,
        largest_diameter_mm=None if longest is None else diameters[longest],
        largest_diameter_slice=longest,
        components=_components(mask),
    )


def _components(mask: BoolArray) -> int:
    box = ndimage.find_objects(mask.astype(np.uint8))
    if not box:
        return 0
    return int(ndimage.label(mask[box[0]], structure=_ANY_NEIGHBOUR)[1])


def _diameter_mm(mask: BoolArray, row_mm: float, column_mm: float) -> float:
    """Return the longest line across one piece of an (H, W) mask that is not empty."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(_longest_mm(line.reshape(-1, 2), row_mm, column_mm) for line in outlines)


def _longest_mm(centres: NDArray[np.int32], row_mm: float, column_mm: float) -> float:
    corners = (centres[:, np.newaxis] + _CORNERS).reshape(-1, 2)  # (x, y)
    placed = (corners * (column_mm, row_mm)).astype(np.float32)
    hull = cv2.convexHull(placed).reshape(-1, 2).astype(np.float64)
    gaps = hull[:, np.newaxis] - hull[np.newaxis]
    return float(np.sqrt((gaps**2).sum(axis=2).max()))
