"""Count once, score second: every overlap score is a function of four pixel counts.

An undefined score is NaN. Dice of an empty mask against an empty truth is undefined, not 1.
"""

from __future__ import annotations

import math

import numpy as np

from brainseg.types import BoolArray, Confusion


def confusion(predicted: BoolArray, truth: BoolArray) -> Confusion:
    """Count the pixels of two boolean masks of the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"mask {predicted.shape} and truth {truth.shape} differ in shape")
    tp = int(np.count_nonzero(predicted & truth))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Confusion(tp=tp, fp=fp, fn=fn, tn=truth.size - tp - fp - fn)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def dice(c: Confusion) -> float:
    """Dice coefficient 2 TP / (2 TP + FP + FN); NaN where neither mask has a pixel."""
    return _ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn)


def iou(c: Confusion) -> float:
    """Intersection over union (Jaccard) TP / (TP + FP + FN); NaN where both are empty."""
    return _ratio(c.tp, c.tp + c.fp + c.fn)


def precision(c: Confusion) -> float:
    """Share of the predicted pixels that are tumour; NaN where nothing was predicted."""
    return _ratio(c.tp, c.tp + c.fp)


def sensitivity(c: Confusion) -> float:
    """Share of the tumour pixels that were found (recall); NaN where there is no tumour."""
    return _ratio(c.tp, c.tp + c.fn)


def specificity(c: Confusion) -> float:
    """Share of the background pixels that were left alone; NaN where all is tumour."""
    return _ratio(c.tn, c.tn + c.fp)


def accuracy(c: Confusion) -> float:
    """Share of the pixels that agree."""
    return _ratio(c.tp + c.tn, c.tp + c.fp + c.fn + c.tn)


def background_accuracy(c: Confusion) -> float:
    """Accuracy of an all-background mask on the same truth: what accuracy must beat."""
    return _ratio(c.tn + c.fp, c.tp + c.fp + c.fn + c.tn)
