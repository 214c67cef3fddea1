"""The steps from a file to a network's input, each by the function that training uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from brainseg import preprocess
from brainseg.data import pixels
from brainseg.data.catalog import Catalog, upright
from brainseg.types import BoolArray, FloatArray, Sample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """What one step returned, turned upright for the eye where ``turned``, and what it is for."""

    name: str
    values: Any
    said: str


def image_steps(catalog: Catalog, sample: Sample, size: int, *, narrow: bool) -> list[Step]:
    """Return every step of an image on its way to the (size, size) input.

    Args:
        catalog: says how its files lie.
        sample: the slice.
        size: side of the network's input in px.
        narrow: cut a quarter of the columns (as they stand upright) off first.
    """
    stored, grey = pixels.read_stored(sample), pixels.read_image(sample)
    if narrow:
        axis = 0 if catalog.orientation == "transposed" else 1
        stored, grey = _cut(stored, axis), _cut(grey, axis)
    scaled = preprocess.rescale(grey)
    geometry = preprocess.geometry_of(grey, size)
    square = preprocess.pad(scaled, geometry)
    fitted = np.clip(preprocess.resize(square, size), 0.0, 1.0)
    padded = geometry.height != geometry.width
    steps = [
        ("One grey value", grey, _grey_said(stored)),
        ("Its own range to 0..1", scaled, "Less the smallest value, divided by the range. On the "
         "public slices that equals dividing by 255; it is also right for a 12-bit scan."),
        ("Padded to a square", square, "Black bars: padded, never stretched." if padded else
         "It is square: nothing to do."),
        (f"Resized to {size}", fitted, "By area where it shrinks, else between the neighbours. "
         "With a last axis for the one channel, this is what a network gets."),
        ("Equalised", preprocess.equalise(fitted), "The grey levels of the head spread evenly, the "
         "air left dark: fat is so bright that brain and tumour share few levels. Only networks "
         "that were trained with equalised contrast get this; the shipped ones get step 5."),
    ]  # fmt: skip
    turned = [Step(name=n, values=upright(v, catalog), said=s) for n, v, s in steps]
    lies = " Transposed: the nose to one side." if catalog.orientation == "transposed" else ""
    return [Step(name="As stored", values=stored, said=f"The file, decoded.{lies}"), *turned]


def _cut(stored: Any, axis: int) -> Any:
    quarter = stored.shape[axis] // 8
    return np.take(stored, range(quarter, stored.shape[axis] - quarter), axis=axis)


def _grey_said(stored: Any) -> str:
    if stored.ndim == 2:
        return "The file has one channel already."
    same = all(np.array_equal(stored[..., 0], stored[..., i]) for i in (1, 2))
    return "Three equal channels hold one picture." if same else "The luminance of three channels."


def mask_steps(mask: BoolArray, size: int) -> tuple[BoolArray, FloatArray]:
    """Return the mask as a network learns from it, and the share of each pixel that is tumour."""
    geometry = preprocess.geometry_of(mask, size)
    share = preprocess.resize(preprocess.pad(mask.astype(np.float32), geometry), size)
    return preprocess.standardise_mask(mask, size), share


def told(values: Any) -> str:
    """Return shape, type and range of an array in one line."""
    shape = " x ".join(map(str, values.shape))
    return f"{shape}  {values.dtype}  {values.min():.4g} to {values.max():.4g}"
