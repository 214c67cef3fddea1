"""From colour to grey: the luminance, and whether there was any colour to speak of."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg.types import FloatArray

NOTICEABLE = 0.03  # of the full scale, in the mean over all pixels; JPEG noise on grey stays below


def _channels(colour: NDArray[Any]) -> list[NDArray[Any]]:
    """Return red, green and blue, each on its own: whatever follows is then many times as fast."""
    if colour.ndim == 3 and colour.dtype in (np.uint8, np.uint16):
        return list(cv2.split(colour)[:3])  # in a third of the time
    return [np.ascontiguousarray(colour[..., channel]) for channel in range(3)]


def luminance(colour: NDArray[Any]) -> FloatArray:
    """Return the luminance (Rec. 601) of (..., 3) RGB; exactly the grey where all three agree."""
    red, green, blue = _channels(colour)
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return red.astype(np.float32)
    grey = red * np.float32(0.299)
    grey += green * np.float32(0.587)
    grey += blue * np.float32(0.114)
    return np.asarray(grey, dtype=np.float32)


def grey(pixels: NDArray[Any], full: float) -> FloatArray:
    """Return (H, W) values of grey, RGB or RGBA pixels; what is transparent is black."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    values = luminance(pixels)
    if pixels.shape[2] == 4 and not (pixels[..., 3] == full).all():
        values = values * (pixels[..., 3].astype(np.float32) / np.float32(full))
    return values


def is_coloured(colour: NDArray[Any], full: float) -> bool:
    """Whether the channels of (..., 3) RGB differ noticeably, where ``full`` is white.

    A grey scan with a coloured mark or a trace of compression noise does not count.
    """
    if full <= 0:
        return False
    every = max(1, int(np.sqrt(colour.shape[0] * colour.shape[1] / 2**18)))
    red, green, blue = _channels(colour[::every, ::every])
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return False
    high = np.maximum(np.maximum(red, green), blue)
    low = np.minimum(np.minimum(red, green), blue)
    return bool(np.subtract(high, low, dtype=np.float32).mean() > NOTICEABLE * full)
