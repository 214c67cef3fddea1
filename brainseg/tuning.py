"""Which threshold suits a network: Dice and false alarms at many, on slices set aside for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from brainseg import thresholds
from brainseg.data.catalog import Catalog
from brainseg.data.pixels import read_pair
from brainseg.errors import DataError
from brainseg.thresholds import LEVELS, Curve

if TYPE_CHECKING:
    from brainseg.ensemble import Ensemble
    from brainseg.inference import Segmenter

WORTH = 0.001  # gain of mean Dice below which the threshold stays: the third decimal


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
        DataError: no slice was given, or one is missing, has no truth or a mask of another size.
    """
    samples = {sample.number: sample for catalog in catalogs for sample in catalog.samples}
    chosen = list(numbers)
    if not chosen or any(number not in samples for number in chosen):
        raise DataError("the validation slices of this network are not in the folders given")
    counts = []
    for done, number in enumerate(chosen, start=1):
        sample = samples[number]
        scan, truth = read_pair(sample, segmenter.config.saliency)
        if truth is None:
            raise DataError(f"slice {number} has no mask, so nothing can be scored on it")
        probability = segmenter.predict(scan).probability
        counts.append(thresholds.count(probability, truth, levels))
        if progress:
            progress(done, len(chosen))
    return thresholds.curve(thresholds.add(counts))


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
