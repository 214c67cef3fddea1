"""Which way a slice was cut, estimated from its pixels: no dataset states it.

A small multinomial logistic regression on the head, cut out of the air around it and reduced to
24 x 24 pixels. Coefficients, labels and the script that made them: ``planes.json`` beside this
file, ``benchmarks/planes.csv`` and ``benchmarks/planes.py``; how well it does: ``docs/DATA.md``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np

from brainseg.preprocess import rescale
from brainseg.types import BoolArray, FloatArray

Plane = Literal["axial", "coronal", "sagittal"]
PLANES: tuple[Plane, ...] = get_args(Plane)
SIDE = 24
COEFFICIENTS = Path(__file__).with_name("planes.json")
_REDUCED = 256  # side at which the head is looked for
_AIR = 0.12  # of the brightest 1 %: below it lies air and noise
_MARGIN = 0.03  # of a row or column that must not be air, to belong to the head


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """A slice at most 256 pixels wide and high, and the head in it."""

    grey: FloatArray  # (h, w), from the slice's lowest value to its highest as 0..255
    smooth: FloatArray  # (h, w), the same without noise
    bright: BoolArray  # (h, w), what is no air
    rows: slice  # the bounding box; empty in a picture without contrast
    columns: slice

    @property
    def found(self) -> bool:
        """Whether there is anything but air."""
        return bool(self.rows.stop > self.rows.start and self.columns.stop > self.columns.start)


def find_head(image: FloatArray) -> Head:
    """Return where the head is in an (H, W) image of any range: what is brighter than air."""
    scale = min(1.0, _REDUCED / max(image.shape))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    grey = cv2.resize(rescale(image) * 255.0, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(grey, (0, 0), 2.0 * max(size) / _REDUCED)
    bright = smooth > max(_AIR * float(np.quantile(smooth, 0.99)), 0.0)
    rows, columns = (_extent(bright.mean(axis=axis) > _MARGIN) for axis in (1, 0))
    return Head(grey=grey, smooth=smooth, bright=bright, rows=rows, columns=columns)


def _extent(filled: BoolArray) -> slice:
    places = np.flatnonzero(filled)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


def features(head: Head) -> FloatArray:
    """Return what the rule looks at, of an upright slice: (SIDE * SIDE + 1,) float32.

    The head's bounding box, stretched to SIDE x SIDE with mean 0 and standard deviation 1, as the
    mean of its left half and the mirrored right half, and as how far the halves differ: a mirrored
    slice has the same features, and a sagittal one differs from its mirror image. Then the
    logarithm of the box's height in widths. A slice without a head gives zeros.
    """
    if not head.found:
        return np.zeros(SIDE * SIDE + 1, dtype=np.float32)
    box = head.smooth[head.rows, head.columns]
    seen = cv2.resize(box, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    seen = (seen - seen.mean()) / max(float(seen.std()), 1e-6)
    left, right = seen[:, : SIDE // 2], seen[:, : SIDE // 2 - 1 : -1]
    tall = np.float32(np.log(box.shape[0] / box.shape[1]))
    parts = ((left + right).ravel() / 2, np.abs(left - right).ravel(), [tall])
    return np.concatenate(parts).astype(np.float32)


def estimate(image: FloatArray) -> Plane:
    """Return the most likely plane of an (H, W) image, of any range, turned upright.

    Raises:
        ScanError: the image holds values that are not finite.
    """
    return of_head(find_head(image))


def of_head(head: Head) -> Plane:
    """Return the most likely plane of an upright slice whose head was found."""
    weights, bias = _coefficients()
    return PLANES[int(np.argmax(weights @ features(head) + bias))]


@lru_cache(maxsize=1)
def _coefficients() -> tuple[FloatArray, FloatArray]:
    kept = json.loads(COEFFICIENTS.read_text(encoding="utf-8"))
    return np.array(kept["weights"], np.float32), np.array(kept["bias"], np.float32)
