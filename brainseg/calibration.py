"""Is a probability of 0.7 tumour seven times in ten? Counted near tumours only.

Far from every tumour nearly all pixels are background and are called so; counted in, they would
make any network look calibrated. So only pixels of the true tumour and of a band around it are
counted, of slices that have one (Mehrtash et al. 2020, doi:10.1109/TMI.2020.3006437, crop to a box
around it for the same reason).
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from brainseg.types import BoolArray, CalibrationCounts, FloatArray

BINS = 10
BAND = 1 / 32  # width of the band, as a share of the slice's longer side: 16 px of 512, 7.8 mm


def band(truth: BoolArray) -> BoolArray:
    """Return the true tumour and what lies within the band around it; (H, W) bool, or nothing."""
    if not truth.any():
        return np.zeros_like(truth)
    away = cv2.distanceTransform((~truth).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= BAND * max(truth.shape))


def count(probability: FloatArray, truth: BoolArray) -> CalibrationCounts:
    """Count the band's pixels (H, W) by predicted probability, in ten equal bins."""
    near = band(truth)
    values, hits = probability[near].astype(np.float64), truth[near]
    place = np.minimum((values * BINS).astype(np.intp), BINS - 1)
    return CalibrationCounts(
        pixels=tuple(np.bincount(place, minlength=BINS).tolist()),
        probability=tuple(np.bincount(place, weights=values, minlength=BINS).tolist()),
        tumour=tuple(np.bincount(place[hits], minlength=BINS).tolist()),
    )


def add(counts: Iterable[CalibrationCounts]) -> CalibrationCounts:
    """Return the counts of all slices together."""
    rows = [(c.pixels, c.probability, c.tumour) for c in counts]
    total = np.sum(rows, axis=0) if rows else np.zeros((3, BINS))
    return CalibrationCounts(
        pixels=tuple(int(n) for n in total[0]),
        probability=tuple(float(p) for p in total[1]),
        tumour=tuple(int(n) for n in total[2]),
    )


def curve(counts: CalibrationCounts) -> list[tuple[float, float, int]]:
    """Return the reliability curve: mean probability, share of tumour and pixels of each bin.

    A bin without a pixel is left out.
    """
    bins = zip(counts.pixels, counts.probability, counts.tumour, strict=True)
    return [(p / pixels, hits / pixels, pixels) for pixels, p, hits in bins if pixels]


def ece(counts: CalibrationCounts) -> float | None:
    """Return the expected calibration error in 0..1, or None where no pixel was counted.

    The mean over pixels of the gap between a bin's mean probability and its share of tumour
    (Naeini et al. 2015; Guo et al. 2017, arXiv:1706.04599).
    """
    bins = curve(counts)
    pixels = sum(n for _, _, n in bins)
    return sum(abs(p - share) * n for p, share, n in bins) / pixels if pixels else None
