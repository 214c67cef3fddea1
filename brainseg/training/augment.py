"""Augmentation in two halves: draw the parameters, then apply them, pure.

The list and the probabilities follow nnU-Net (Isensee et al. 2021), and with them come symmetries
of the square: the Kaggle slices are transposed, uploads are upright, and some are turned. Either
all eight are shown (heads upside down are the rarest, and so they are here), or the slices are
turned upright before, and few are turned away again, as many as are turned wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from brainseg.types import FloatArray

# Probabilities of a head drawn upside down, and of one drawn on its side.
SYMMETRIES = {"reference": (0.2, 0.5), "upright": (0.03, 0.05)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """One draw for an upright slice, applied in this order. The default values change nothing."""

    flip_rows: bool = False
    flip_columns: bool = False
    transpose: bool = False
    degrees: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)  # share of the side, (row, column)
    brightness: float = 1.0
    contrast: float = 1.0
    gamma: float = 1.0
    noise: float = 0.0  # standard deviation
    blur: float = 0.0  # sigma as a share of the side
    low_resolution: float = 1.0
    noise_seed: int = 0


def draw(
    random: np.random.Generator, kind: str = "reference", strength: float = 1.0
) -> Augmentation:
    """Draw one augmentation of a kind, a key of ``SYMMETRIES``.

    ``strength`` is how far every range goes from "unchanged": 1 is nnU-Net's list, 0 leaves only
    the symmetries.
    """
    upside_down, on_its_side = SYMMETRIES[kind]

    def maybe(probability: float, low: float, high: float, otherwise: float) -> float:
        value = float(random.uniform(low, high))
        if random.random() >= probability:
            return otherwise
        return otherwise + strength * (value - otherwise)

    return Augmentation(
        flip_rows=bool(random.random() < upside_down),
        flip_columns=bool(random.random() < 0.5),
        transpose=bool(random.random() < on_its_side),
        degrees=maybe(0.5, -25, 25, 0.0),
        scale=maybe(0.5, 0.75, 1.3, 1.0),
        shift=(maybe(0.5, -0.08, 0.08, 0.0), maybe(0.5, -0.08, 0.08, 0.0)),
        brightness=maybe(0.3, 0.75, 1.25, 1.0),
        contrast=maybe(0.3, 0.7, 1.3, 1.0),
        gamma=maybe(0.5, 0.7, 1.5, 1.0),
        noise=maybe(0.2, 0.0, 0.06, 0.0),
        blur=maybe(0.15, 0.002, 0.008, 0.0),
        low_resolution=maybe(0.15, 0.5, 1.0, 1.0),
        noise_seed=int(random.integers(2**31)),
    )


def _matrix(a: Augmentation, side: int) -> FloatArray:
    centre = (side - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), a.degrees, a.scale)
    matrix[:, 2] += np.array([a.shift[1], a.shift[0]]) * side
    return np.asarray(matrix, dtype=np.float32)


def _move(square: FloatArray, a: Augmentation) -> FloatArray:
    if a.flip_rows:
        square = square[::-1]
    if a.flip_columns:
        square = square[:, ::-1]
    if a.transpose:
        square = square.T
    square = np.ascontiguousarray(square)
    if a.degrees == 0 and a.scale == 1 and a.shift == (0.0, 0.0):
        return square
    side = square.shape[0]
    moved = cv2.warpAffine(square, _matrix(a, side), (side, side), flags=cv2.INTER_LINEAR)
    return np.asarray(moved, dtype=np.float32)


def _shade(image: FloatArray, a: Augmentation) -> FloatArray:
    side = image.shape[0]
    if a.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), a.blur * side), dtype=np.float32)
    if a.low_resolution < 1:
        small = max(8, round(side * a.low_resolution))
        reduced = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(reduced, (side, side)), dtype=np.float32)
    if a.contrast != 1:
        mean = image.mean()
        image = (image - mean) * a.contrast + mean
    if a.brightness != 1:
        image = image * a.brightness
    if a.noise:
        random = np.random.default_rng(a.noise_seed)
        image = image + random.normal(0.0, a.noise, image.shape).astype(np.float32)
    image = np.clip(image, 0.0, 1.0)
    return image**a.gamma if a.gamma != 1 else image


def apply(image: FloatArray, mask: FloatArray, a: Augmentation) -> tuple[FloatArray, FloatArray]:
    """Apply a draw to a square image in [0, 1] and its 0/1 mask; both (S, S) float32.

    An image (S, S, C) has saliency maps behind its channel 0: they move with the scan, and keep
    their brightness.
    """
    moved_mask = (_move(mask, a) >= 0.5).astype(np.float32)
    if image.ndim == 2:
        return np.asarray(_shade(_move(image, a), a), dtype=np.float32), moved_mask
    # One by one: OpenCV interpolates two channels at once more coarsely than one or three.
    moved = [_move(channel, a) for channel in np.moveaxis(image, -1, 0)]
    return np.stack([_shade(moved[0], a), *moved[1:]], axis=-1, dtype=np.float32), moved_mask
