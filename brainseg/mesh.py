"""Surfaces of a volume as triangles: the tumour at a probability, and the head around it.

Marching cubes of scikit-image (Lewiner et al. 2003, doi 10.1080/10867651.2003.10487582).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainseg.types import ByteArray, FloatArray

HEAD_SIDE = 72  # rows and columns of the coarse volume that the head is drawn from
TUMOUR_POINTS = 2**20  # of the finest volume that the tumour is drawn from


class Mesh(NamedTuple):
    """Triangles (M, 3) between points (N, 3): (slice, row, column) until they are ``moved``."""

    points: NDArray[np.float32]
    triangles: NDArray[np.int32]

    def moved(self, affine: ArrayLike) -> Mesh:
        """Return it with every point p at A p + b, where ``affine`` (3 or 4, 4) is [A b]."""
        matrix = np.asarray(affine, dtype=np.float64)
        points = self.points @ matrix[:3, :3].T + matrix[:3, 3]
        return Mesh(points.astype(np.float32), self.triangles)


def tumour(values: FloatArray | ByteArray, level: float) -> Mesh | None:
    """Return where (D, H, W) values reach ``level``, closed at the border; None if nowhere."""
    inside = np.argwhere(values >= level)
    if not len(inside):
        return None
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    part = values[tuple(slice(max(0, a - 1), b + 1) for a, b in zip(low, high, strict=True))]
    start = np.maximum(low - 1, 0)
    step = max(1, int(np.ceil((part.size / TUMOUR_POINTS) ** 0.5)))
    return _mesh(part[:, ::step, ::step], level, start, (1, step, step))


def head(values: FloatArray) -> Mesh | None:
    """Return the skin of a head of (D, H, W) raw values, coarse; None where nothing stands out.

    The level is Otsu's between the dark surroundings and everything else.
    """
    step = max(1, int(np.ceil(max(values.shape[1:]) / HEAD_SIDE)))
    height, width = (side // step for side in values.shape[1:])
    coarse = np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA)
                       for one in values])  # fmt: skip
    low, high = np.percentile(coarse, (0.5, 99.5))
    if high <= low:
        return None
    grey = np.clip((coarse - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    level, _ = cv2.threshold(grey.reshape(len(grey), -1), 0, 255, cv2.THRESH_OTSU)
    smooth = np.stack([cv2.GaussianBlur(one, (5, 5), 0) for one in grey]).astype(np.float32)
    steps = (1.0, values.shape[1] / height, values.shape[2] / width)
    return _mesh(smooth, max(0.5 * level, 1.0), np.zeros(3, int), steps)


def _mesh(
    values: FloatArray | ByteArray,
    level: float,
    start: NDArray[np.int_],
    steps: tuple[float, float, float],
) -> Mesh | None:
    from skimage.measure import marching_cubes

    padded = np.pad(values.astype(np.float32), 1, constant_values=min(0.0, float(values.min())))
    if not padded.min() < level <= padded.max():
        return None
    below = np.nextafter(np.float32(level), np.float32(0))  # "reaches the level" is inside
    points, triangles, _, _ = marching_cubes(padded, below, allow_degenerate=False)
    placed = (points - 1) * steps + start
    return Mesh(placed.astype(np.float32), triangles.astype(np.int32))
