"""What a saliency map is worth, in numbers. Maps are taken by magnitude; undefined is NaN.

Definitions and sources are in docs/SALIENCY.md. No network here: what needs one is given a function
that asks it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.ranking import auroc, pearson, ranks
from brainseg.saliency_request import Progress, part_of, silent
from brainseg.types import BoolArray, FloatArray

Score = Callable[[FloatArray], NDArray[np.float64]]  # (B, S, S, 1) images to (B,) numbers
FIXATED = 0.1  # the brightest share of a dataset's map that counts as "salient" for the AUC
STEPS = 24  # of a deletion curve, finer where little is gone: a tumour is 2 % of a slice
COPIES = 5
NOISE = 0.02  # of the 0..1 range
LIMIT = 0.5  # a map that still orders the pixels this much alike is no map of the network
_BLUR_SHARE = 1 / 16  # standard deviation of the blur, in sides of the image
_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """How a map sits on a region: its share of the energy, of the area, and where the peak is."""

    energy: float
    area: float
    hit: bool | None  # None where the region is empty or the map has no peak
    auc: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Removal:
    """The score while pixels go (``deletion``) or come (``insertion``), most salient first."""

    shares: NDArray[np.float64]  # (K,) of the pixels, 0..1
    deletion: NDArray[np.float64]  # (K,)
    insertion: NDArray[np.float64]  # (K,)

    @property
    def areas(self) -> tuple[float, float]:
        """Areas under deletion (low is good) and insertion (high is good)."""
        return (
            float(np.trapezoid(self.deletion, self.shares)),
            float(np.trapezoid(self.insertion, self.shares)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How a map changes under noise that hardly shows: Yeh et al. 2019, and the order of pixels."""

    sensitivity: float  # largest relative change
    rank_correlation: float  # mean over the copies


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How alike the map still is, when everything from the output to ``layer`` is random."""

    layer: str
    rank_correlation: float  # partial, given the distance to the target; NaN for a flat map
    overlap: float  # of the brightest tenth


@dataclass(frozen=True, slots=True, kw_only=True)
class SanityCheck:
    """The stages of one method on one slice, from the trained network to one of random weights."""

    stages: tuple[Stage, ...]

    @property
    def passes(self) -> bool:
        """Whether the map of the random network differs: at most ``LIMIT``, or no map at all."""
        return not self.stages[-1].rank_correlation > LIMIT


def region(values: FloatArray, inside: BoolArray) -> Region:
    """Measure a map (H, W) against a region: energy, pointing game, AUC of the region's pixels."""
    size = np.abs(values).astype(np.float64)
    total, peak = float(size.sum()), float(size.max())
    known = bool(inside.any()) and peak > 0
    return Region(
        energy=float(size[inside].sum()) / total if total > 0 else float("nan"),
        area=float(np.count_nonzero(inside)) / inside.size,
        hit=bool(inside[size == peak].any()) if known else None,
        auc=_number(auroc(size, inside)),
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def rank_correlation(a: FloatArray, b: FloatArray, *, given: FloatArray | None = None) -> float:
    """Return Spearman's correlation of the magnitudes of two maps; NaN where one is flat.

    ``given`` a third map, the partial correlation: what the two have in common beyond what both
    have in common with that one.
    """
    one, other = ranks(np.abs(a)), ranks(np.abs(b))
    plain = _number(pearson(one, other))
    if given is None or float(np.ptp(given)) == 0:
        return plain
    third = ranks(np.abs(given))
    first, second = _number(pearson(one, third)), _number(pearson(other, third))
    rest = float(np.sqrt((1 - first**2) * (1 - second**2)))
    return (plain - first * second) / rest if rest > 0 else float("nan")


def brightest(values: FloatArray, share: float = FIXATED) -> BoolArray:
    """Return the ``share`` of pixels with the largest magnitude; equal ones at the edge all count.

    A map without any positive value has none.
    """
    size = np.abs(values)
    kept = max(1, round(share * size.size))
    level = np.partition(size.ravel(), size.size - kept)[size.size - kept]
    return np.asarray((size >= level) & (size > 0))


def overlap(a: FloatArray, b: FloatArray, share: float = FIXATED) -> float:
    """Return which part of the brightest pixels of ``a`` is among those of ``b``; chance: share."""
    one, other = brightest(a, share), brightest(b, share)
    count = int(np.count_nonzero(one))
    return float(np.count_nonzero(one & other)) / count if count else float("nan")


def removal(
    values: FloatArray, image: FloatArray, score: Score, progress: Progress = silent
) -> Removal:
    """Take pixels away, most salient first, and bring them back, and ask the network each time.

    As Petsiuk et al. 2018 (RISE): deleted pixels turn black, insertion begins from the blurred
    image. Pixels of one value go in random order, always the same.

    Args:
        values: the map, (S, S).
        image: what the network saw, (S, S, 1).
        score: what is watched, in 0..1.
        progress: told after every batch.
    """
    random = np.random.default_rng(0).random(values.size)
    order = np.lexsort((random, -np.abs(values).ravel()))
    shares = (np.arange(STEPS + 1) / STEPS) ** 2
    blurred = cv2.GaussianBlur(image[..., 0], (0, 0), image.shape[0] * _BLUR_SHARE)[..., np.newaxis]
    pairs = ((image, np.zeros_like(image)), (blurred, image))
    images = [_exchanged(*pair, order, share) for pair in pairs for share in shares]
    scores: list[float] = []
    for first in range(0, len(images), _BATCH):
        scores += score(np.stack(images[first : first + _BATCH])).tolist()
        progress(len(scores), len(images))
    deletion, insertion = np.array(scores).reshape(2, -1)
    return Removal(shares=shares, deletion=deletion, insertion=insertion)


def chance(image: FloatArray, score: Score, progress: Progress = silent) -> Removal:
    """Return the curves of a map that knows nothing: pixels in random order."""
    return removal(np.zeros(image.shape[:2], dtype=np.float32), image, score, progress)


def _exchanged(
    before: FloatArray, after: FloatArray, order: NDArray[np.int_], share: float
) -> FloatArray:
    """Return ``before`` with the first ``share`` of the pixels in ``order`` from ``after``."""
    mixed = before.copy().reshape(-1)
    chosen = order[: round(share * order.size)]
    mixed[chosen] = after.reshape(-1)[chosen]
    return mixed.reshape(before.shape)


def stability(
    values: FloatArray,
    image: FloatArray,
    explain: Callable[[FloatArray, Progress], FloatArray],
    progress: Progress = silent,
) -> Stability:
    """Explain copies of the image with faint noise and compare with the map of the image itself.

    Args:
        values: the map of ``image``, (S, S).
        image: what the network saw, (S, S, 1) in 0..1.
        explain: gives the map of another image, for the same target.
        progress: told after every batch.
    """
    random = np.random.default_rng(0)
    norm = float(np.linalg.norm(values))
    changes, order = [], []
    for copy in range(COPIES):
        noise = random.normal(0, NOISE, image.shape).astype(np.float32)
        other = explain(np.clip(image + noise, 0.0, 1.0), part_of(progress, copy, COPIES))
        changes.append(float(np.linalg.norm(other - values)) / norm if norm > 0 else float("nan"))
        order.append(rank_correlation(values, other))
    return Stability(sensitivity=max(changes), rank_correlation=float(np.mean(order)))
