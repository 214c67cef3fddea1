"""The scores behind the Compare screen's scatter, and the orders in which it tours the slices."""

from __future__ import annotations

from brainseg.data.catalog import Catalog
from brainseg.networks import NetworkRef
from brainseg.report.pairs import worth
from brainseg.types import Evaluation
from ui import evaluation

Pair = tuple[Evaluation, Evaluation]


def kept(
    first: NetworkRef, second: NetworkRef, catalog: Catalog, numbers: evaluation.Numbers
) -> Pair | None:
    """Return the scores of both networks on these slices if both are on disk."""
    found = [evaluation.kept(ref, [catalog], numbers) for ref in (first, second)]
    return None if None in found else (found[0], found[1])


def most_different(pair: Pair) -> list[int]:
    """Return the slices on which the two differ in Dice, the widest gap first."""
    gaps = {
        a.number: abs(worth(a) - worth(b))
        for a, b in zip(pair[0].cases, pair[1].cases, strict=True)
    }
    return sorted((n for n, gap in gaps.items() if gap > 0), key=lambda n: -gaps[n])


def worst(pair: Pair) -> list[int]:
    """Return all slices, the lowest sum of both Dice first; of equals the larger tumour."""
    cases = zip(pair[0].cases, pair[1].cases, strict=True)
    ranked = sorted(cases, key=lambda ab: (worth(ab[0]) + worth(ab[1]), -ab[0].truth_px))
    return [a.number for a, _ in ranked]
