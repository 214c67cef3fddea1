"""How well one picture finds a mask, and how alike two pictures are, exactly and with ties.

``values`` are (H, W) of any real numbers, ``truth`` is (H, W) bool. A measure that nothing
defines is None.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.types import BoolArray, ByteArray, FloatArray

LEVELS = 256  # grey levels, and so thresholds, of a map


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


def dice_curve(levels: ByteArray, truth: BoolArray) -> FloatArray | None:
    """Return the Dice of ``levels >= t`` for every t in 0..255, (256,); None for an empty mask."""
    everywhere = np.bincount(levels.ravel(), minlength=LEVELS)
    inside = np.bincount(levels[truth], minlength=LEVELS)
    if not inside.any():
        return None
    hit, painted = (np.cumsum(counts[::-1])[::-1] for counts in (inside, everywhere))
    return np.asarray(2 * hit / (painted + hit[0]), dtype=np.float32)


def pointing(values: NDArray[Any], truth: BoolArray) -> float:
    """Return the share of the brightest pixels that lie in the mask, 0..1.

    The pointing game (Zhang et al. 2018, Top-down neural attention by excitation backprop) without
    its tolerance: where several pixels tie, the chance of a hit when one of them is drawn; above 0
    if any of them hits. A picture without any structure scores the mask's share of the area.
    """
    return float(np.mean(truth[values == values.max()]))


def pearson(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """Return the linear correlation of two pictures; None where one is flat."""
    x, y = (np.asarray(v, dtype=np.float64).ravel() for v in (a, b))
    x, y = x - x.mean(), y - y.mean()
    norm = np.sqrt((x * x).sum() * (y * y).sum())
    return float(np.clip((x * y).sum() / norm, -1, 1)) if norm > 0 else None


def spearman(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """Return the correlation of ranks, ties at their mean rank; None where one is flat."""
    return pearson(_ranks(a), _ranks(b))


def nearness(shape: tuple[int, int]) -> ByteArray:
    """Return a picture (H, W) that is brightest, 255, in the centre and 0 in the corners."""
    rows, columns = (np.abs(np.arange(side) - (side - 1) / 2) for side in shape)
    far = np.hypot(rows[:, np.newaxis], columns[np.newaxis])
    near = 1 - far / max(float(far.max()), 1.0)
    return np.asarray(np.rint(255 * near), dtype=np.uint8)


def _graded(values: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Return the place of every pixel's value in their order, and how many places there are."""
    if values.dtype == np.uint8:
        return values.ravel().astype(np.intp), LEVELS
    distinct, place = np.unique(values, return_inverse=True)
    return place.ravel(), len(distinct)


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    place, grades = _graded(values)
    counts = np.bincount(place, minlength=grades)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place], dtype=np.float64)
