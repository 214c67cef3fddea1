"""Eight views of one slice, whose answers are averaged: how each is made, and how it is undone.

A network that sees scans as they lie is shown the eight symmetries of the square. To one that sees
heads upright only, four of those would be the same picture: it is shown the slice and its mirror
image as they are, tilted to either side, and enlarged, as in its training.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

View = tuple[Callable[[NDArray[Any]], NDArray[Any]], Callable[[NDArray[Any]], NDArray[Any]]]
TILT_DEGREES, ENLARGED = 8.0, 1.1


def _symmetry(array: NDArray[Any], quarter: int, mirrored: bool) -> NDArray[Any]:
    return np.rot90(array[:, ::-1] if mirrored else array, quarter)


def _symmetry_undone(array: NDArray[Any], quarter: int, mirrored: bool) -> NDArray[Any]:
    back = np.rot90(array, -quarter)
    return back[:, ::-1] if mirrored else back


def _warped(array: NDArray[Any], degrees: float, scale: float, mirrored: bool) -> NDArray[Any]:
    turned = _moved(np.ascontiguousarray(array[:, ::-1] if mirrored else array), degrees, scale)
    return turned.reshape(array.shape)


def _warped_back(array: NDArray[Any], degrees: float, scale: float, mirrored: bool) -> NDArray[Any]:
    back = _moved(array, -degrees, 1 / scale).reshape(array.shape)
    return back[:, ::-1] if mirrored else back


def _moved(array: NDArray[Any], degrees: float, scale: float) -> NDArray[Any]:
    if (degrees, scale) == (0.0, 1.0):
        return array
    side = array.shape[0]
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), degrees, scale)
    moved = cv2.warpAffine(array, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved)


def _square(quarter: int, mirrored: bool) -> View:
    made = partial(_symmetry, quarter=quarter, mirrored=mirrored)
    return made, partial(_symmetry_undone, quarter=quarter, mirrored=mirrored)


def _tilt(degrees: float, scale: float, mirrored: bool) -> View:
    made = partial(_warped, degrees=degrees, scale=scale, mirrored=mirrored)
    return made, partial(_warped_back, degrees=degrees, scale=scale, mirrored=mirrored)


_TILTS = ((0.0, 1.0), (TILT_DEGREES, 1.0), (-TILT_DEGREES, 1.0), (0.0, ENLARGED))
SYMMETRIES = tuple(_square(q, mirrored) for q in range(4) for mirrored in (False, True))
TILTED = tuple(_tilt(*how, mirrored) for how in _TILTS for mirrored in (False, True))
OF = {"any": SYMMETRIES, "upright": TILTED}  # by the orientation of a network
