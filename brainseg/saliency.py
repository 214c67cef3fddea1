"""Where a network looked: maps of one slice, raw values, never stretched.

A network is opened once (Keras for gradients, OpenVINO for answers), then asked: which method, for
which target, at which depth. ``saliency_methods`` computes, ``saliency_measures`` judges the map,
``saliency_sanity`` the method.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from brainseg import orientation, preprocess, saliency_measures, saliency_methods
from brainseg.export import load_model
from brainseg.inference import Segmenter
from brainseg.saliency_measures import Removal, Stability
from brainseg.saliency_methods import Opened
from brainseg.saliency_request import (
    DEEPEST,
    Progress,
    Question,
    Saliency,
    Target,
    part_of,
    silent,
    weigh,
)
from brainseg.types import FloatArray, Geometry, Scan


def open_network(folder: Path) -> Opened:
    """Return the network of a folder, checked; kept until it is replaced or three others came.

    Raises:
        NetworkError: it is missing or damaged.
    """
    return _opened(folder, (folder / "SHA256SUMS").read_text())


@lru_cache(maxsize=4)
def _opened(folder: Path, sums: str) -> Opened:
    segmenter = Segmenter.load(folder)
    return Opened(
        model=load_model(folder), logits=segmenter.logits, turns=segmenter.turns,
        contrast=segmenter.config.contrast,
    )  # fmt: skip


def explain(
    opened: Opened,
    scan: Scan,
    method: str = "gradient",
    *,
    target: Target | None = None,
    depth: str = DEEPEST,
    progress: Progress = silent,
) -> Saliency:
    """Return the saliency map of one slice.

    Args:
        opened: the network.
        scan: the slice.
        method: one of ``saliency_request.METHODS``.
        target: what to explain; the predicted mask by default.
        depth: where Seg-Grad-CAM looks.
        progress: told after every batch; what it raises ends the computation.

    Raises:
        ConfigError: there is no such method, depth, component or pixel.
        ScanError: the scan cannot be standardised.
    """
    begun = time.perf_counter()
    size = opened.model.input_shape[1]
    image, geometry = preprocess.network_input(scan, size, contrast=opened.contrast)
    turns = opened.turns(image[np.newaxis])
    seen = orientation.turned(image[np.newaxis], -turns)  # how the network looks at it
    logits = orientation.turned(opened.logits(seen), turns)[0]
    weights, words = weigh(logits, target or Target(), geometry)
    watched = orientation.turned(weights[np.newaxis], -turns)[0]
    question = Question(image=seen[0], weights=watched, depth=depth)
    grid = saliency_methods.compute(opened, question, method, progress)
    return Saliency(
        values=_to_scan(orientation.turned(grid[np.newaxis], turns)[0], geometry),
        grid=grid,
        question=question,
        method=method,
        target=words,
        difference=_difference(opened, question) if method == "integrated" else None,
        seconds=time.perf_counter() - begun,
    )


def _difference(opened: Opened, question: Question) -> float:
    both = np.stack([question.image, np.zeros_like(question.image)])
    here, black = saliency_methods.total(opened, both, question.weights)
    return float(here - black)


def removal(
    opened: Opened, found: Saliency, progress: Progress = silent
) -> tuple[Removal, Removal]:
    """Return the deletion and insertion curves of a map, and those of pixels in random order.

    Watched is the mean probability over the target's pixels.
    """
    image, weights = found.question.image, found.question.weights

    def score(images: FloatArray) -> FloatArray:
        probability = 0.5 + 0.5 * np.tanh(0.5 * opened.logits(images).astype(np.float64))
        return np.asarray((probability * weights).sum(axis=(1, 2)) / weights.sum())

    first, second = part_of(progress, 0, 2), part_of(progress, 1, 2)
    return (
        saliency_measures.removal(found.grid, image, score, first),
        saliency_measures.chance(image, score, second),
    )


def stability(opened: Opened, found: Saliency, progress: Progress = silent) -> Stability:
    """Return how much a map changes when faint noise is laid on the slice; the target stays."""

    def explain_again(image: FloatArray, progress: Progress) -> FloatArray:
        question = replace(found.question, image=image)
        return saliency_methods.compute(opened, question, found.method, progress)

    return saliency_measures.stability(found.grid, found.question.image, explain_again, progress)


def _to_scan(values: FloatArray, geometry: Geometry) -> FloatArray:
    """Bring a (S, S) map of any sign and range back to the scan without changing its range."""
    low, high = float(values.min()), float(values.max())
    if high == low:
        return np.full((geometry.height, geometry.width), low, dtype=np.float32)
    unit = preprocess.restore((values - low) / (high - low), geometry)
    return np.asarray(unit * (high - low) + low, dtype=np.float32)
