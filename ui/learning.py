"""What the Learn screen computes: masks as numbers, worse and worse predictions, early stopping."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainseg import metrics, networks
from brainseg.data.masks import png_mask
from brainseg.errors import BrainsegError
from brainseg.networks import NetworkRef
from brainseg.types import TUMOURS, BoolArray, Evaluation, FloatArray


@dataclass(frozen=True, slots=True)
class Shrink:
    """Scores of a prediction that keeps the share ``kept`` of the true mask, perhaps shifted."""

    kept: float
    dice: float
    accuracy: float
    cross_entropy: float


@dataclass(frozen=True, slots=True)
class Patience:
    """Where early stopping ends a training, and which epoch it keeps."""

    best_epoch: int
    stopped_at: int


@dataclass(frozen=True, slots=True)
class MaskSize:
    """A way to write a mask down, and how many bytes it takes; ``how`` says what was counted."""

    form: str
    size_bytes: int
    how: str


def shrink(mask: BoolArray, kept: float, shift_px: int = 0) -> BoolArray:
    """Keep the share ``kept`` of the pixels of ``mask`` that lie nearest its centre.

    Then move them ``shift_px`` columns to the right; what leaves the image is lost.
    """
    rows, columns = np.nonzero(mask)
    smaller = np.zeros_like(mask)
    if rows.size:
        distance = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
        chosen = np.argsort(distance, kind="stable")[: round(kept * rows.size)]
        inside = chosen[columns[chosen] + shift_px < mask.shape[1]]
        smaller[rows[inside], columns[inside] + shift_px] = True
    return smaller


def score(mask: BoolArray, kept: float, shift_px: int = 0, confidence: float = 0.99) -> Shrink:
    """Score the shrunken, shifted mask against the true one.

    Cross-entropy takes ``confidence`` as every pixel's probability of what was predicted for it.
    """
    counts = metrics.confusion(shrink(mask, kept, shift_px), mask)
    accuracy = metrics.accuracy(counts)
    right, wrong = -math.log(confidence), -math.log(1 - confidence)
    entropy = accuracy * right + (1 - accuracy) * wrong
    return Shrink(kept=kept, dice=metrics.dice(counts), accuracy=accuracy, cross_entropy=entropy)


def sweep(
    mask: BoolArray, shift_px: int = 0, confidence: float = 0.99, steps: int = 50
) -> tuple[Shrink, ...]:
    """Score the mask while it shrinks from whole to empty."""
    return tuple(score(mask, 1 - i / steps, shift_px, confidence) for i in range(steps + 1))


def stop_early(losses: Sequence[float], patience: int) -> Patience:
    """Stop once ``patience`` epochs in a row brought no lower loss; epochs count from 1."""
    best = 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        if i - best >= patience:
            return Patience(best_epoch=best + 1, stopped_at=i + 1)
    return Patience(best_epoch=best + 1, stopped_at=len(losses))


def indices(mask: BoolArray) -> list[int]:
    """Return the places of the tumour pixels in the mask read row by row, counted from 0."""
    return [int(i) for i in np.flatnonzero(mask)]


def from_indices(places: Sequence[int], rows: int, columns: int) -> list[list[int]]:
    """Return the mask whose pixels at ``places``, counted row by row from 0, are 1.

    Raises:
        BrainsegError: a place lies outside the grid.
    """
    outside = [p for p in places if not 0 <= p < rows * columns]
    if outside:
        raise BrainsegError(
            f"index {outside[0]} is outside a {rows} x {columns} mask: "
            f"use whole numbers from 0 to {rows * columns - 1}"
        )
    flat = [int(i in set(places)) for i in range(rows * columns)]
    return [flat[r * columns : (r + 1) * columns] for r in range(rows)]


def parse_indices(text: str) -> list[int]:
    """Read ``"1, 2"`` as indices.

    Raises:
        BrainsegError: something in it is not a whole number.
    """
    words = text.replace(",", " ").split()
    wrong = [w for w in words if not w.isascii() or not w.isdigit()]
    if wrong:
        raise BrainsegError(f"{wrong[0]!r} is not an index: write whole numbers such as 1, 2")
    return sorted({int(w) for w in words})


def run_lengths(mask: BoolArray) -> list[tuple[int, int]]:
    """Return (start, length) of every run of ones in the mask read row by row, counted from 0."""
    flat = np.concatenate([[False], mask.ravel(), [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(flat))
    starts, ends = edges[::2], edges[1::2]
    return [(int(a), int(b - a)) for a, b in zip(starts, ends, strict=True)]


def mask_sizes(mask: BoolArray) -> list[MaskSize]:
    """Return what a mask takes in five forms, the flat list first; PNG as this app writes it."""
    return [
        MaskSize("Flat list", mask.size, "1 byte a pixel"),
        MaskSize("Flat list of bits", (mask.size + 7) // 8, "1 bit a pixel"),
        MaskSize("Index form", 4 * len(indices(mask)), "4 bytes an index"),
        MaskSize("Run lengths", 8 * len(run_lengths(mask)), "4 bytes a start, 4 a length"),
        MaskSize("PNG file", len(png_mask(mask)), "the whole file, written just now"),
    ]


def pair_by_position(
    images: Sequence[str], masks: Sequence[str], lost: str
) -> list[tuple[str, str, str]]:
    """Return (image, mask by position, mask by number) once the mask ``lost`` is gone.

    ``masks[i]`` is the mask of ``images[i]``; where nothing is left, the word is "none".
    """
    left = [name for name in masks if name != lost]
    found = [*left, *["none"] * (len(masks) - len(left))]
    right = [name if name != lost else "none" for name in masks]
    return list(zip(images, found, right, strict=True))


def gives_away(values: FloatArray, mask: BoolArray) -> tuple[float, float, float]:
    """Return the mean of a map inside and outside a mask, and how well it alone finds the mask.

    The last is the chance that a pixel of the mask has a higher value than another pixel, ties
    counting half: the area under the ROC curve. The mask must have pixels inside and outside.
    """
    inside, outside = values[mask], np.sort(values[~mask])
    below = np.searchsorted(outside, inside, side="left")
    tied = np.searchsorted(outside, inside, side="right") - below
    chance = float(np.mean(below + 0.5 * tied)) / outside.size
    return float(inside.mean()), float(outside.mean()), chance


def measured(ref: NetworkRef) -> Evaluation | None:
    """Return the scores on fold 3 that a shipped network carries, without single slices.

    None where it has no readable ``results.json``; ``benchmarks/report.py`` writes it.
    """
    try:
        plain = json.loads((ref.folder / "results.json").read_text(encoding="utf-8"))["as stored"]
        kinds = {kind: dict(plain[kind]) for kind in TUMOURS if kind in plain}
        summary = dict(plain["all"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    threshold = networks.read_network(ref.folder).threshold
    return Evaluation(
        model=ref.label, data="fold 3", threshold=threshold, orientation="file", cases=(),
        summary=summary, by_tumour=kinds,
    )  # fmt: skip
