"""How sure a mean is, and whether two networks differ: bootstrap and Wilcoxon's signed-rank test.

Slices of one patient resemble each other, so what is drawn again, or counted as one pair, is the
patient and never the slice.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
Interval = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """Two networks on the same pairs; differences are first minus second."""

    pairs: int
    difference: float | None  # mean of the differences
    wins: int  # pairs on which the first is better
    losses: int
    p_value: float | None  # two-sided; None where no pair differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two networks compared slice by slice and patient by patient; differences first - second."""

    by_slice: PairedTest
    by_patient: PairedTest
    low: float | None  # 95 % interval of the mean difference of slices, patients drawn again
    high: float | None


def by_group(values: Sequence[float], groups: Sequence[Hashable]) -> dict[Hashable, list[float]]:
    """Return the values of each group, groups in order of appearance."""
    found: dict[Hashable, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        found.setdefault(group, []).append(value)
    return found


def group_means(values: Sequence[float], groups: Sequence[Hashable]) -> dict[Hashable, float]:
    """Return the mean of each group."""
    return {name: float(np.mean(part)) for name, part in by_group(values, groups).items()}


def bootstrap_interval(
    values: Sequence[float],
    groups: Sequence[Hashable],
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return the interval of the mean of ``values``, drawing whole groups with replacement.

    The percentile bootstrap of clusters (Davison & Hinkley 1997, section 3.8): as many groups as
    there are, all values of a drawn group, the mean of them all.

    Args:
        values: one number a slice.
        groups: the patient of each.
        level: how often the interval shall hold the mean.
        draws: how many times to draw.
        seed: of the draw; the same arguments give the same interval.

    Returns:
        The two ends, or (None, None) where there are fewer than two groups.
    """
    parts = list(by_group(values, groups).values())
    if len(parts) < 2:
        return None, None
    sums = np.array([sum(part) for part in parts])
    sizes = np.array([len(part) for part in parts])
    drawn = np.random.default_rng(seed).integers(len(parts), size=(draws, len(parts)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = 50 * (1 - level)
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def paired_wilcoxon(a: Sequence[float], b: Sequence[float]) -> PairedTest:
    """Test whether the differences of pairs lie around zero (Wilcoxon 1945), two-sided.

    The ranks of pairs without a difference are split between the sides (Demsar 2006, JMLR 7).
    Exact for few pairs, by the normal approximation otherwise, as scipy chooses.

    Raises:
        ValueError: the two differ in length.
    """
    if len(a) != len(b):
        raise ValueError(f"pairs need two scores each; received {len(a)} and {len(b)}")
    from scipy import stats  # half a second to import: only who tests waits for it

    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    p_value = None
    if np.any(difference != 0):
        p_value = float(stats.wilcoxon(difference, zero_method="zsplit").pvalue)
    return PairedTest(
        pairs=len(difference),
        difference=float(difference.mean()) if len(difference) else None,
        wins=int(np.count_nonzero(difference > 0)),
        losses=int(np.count_nonzero(difference < 0)),
        p_value=p_value,
    )


def compare(
    a: Mapping[int, float], b: Mapping[int, float], patients: Mapping[int, Hashable]
) -> Comparison:
    """Compare two networks on the slices that both were scored on.

    Slices of one patient are not independent: trust the test by patient, whose pairs are.

    Args:
        a: Dice by slice number of the first network.
        b: the same of the second.
        patients: the patient of each slice.
    """
    shared = sorted(set(a) & set(b))
    one, other = [a[n] for n in shared], [b[n] for n in shared]
    groups = [patients[n] for n in shared]
    low, high = bootstrap_interval([x - y for x, y in zip(one, other, strict=True)], groups)
    means = [list(group_means(values, groups).values()) for values in (one, other)]
    return Comparison(
        by_slice=paired_wilcoxon(one, other),
        by_patient=paired_wilcoxon(means[0], means[1]),
        low=low,
        high=high,
    )
