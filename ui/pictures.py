"""Arrays to what a browser can draw: upright pictures, thumbnails, compressed layers."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import streamlit as st

from brainseg import overlay, palette
from brainseg.types import BoolArray, ByteArray, FloatArray

STEPS = 200  # a probability is sent in steps of 1/200, cut so that every step is exact
DRAWN_SIDE = 1024  # larger scans are drawn at this side and counted at their own
_LEVELS = np.arange(STEPS + 1, dtype=np.float32) / np.float32(STEPS)


def quantise(values: FloatArray | BoolArray) -> ByteArray:
    """Return the level of each pixel: level / 200 is the highest threshold that it reaches.

    So ``quantise(p) >= k`` is exactly ``p >= k / 200``; a mask is 0 or 200.
    """
    levels = np.searchsorted(_LEVELS, np.asarray(values, dtype=np.float32), side="right") - 1
    return np.clip(levels, 0, STEPS).astype(np.uint8)


def counts(levels: ByteArray, where: BoolArray | None = None) -> list[int]:
    """Return for every level 0..200 how many pixels (of ``where``) are at or above it."""
    chosen = levels if where is None else levels[where]
    histogram = np.bincount(chosen.ravel(), minlength=STEPS + 1)
    return [int(count) for count in np.cumsum(histogram[::-1])[::-1]]


def drawn_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the (H, W) at which an image of that shape is drawn."""
    height, width = shape[:2]
    factor = min(1.0, DRAWN_SIDE / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _drawn(array: Any) -> Any:
    height, width = drawn_shape(array.shape)
    if array.shape[:2] == (height, width):
        return array
    return cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)


def _digest(array: Any) -> str:
    """Identify an array by all of its bytes: Streamlit's own hash samples large arrays."""
    digest = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16)
    digest.update(repr((array.shape, array.dtype.str)).encode())
    return digest.hexdigest()


@st.cache_data(max_entries=256, show_spinner=False)
def _once(what: str, digest: str, _make: Callable[[], str]) -> str:
    return _make()


def picture_uri(rgb: ByteArray) -> tuple[str, str]:
    """Return an identity and a lossless data URI of an (H, W, 3) picture."""

    def make() -> str:
        small = _drawn(rgb)
        opaque = np.full((*small.shape[:2], 1), 255, dtype=np.uint8)
        data = overlay.encode(np.concatenate([small, opaque], axis=2), ".webp")
        return "data:image/webp;base64," + base64.b64encode(data).decode()

    digest = _digest(rgb)
    return digest, _once("picture", digest, make)


def packed(array: Any, *, effort: int = 6) -> str:
    """Return an array of one or two bytes a pixel as ``pack`` does, kept by its content."""
    return _once("layer", _digest(array), lambda: pack(array, effort=effort))


def pack(array: Any, *, effort: int = 6) -> str:
    """Return an array of one or two bytes a pixel, drawn size, deflated, as base64."""
    small = _drawn(array)
    little = np.ascontiguousarray(small, dtype=small.dtype.newbyteorder("<"))
    return base64.b64encode(zlib.compress(little.tobytes(), effort)).decode()


def value_scale(pixels: FloatArray) -> dict[str, Any]:
    """Return how raw values are sent: exact where they are integers in a 16-bit range."""
    low, high = float(pixels.min()), float(pixels.max())
    whole = high - low <= 65535 and all(np.array_equal(row, np.rint(row)) for row in pixels)
    steps = max(1.0, high - low) if whole else 65535.0
    return {
        "wide": steps > 255, "low": low, "high": low + ((high - low) or 1.0), "steps": steps,
        "digits": 0 if whole else 3,
    }  # fmt: skip


def scaled(pixels: FloatArray, scale: Mapping[str, Any]) -> Any:
    """Return raw values in the steps of a ``value_scale``, one or two bytes a pixel."""
    span = scale["high"] - scale["low"]
    steps = np.rint((pixels.astype(np.float64) - scale["low"]) / span * scale["steps"])
    return steps.astype(np.uint16 if scale["wide"] else np.uint8)


def value_layer(pixels: FloatArray) -> dict[str, Any]:
    """Return the raw values of one slice, for the read-out and the grey window."""
    scale = value_scale(pixels)
    levels = scaled(pixels, scale)
    return {"pixels": packed(levels, effort=1), **scale}  # noise: more effort costs 8 times as long


def grey(pixels: FloatArray) -> ByteArray:
    """Return an (H, W) image as RGB in its display window."""
    return overlay.grey(pixels, *overlay.window_of(pixels))


def flat(mask: BoolArray, colour: str) -> ByteArray:
    """Return a mask alone as (H, W, 3): its colour on dark grey."""
    return np.where(mask[..., np.newaxis], palette.rgb(colour), (38, 38, 38)).astype(np.uint8)


def grey_of(values: Any) -> ByteArray:
    """Return whatever a step of preprocessing made as RGB: 0..1 or 0..255 values, never stretched.

    Raw values beyond 255 have no range of their own to show: they fill theirs.
    """
    if values.ndim == 3:
        return np.ascontiguousarray(values[..., :3])
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 255:
        return overlay.grey(values)
    return overlay.grey(values.astype(np.float32), 0, 1 if high <= 1 else 255)


def enlarged(picture: ByteArray, side: int = 256) -> ByteArray:
    """Repeat the pixels of a small picture until it has about ``side``: none is made up."""
    times = max(1, side // max(picture.shape[:2]))
    return np.repeat(np.repeat(picture, times, axis=0), times, axis=1)


def heat(values: FloatArray, top: float = 255.0) -> ByteArray:
    """Return values 0..``top`` in the one heat map of the app, never stretched."""
    return overlay.heat(values / top)


def heat_stops() -> list[tuple[float, str]]:
    """Return the heat map as (place 0..1, colour) in 17 steps, as Plotly takes a colour scale."""
    places = np.linspace(0.0, 1.0, 17, dtype=np.float32)
    colours = overlay.heat(places[np.newaxis])[0].tolist()
    return [(float(at), f"rgb({r},{g},{b})") for at, (r, g, b) in zip(places, colours, strict=True)]


def heat_gradient() -> str:
    """Return the heat map's colours as a CSS gradient, for its scale."""
    return f"linear-gradient(to right, {', '.join(colour for _, colour in heat_stops())})"


def heat_table() -> str:
    """Return the heat map's colour of every level 0..200 as base64 RGBA bytes."""
    colours = overlay.heat(_LEVELS[np.newaxis])[0]
    table = np.concatenate([colours, np.full((STEPS + 1, 1), 255, dtype=np.uint8)], axis=1)
    return base64.b64encode(table.tobytes()).decode()


def framed(picture: ByteArray, colour: str, *, border: int = 3) -> str:
    """Return a small picture in a frame of that colour, as a data URI of exact pixels."""
    height, width = picture.shape[:2]
    whole = np.empty((height + 2 * border, width + 2 * border, 3), dtype=np.uint8)
    whole[...] = palette.rgb(colour)
    whole[border:-border, border:-border] = picture
    return "data:image/png;base64," + base64.b64encode(overlay.encode(whole, ".png")).decode()


def overlay_png(
    pixels: FloatArray,
    masks: dict[str, BoolArray],
    window: tuple[float, float] | None = None,
) -> bytes:
    """Return a scan with the outline of each mask in its colour, as PNG."""
    picture = overlay.grey(pixels, *(window or overlay.window_of(pixels)))
    thickness = max(1, max(picture.shape) // 400)
    for colour, mask in masks.items():
        picture = overlay.outline(picture, mask, colour, thickness)
    return overlay.encode(picture, ".png")
