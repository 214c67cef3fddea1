"""What the Learn screen computes: shrinking masks, early stopping, index form, architectures."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brainseg import __version__, files, metrics, paths
from brainseg.errors import BrainsegError, NetworkError
from brainseg.types import BoolArray

CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class Shrink:
    """Scores of a prediction that keeps the share ``kept`` of the true mask and nothing else."""

    kept: float
    dice: float
    accuracy: float
    cross_entropy: float


@dataclass(frozen=True, slots=True)
class Patience:
    """Where early stopping ends a training, and which epoch it keeps."""

    best_epoch: int
    stopped_at: int


def ellipse(side: int = 256) -> BoolArray:
    """Return an elliptic mask of about two percent of a (side, side) image."""
    rows, columns = np.mgrid[:side, :side] / side
    inside = ((rows - 0.42) / 0.095) ** 2 + ((columns - 0.61) / 0.068) ** 2 <= 1
    return np.asarray(inside, dtype=np.bool_)


def shrink(mask: BoolArray, kept: float) -> BoolArray:
    """Keep the share ``kept`` of the pixels of ``mask`` that lie nearest its centre."""
    rows, columns = np.nonzero(mask)
    smaller = np.zeros_like(mask)
    if rows.size:
        distance = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
        chosen = np.argsort(distance, kind="stable")[: round(kept * rows.size)]
        smaller[rows[chosen], columns[chosen]] = True
    return smaller


def score(mask: BoolArray, kept: float) -> Shrink:
    """Score the shrunken mask against the true one.

    Cross-entropy takes every pixel's stated probability as ``CONFIDENCE`` for what was predicted.
    """
    counts = metrics.confusion(shrink(mask, kept), mask)
    accuracy = metrics.accuracy(counts)
    right, wrong = -math.log(CONFIDENCE), -math.log(1 - CONFIDENCE)
    entropy = accuracy * right + (1 - accuracy) * wrong
    return Shrink(kept=kept, dice=metrics.dice(counts), accuracy=accuracy, cross_entropy=entropy)


def sweep(mask: BoolArray, steps: int = 50) -> tuple[Shrink, ...]:
    """Score the mask while it shrinks from whole to empty."""
    return tuple(score(mask, 1 - i / steps) for i in range(steps + 1))


def illustration(epochs: int = 300, seed: int = 3) -> list[float]:
    """Return a made curve shaped like a validation Dice loss: a cold start, plateaus and noise.

    A formula, not a training: the screen says so where it draws it.
    """
    noise = np.random.default_rng(seed).normal(0, 0.012, epochs)
    epoch = np.arange(epochs)
    falling = 0.24 + 0.66 * np.exp(-epoch / 14) + 0.10 / (1 + np.exp((epoch - 95) / 9))
    overfitting = 0.00022 * np.clip(epoch - 150, 0, None)
    cold = np.where(epoch < 4, 0.05 * epoch, 0.0)
    return [float(v) for v in np.clip(falling + overfitting + cold + noise, 0, 1)]


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


def architecture(model: str, *, size: int, base: int) -> list[dict[str, Any]]:
    """Return the layers of a network that was really built, from a process of its own.

    Building needs Keras, which the server never imports; the answer is kept on disk.

    Raises:
        NetworkError: the network could not be built.
    """
    kept = _architecture_file(model, size, base)
    if not kept.is_file():
        layers = _build(model, size, base)
        kept.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(kept, layers)
    return list(json.loads(kept.read_text(encoding="utf-8")))


def architecture_is_kept(model: str, *, size: int, base: int) -> bool:
    """Whether :func:`architecture` will answer without building anything."""
    return _architecture_file(model, size, base).is_file()


def _architecture_file(model: str, size: int, base: int) -> Path:
    sources = sorted((paths.PACKAGE / "models").glob("*.py"))
    digest = hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:12]
    name = f"{model}-{size}-{base}-{__version__}-{digest}.json"
    return paths.cache() / "architecture" / name


def _build(model: str, size: int, base: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "brainseg", "architecture", "--json", "--model", model]
    command += ["--size", str(size), "--base", str(base)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=180,
        stdin=subprocess.DEVNULL,
        cwd=paths.PACKAGE.parent,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NetworkError(f"{model} could not be built to be drawn: {said}")
    return list(json.loads(done.stdout))
