"""Dice, misses and false alarms at every threshold, counted slice by slice in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.types import BoolArray, FloatArray, ThresholdCounts

START = 0.5  # where a network stands before it is tuned
LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))  # a network is tuned on these
FINE = tuple(round(0.025 * step, 3) for step in range(1, 40))  # every evaluation counts at these


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Mean Dice and misses of the slices with a tumour, share of the others painted, by threshold.

    A mean is None where there is no such slice.
    """

    levels: tuple[float, ...]
    dice: tuple[float, ...] | None
    false_alarms: tuple[float, ...] | None
    misses: tuple[float, ...] | None = None

    def at(self, level: float) -> float:
        """Return the mean Dice at one of the levels; 0 where no slice has a tumour."""
        return self.dice[self.levels.index(level)] if self.dice else 0.0


def counts_by_threshold(
    probability: FloatArray, truth: BoolArray, levels: Sequence[float] = LEVELS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return predicted pixels, and true ones among them, at each of the rising ``levels``."""
    bars = np.asarray(levels, dtype=np.float32)
    reached = np.searchsorted(bars, probability.ravel(), side="right")
    size = len(levels) + 1
    predicted = np.bincount(reached, minlength=size)[::-1].cumsum()[::-1][1:]
    right = np.bincount(reached[truth.ravel()], minlength=size)[::-1].cumsum()[::-1][1:]
    return predicted, right


def count(
    probability: FloatArray, truth: BoolArray, levels: Sequence[float] = FINE
) -> ThresholdCounts:
    """Return what one slice (H, W) adds: its Dice, or whether anything is painted on it."""
    predicted, right = counts_by_threshold(probability, truth, levels)
    size = int(np.count_nonzero(truth))
    none = (0,) * len(levels)
    return ThresholdCounts(
        levels=tuple(levels),
        tumour_slices=int(size > 0),
        tumour_free_slices=int(size == 0),
        dice=tuple((2 * right / (predicted + size)).tolist()) if size else (0.0,) * len(levels),
        misses=tuple((right == 0).astype(int).tolist()) if size else none,
        false_alarms=none if size else tuple((predicted > 0).astype(int).tolist()),
    )


def add(counts: Iterable[ThresholdCounts]) -> ThresholdCounts:
    """Return the counts of all slices together.

    Raises:
        ValueError: there is none, or they were counted at different levels.
    """
    parts = list(counts)
    if len({part.levels for part in parts}) != 1:
        raise ValueError("counts add up at the same thresholds only, and there must be one")
    return ThresholdCounts(
        levels=parts[0].levels,
        tumour_slices=sum(part.tumour_slices for part in parts),
        tumour_free_slices=sum(part.tumour_free_slices for part in parts),
        dice=tuple(np.sum([part.dice for part in parts], axis=0).tolist()),
        misses=tuple(np.sum([part.misses for part in parts], axis=0).tolist()),
        false_alarms=tuple(np.sum([part.false_alarms for part in parts], axis=0).tolist()),
    )


def curve(counts: ThresholdCounts) -> Curve:
    """Return means and shares by threshold."""

    def shares(sums: Sequence[float], of: int) -> tuple[float, ...] | None:
        return tuple(value / of for value in sums) if of else None

    return Curve(
        levels=counts.levels,
        dice=shares(counts.dice, counts.tumour_slices),
        misses=shares(counts.misses, counts.tumour_slices),
        false_alarms=shares(counts.false_alarms, counts.tumour_free_slices),
    )
