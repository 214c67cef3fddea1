"""Arrays to pictures: window, fill, outline, heat, agreement. Everything drawn is uint8 RGB.

A mask may be smaller or larger than the picture it is drawn on: it is fitted to the picture first,
so an outline stays one display pixel thin on a picture that was enlarged for the screen.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from brainseg import palette
from brainseg.types import BoolArray, ByteArray, FloatArray

Colour = str | tuple[int, int, int]
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)
_SOLID, _STRIPE, _BETWEEN = 150, 230, 90  # alpha: agreement, hatch line, between the lines
_QUALITY = 90  # of WebP for pictures; what has transparency is kept lossless
_LOSSLESS = 101


def window_of(pixels: FloatArray, percent: float = 0.2) -> tuple[float, float]:
    """Return a display window (low, high) that leaves out ``percent`` of the values at each end."""
    low, high = np.percentile(pixels, (percent, 100.0 - percent))
    if high <= low:
        low, high = pixels.min(), pixels.max()
    return float(low), float(high)


def window(pixels: FloatArray, low: float, high: float) -> ByteArray:
    """Map ``low``..``high`` of an (H, W) image to 0..255, clipped. An empty window gives black."""
    if high <= low:
        return np.zeros(pixels.shape, dtype=np.uint8)
    scaled = np.subtract(pixels, low, dtype=np.float64)
    scaled *= 255.0 / (high - low)  # in place: seven times as fast as one expression
    np.clip(scaled, 0.0, 255.0, out=scaled)
    return np.rint(scaled, out=scaled).astype(np.uint8)


def grey(pixels: FloatArray, low: float | None = None, high: float | None = None) -> ByteArray:
    """Return an (H, W) image as (H, W, 3) grey, windowed by its own extremes unless told."""
    bottom = float(np.min(pixels)) if low is None else low
    top = float(np.max(pixels)) if high is None else high
    levels = window(pixels, bottom, top)
    return np.asarray(cv2.cvtColor(levels, cv2.COLOR_GRAY2RGB), dtype=np.uint8)


def outline(
    rgb: ByteArray, mask: BoolArray, colour: Colour, thickness: int = 1, *, dash: int = 0
) -> ByteArray:
    """Return a copy of ``rgb`` with the rim of the mask painted, ``thickness`` pixels inwards.

    The rim is crisp and lies inside the mask: what is outside the mask is never covered. With
    ``dash`` every other square of so many pixels is left as it was.
    """
    inside = _fit(mask, rgb)
    rim = inside & ~_eroded(inside, thickness)
    if dash:
        rows, columns = np.indices(rim.shape) // dash
        rim &= (rows + columns) % 2 == 0
    drawn = rgb.copy()
    drawn.reshape(-1, 3)[np.flatnonzero(rim)] = _rgb(colour)  # few: quicker than by a mask
    return drawn


def fill(rgb: ByteArray, mask: BoolArray, colour: Colour, opacity: float) -> ByteArray:
    """Return a copy of ``rgb`` with the mask tinted: 0 leaves it, 1 covers it."""
    alpha = _fit(mask, rgb).astype(np.float32) * np.float32(opacity)
    flat = np.empty_like(rgb)
    flat[...] = _rgb(colour)
    return blend(rgb, flat, alpha)


def heat(values: FloatArray) -> ByteArray:
    """Colour (H, W) values in 0..1 by inferno, whose lightness only rises; (H, W, 3) uint8.

    Values are clipped and never stretched: an empty map stays black.
    """
    bgr = cv2.applyColorMap(window(values, 0.0, 1.0), cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(bgr[..., ::-1], dtype=np.uint8)


def blend(rgb: ByteArray, over: ByteArray, opacity: float | FloatArray) -> ByteArray:
    """Lay ``over`` on ``rgb``; ``opacity`` is one number or an (H, W) map in 0..1."""
    alpha = np.clip(np.asarray(opacity, dtype=np.float32), 0.0, 1.0)
    if alpha.ndim == 2:
        alpha = alpha[..., np.newaxis]
    mixed = np.asarray(rgb * (1.0 - alpha) + over * alpha, dtype=np.float32)
    return np.rint(mixed).astype(np.uint8)


def agreement(truth: BoolArray, predicted: BoolArray) -> ByteArray:
    """Return (H, W, 4) RGBA: found, invented and missed pixels, each in its palette colour.

    Found is solid, invented is hatched with rising lines and missed with falling ones, so that
    colour is not the only sign; the rest is transparent.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"truth {truth.shape} and mask {predicted.shape} differ in shape")
    picture = np.zeros((*truth.shape, 4), dtype=np.uint8)
    rows, columns = np.arange(truth.shape[0])[:, np.newaxis], np.arange(truth.shape[1])
    picture[truth & predicted] = (*palette.rgb(palette.TRUE_POSITIVE), _SOLID)
    _hatch(picture, predicted & ~truth, palette.FALSE_POSITIVE, rows + columns)
    _hatch(picture, truth & ~predicted, palette.FALSE_NEGATIVE, rows - columns)
    return picture


def contours(mask: BoolArray) -> list[NDArray[np.float32]]:
    """Return the closed boundary lines of the mask, holes too, each (K, 2) of (x, y) in pixels."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [line.reshape(-1, 2).astype(np.float32) for line in found]


def encode(picture: ByteArray, format: Literal[".webp", ".png"] = ".webp") -> bytes:
    """Compress (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA; WebP is exact for RGBA only."""
    layers = 1 if picture.ndim == 2 else picture.shape[2]
    swap = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    turned = cv2.cvtColor(picture, swap[layers]) if layers in swap else picture
    quality = _LOSSLESS if layers == 4 else _QUALITY
    options = [cv2.IMWRITE_WEBP_QUALITY, quality] if format == ".webp" else []
    done, data = cv2.imencode(format, np.ascontiguousarray(turned), options)
    if not done:
        raise ValueError(f"cannot encode a picture of shape {picture.shape} as {format}")
    return bytes(data)


def _rgb(colour: Colour) -> tuple[int, int, int]:
    return palette.rgb(colour) if isinstance(colour, str) else colour


def _fit(mask: BoolArray, rgb: ByteArray) -> BoolArray:
    height, width = rgb.shape[:2]
    if mask.shape == (height, width):
        return mask.astype(np.bool_)
    resized = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized >= 0.5)


def _eroded(mask: BoolArray, steps: int) -> BoolArray:
    small = cv2.erode(
        mask.astype(np.uint8),
        _CROSS,
        iterations=max(steps, 1),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(small > 0)


def _hatch(picture: ByteArray, where: BoolArray, colour: str, phase: NDArray[np.int_]) -> None:
    period = max(4, min(where.shape) // 48)
    stripe = np.mod(phase, period) < max(1, period // 3)
    alpha = np.where(stripe, _STRIPE, _BETWEEN).astype(np.uint8)
    picture[where, :3] = palette.rgb(colour)
    picture[where, 3] = alpha[where]
