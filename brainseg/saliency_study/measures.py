"""How well one picture finds a mask at every threshold, and with its brightest pixels.

``values`` are (H, W) of any real numbers, ``truth`` is (H, W) bool. A measure that nothing
defines is None.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg.ranking import LEVELS
from brainseg.types import BoolArray, ByteArray, FloatArray


def dice_curve(levels: ByteArray, truth: BoolArray) -> FloatArray | None:
    """Return the Dice of ``levels >= t`` for every t in 0..255, (256,); None for an empty mask."""
    everywhere = np.bincount(levels.ravel(), minlength=LEVELS)
    inside = np.bincount(levels[truth], minlength=LEVELS)
    if not inside.any():
        return None
    hit, painted = (np.cumsum(counts[::-1])[::-1] for counts in (inside, everywhere))
    return np.asarray(2 * hit / (painted + hit[0]), dtype=np.float32)


def pointing(values: NDArray[Any], truth: BoolArray) -> float:
    """Return the share of the brightest pixels that lie in the mask, 0..1.

    The pointing game (Zhang et al. 2018, Top-down neural attention by excitation backprop) without
    its tolerance: where several pixels tie, the chance of a hit when one of them is drawn; above 0
    if any of them hits. A picture without any structure scores the mask's share of the area.
    """
    return float(np.mean(truth[values == values.max()]))


def nearness(shape: tuple[int, int]) -> ByteArray:
    """Return a picture (H, W) that is brightest, 255, in the centre and 0 in the corners."""
    rows, columns = (np.abs(np.arange(side) - (side - 1) / 2) for side in shape)
    far = np.hypot(rows[:, np.newaxis], columns[np.newaxis])
    near = 1 - far / max(float(far.max()), 1.0)
    return np.asarray(np.rint(255 * near), dtype=np.uint8)
