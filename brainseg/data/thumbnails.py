"""Small pictures of slices: upright, with the true outline, as WebP."""

from __future__ import annotations

import cv2
import numpy as np

from brainseg import overlay, palette
from brainseg.types import BoolArray, FloatArray

SIDE = 192  # more than the size on screen, for dense displays


def thumbnail(image: FloatArray, mask: BoolArray | None) -> bytes:
    """Return an upright (H, W) slice as a WebP of at most SIDE pixels, its true outline on it."""
    height, width = image.shape
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(overlay.grey(image), size, interpolation=cv2.INTER_AREA))
    if mask is not None and mask.any():
        small = overlay.outline(small, mask, palette.TRUTH, 2)
    return overlay.encode(small, ".webp")
