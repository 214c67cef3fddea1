"""Which threshold suits a network: Dice and false alarms at many, on slices set aside for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainseg.data.catalog import Catalog, read_mask, read_scan
from brainseg.errors import DataError
from brainseg.types import BoolArray, FloatArray

if TYPE_CHECKING:
    from brainseg.ensemble import Ensemble
    from brainseg.inference import Segmenter

LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))
START = 0.5  # where a network stands before it is tuned
WORTH = 0.001  # gain of mean Dice below which the threshold stays: the third decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Mean Dice of the slices with a tumour, and share of the others painted, by threshold.

    A mean is None where there is no such slice.
    """

    levels: tuple[float, ...]
    dice: tuple[float, ...] | None
    false_alarms: tuple[float, ...] | None

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


def curve(
    segmenter: Segmenter | Ensemble,
    catalogs: Sequence[Catalog],
    numbers: Iterable[int],
    *,
    levels: Sequence[float] = LEVELS,
    progress: Callable[[int, int], None] | None = None,
) -> Curve:
    """Predict slices once and score them at every level; masks at the files' own size.

    Raises:
        DataError: no slice was given, or one is missing or has no truth.
    """
    samples = {sample.number: sample for catalog in catalogs for sample in catalog.samples}
    chosen = list(numbers)
    if not chosen or any(number not in samples for number in chosen):
        raise DataError("the validation slices of this network are not in the folders given")
    dices, alarms = [], []
    for done, number in enumerate(chosen, start=1):
        sample = samples[number]
        scan, truth = read_scan(sample, segmenter.config.saliency), read_mask(sample)
        if truth is None:
            raise DataError(f"slice {number} has no mask, so nothing can be scored on it")
        probability = segmenter.predict(scan).probability
        if truth.any():
            predicted, right = counts_by_threshold(probability, truth, levels)
            dices.append(2 * right / (predicted + np.count_nonzero(truth)))
        else:
            alarms.append(probability.max() >= np.asarray(levels, dtype=np.float32))
        if progress:
            progress(done, len(chosen))
    return Curve(levels=tuple(levels), dice=_means(dices), false_alarms=_means(alarms))


def _means(rows: list[NDArray[np.float64]]) -> tuple[float, ...] | None:
    return tuple(float(mean) for mean in np.mean(rows, axis=0)) if rows else None


def best_threshold(found: Curve, current: float) -> float:
    """Return the threshold with the highest mean Dice that paints no more tumour-free slices.

    It stays at ``current``, one of the levels, unless the gain is worth storing (``WORTH``).
    """
    if not found.dice:
        return current
    now = found.levels.index(current)
    allowed = [
        place
        for place in range(len(found.levels))
        if found.false_alarms is None or found.false_alarms[place] <= found.false_alarms[now]
    ]
    best = max(allowed, key=lambda place: found.dice[place])  # type: ignore[index]
    return found.levels[best] if found.dice[best] - found.dice[now] >= WORTH else current
