"""How alike two pictures are and how well one finds a mask, by their values and by their order.

Pictures are of any real numbers and any one shape. Equal values share the mean of their ranks. What
nothing defines is None.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.types import BoolArray

LEVELS = 256  # grey levels of a picture of 8 bits: they are counted, not sorted


def auroc(values: NDArray[Any], truth: BoolArray) -> float | None:
    """Return how often a pixel inside the mask is brighter than one outside; a tie counts half.

    The area under the ROC curve, through the Mann-Whitney statistic (Hanley and McNeil 1982).
    None where every pixel, or none, is in the mask.
    """
    place, grades = _graded(values)
    inside = np.bincount(place[truth.ravel()], minlength=grades).astype(np.float64)
    outside = np.bincount(place, minlength=grades) - inside
    pairs = inside.sum() * outside.sum()
    if pairs == 0:
        return None
    below = np.cumsum(outside) - outside
    return float((inside * (below + outside / 2)).sum() / pairs)


def ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the ranks from 1, flattened; equal values share the mean of theirs."""
    place, grades = _graded(values)
    counts = np.bincount(place, minlength=grades)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place], dtype=np.float64)


def pearson(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """Return the linear correlation of two pictures; None where one is flat."""
    x, y = (np.asarray(v, dtype=np.float64).ravel() for v in (a, b))
    x, y = x - x.mean(), y - y.mean()
    norm = np.sqrt((x * x).sum() * (y * y).sum())
    return float(np.clip((x * y).sum() / norm, -1, 1)) if norm > 0 else None


def spearman(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """Return the correlation of the ranks of two pictures; None where one is flat."""
    return pearson(ranks(a), ranks(b))


def _graded(values: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Return the place of every pixel's value in their order, and how many places there are."""
    if values.dtype == np.uint8:
        return values.ravel().astype(np.intp), LEVELS
    distinct, place = np.unique(values, return_inverse=True)
    return place.ravel(), len(distinct)
