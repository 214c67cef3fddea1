"""Distances between the outlines of two masks, in the unit of the pixel spacing.

An outline is the pixels of a mask that have one of their four neighbours outside it; beyond the
edge of the image counts as outside (MedPy and MONAI draw it the same way). Every outline pixel is
measured to the nearest outline pixel of the other mask, from each mask to the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from brainseg.types import BoolArray

Distances = tuple[NDArray[np.float64], NDArray[np.float64]]
Spacing = tuple[float, float]
PERCENTILE = 95.0


def outline(mask: BoolArray) -> BoolArray:
    """Return the outline of a mask (H, W): its pixels with a 4-neighbour outside, (H, W) bool."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(mask & ~inner)


def distances(
    prediction: BoolArray, truth: BoolArray, spacing: Spacing = (1.0, 1.0)
) -> Distances | None:
    """Return the distance of every outline pixel to the other outline: prediction's, truth's.

    Args:
        prediction: mask (H, W).
        truth: mask (H, W).
        spacing: size of a pixel along rows and columns; the distances are in its unit.

    Returns:
        Two float64 vectors, or None where either mask is empty: then no distance is defined.

    Raises:
        ValueError: the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"mask {prediction.shape} and truth {truth.shape} differ in shape")
    one, other = (_points(mask, spacing) for mask in (prediction, truth))
    if not len(one) or not len(other):
        return None
    return _nearest(one, other), _nearest(other, one)


def _points(mask: BoolArray, spacing: Spacing) -> NDArray[np.float64]:
    return np.asarray(np.argwhere(outline(mask)) * np.asarray(spacing), dtype=np.float64)


def _nearest(points: Any, others: Any) -> NDArray[np.float64]:
    return np.asarray(cKDTree(others).query(points)[0], dtype=np.float64)


def hausdorff(found: Distances, percentile: float = PERCENTILE) -> float:
    """Return the larger of the two directed percentiles (interpolated) of the distances.

    So Metrics Reloaded (Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z) and MONAI; MedPy
    takes one percentile of both directions together, which forgives a one-sided error.
    """
    return float(max(np.percentile(one_way, percentile) for one_way in found))


def mean(found: Distances) -> float:
    """Return the mean over all pixels of both outlines (average symmetric surface distance).

    Heimann et al. 2009, doi:10.1109/TMI.2009.2013851.
    """
    return float(np.concatenate(found).mean())


def hausdorff95(
    prediction: BoolArray, truth: BoolArray, spacing: Spacing = (1.0, 1.0)
) -> float | None:
    """Return the 95 % Hausdorff distance of two masks (H, W); None where either is empty."""
    found = distances(prediction, truth, spacing)
    return None if found is None else hausdorff(found)


def mean_distance(
    prediction: BoolArray, truth: BoolArray, spacing: Spacing = (1.0, 1.0)
) -> float | None:
    """Return the mean surface distance of two masks (H, W); None where either is empty."""
    found = distances(prediction, truth, spacing)
    return None if found is None else mean(found)
