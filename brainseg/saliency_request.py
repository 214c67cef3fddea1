"""What can be asked of a network's saliency, and what it answers. No Keras here.

The target is a sum of logits over pixels of the network's own grid (S, S): the predicted mask, one
connected component of it, or one pixel. Maps say what would change that sum.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from brainseg.errors import ConfigError
from brainseg.types import BoolArray, FloatArray, Geometry

METHODS: dict[str, str] = {
    "gradient": "Gradient",
    "smoothgrad": "SmoothGrad",
    "integrated": "Integrated gradients",
    "gradcam": "Seg-Grad-CAM",
    "occlusion": "Occlusion",
}
DEEPEST = "bottleneck"
Progress = Callable[[int, int], None]  # done, of how many; what it raises ends the computation
_WRITTEN = re.compile(r"(mask)|component (\d{1,4})|pixel (\d{1,6}), ?(\d{1,6})")


def silent(done: int, total: int) -> None:
    """Report progress to nobody."""


def part_of(progress: Progress, index: int, count: int) -> Progress:
    """Return the progress of part ``index``, from 0, of ``count`` parts of equal length."""
    return lambda done, total: progress(index * total + done, count * total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is explained. ``row`` and ``column`` of a pixel count from 0 in the scan as filed."""

    kind: Literal["mask", "component", "pixel"] = "mask"
    number: int = 1  # of the component, the largest is 1
    row: int = 0
    column: int = 0

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``mask``, ``component 2`` or ``pixel 120,88``, as ``str`` writes a target.

        Raises:
            ConfigError: it is none of these.
        """
        found = _WRITTEN.fullmatch(text.strip())
        if not found:
            raise ConfigError(
                f"the target {text!r} is unknown; write mask, component N or pixel ROW,COLUMN"
            )
        if found[1]:
            return cls()
        if found[2]:
            return cls(kind="component", number=int(found[2]))
        return cls(kind="pixel", row=int(found[3]), column=int(found[4]))

    def __str__(self) -> str:
        if self.kind == "component":
            return f"component {self.number}"
        return f"pixel {self.row},{self.column}" if self.kind == "pixel" else "mask"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """What a method is asked: an image (S, S, 1), the target's weights (S, S), and a depth."""

    image: FloatArray
    weights: FloatArray
    depth: str = DEEPEST


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Saliency:
    """One map. ``values`` (H, W) float32 lie in the scan's geometry, ``grid`` in the network's.

    They are the change of the target per unit of input (gradient, SmoothGrad), its share of the
    change from a black image (integrated gradients), weighted features (Seg-Grad-CAM) or the fall
    of the target under a black patch (occlusion). ``difference`` is the target's value less that of
    a black image: what integrated gradients must sum to.
    """

    values: FloatArray
    grid: FloatArray  # (S, S)
    question: Question
    method: str
    target: str  # in words
    difference: float | None  # of integrated gradients only
    seconds: float

    @property
    def completeness_error(self) -> float | None:
        """How far the map's sum is from the difference it must equal, as a share of it."""
        if self.difference is None or self.difference == 0:
            return None
        return abs(float(self.grid.sum(dtype=np.float64)) - self.difference) / abs(self.difference)


def depths(levels: int) -> tuple[str, ...]:
    """Return the places at which Seg-Grad-CAM can look, from the input to the output."""
    down = [f"encoder{level}" for level in range(1, levels + 1)]
    return (*down, DEEPEST, *(f"decoder{level}" for level in range(levels, 0, -1)))


def components(mask: BoolArray) -> list[BoolArray]:
    """Return the connected parts of a mask (H, W), the largest first; corners connect."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    order = sorted(range(1, count), key=lambda i: -int(stats[i, cv2.CC_STAT_AREA]))
    return [np.asarray(labels == label) for label in order]


def grid_pixel(target: Target, geometry: Geometry) -> tuple[int, int]:
    """Return the (row, column) of the network's grid in which a pixel of the scan lies.

    Raises:
        ConfigError: the pixel lies outside the scan.
    """
    if not (0 <= target.row < geometry.height and 0 <= target.column < geometry.width):
        raise ConfigError(
            f"pixel {target.row},{target.column} is outside the scan; rows go from 0 to "
            f"{geometry.height - 1}, columns from 0 to {geometry.width - 1}"
        )
    scale = geometry.size / geometry.side
    row = int((target.row + 0.5 + geometry.top) * scale)
    return row, int((target.column + 0.5 + geometry.left) * scale)


def weigh(logits: FloatArray, target: Target, geometry: Geometry) -> tuple[FloatArray, str]:
    """Return which logits are summed, (S, S) of 0 and 1, and in words what that is.

    Where the network predicts nothing, the mask's place is taken by the largest logit.

    Args:
        logits: of the network for the scan, (S, S); a pixel from 0 on is predicted.
        target: what to explain.
        geometry: how the scan was fitted into (S, S).

    Raises:
        ConfigError: there is no such component or pixel.
    """
    chosen = np.zeros(logits.shape, dtype=np.bool_)
    if target.kind == "pixel":
        chosen[grid_pixel(target, geometry)] = True
        return chosen.astype(np.float32), f"logit at row {target.row}, column {target.column}"
    predicted = logits >= 0
    if target.kind == "component":
        parts = components(predicted)
        if not 1 <= target.number <= len(parts):
            told = f"has {len(parts)} component" + "s" * (len(parts) != 1)
            raise ConfigError(f"the predicted mask {told}; there is no number {target.number}")
        words = f"sum of logits over component {target.number} of {len(parts)}"
        return parts[target.number - 1].astype(np.float32), words
    if predicted.any():
        return predicted.astype(np.float32), "sum of logits over the predicted mask"
    chosen.flat[int(np.argmax(logits))] = True
    return chosen.astype(np.float32), "largest logit, for nothing is predicted"
