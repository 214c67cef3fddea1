"""The Saliency screen's maps as pictures: heat on a stated scale, the raw range beside it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from brainseg import overlay, palette
from brainseg.data.catalog import Catalog, upright
from brainseg.types import BoolArray, ByteArray, FloatArray, Sample
from ui import cache, pictures

OPENED = "saliency.opened"
_BAR = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[np.newaxis], 10, axis=0)


def slice_alone(catalog: Catalog, sample: Sample) -> None:
    """Show the slice with the outline of its true mask."""
    root, number = str(catalog.root), sample.number
    image = upright(cache.sample_image(root, number), catalog)
    truth = cache.sample_mask(root, number)
    masks = {} if truth is None else {palette.TRUTH: upright(truth, catalog)}
    outlined = " Yellow: true mask." if truth is not None and truth.any() else ""
    st.image(pictures.overlay_png(image, masks), width="stretch", alt=f"Slice {number}")
    st.caption(f"**Slice {number}**.{outlined}")


def dataset_maps(catalog: Catalog, sample: Sample) -> None:
    """Show the slice and the two maps that came with it, each on its full scale 0..255."""
    grid = st.grid(3, min_column_width=160, gap="small")
    with grid.cell():
        slice_alone(catalog, sample)
    for which in (1, 2):
        values = cache.sample_saliency(str(catalog.root), sample.number, which)
        with grid.cell():
            if values is None:
                st.caption(f"**Saliency map {which}**: this slice has none.")
            else:
                title = f"Saliency map {which}"
                heat(upright(values, catalog), 255.0, title)
                st.caption(f"**{title}** (as given). {scale_of(values, 255.0, 'Values')}")


def scale_of(values: FloatArray, top: float, name: str = "Raw values") -> str:
    """Return the scale of a heat map and the range of its values, in words."""
    low, high = float(values.min()), float(values.max())
    return f"Scale 0 to {number(top)}. {name}: {number(low)} to {number(high)}."


def number(value: float) -> str:
    """Return a number to three digits without an exponent: 2,923 and 0.0000123."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return np.format_float_positional(value, precision=3, fractional=False, trim="-")


def heat(
    values: FloatArray,
    top: float,
    title: str,
    *,
    mask: BoolArray | None = None,
    colour: str = palette.TRUTH,
    pixel: tuple[int, int] | None = None,
) -> None:
    """Show a map's magnitudes as heat from 0 to ``top``, with its scale underneath.

    Args:
        values: (H, W) raw values, as shown.
        top: what the brightest heat stands for.
        title: what the map is, for those who cannot see it.
        mask: outlined in ``colour``.
        colour: of the outline and of the pixel.
        pixel: (row, column) to mark with a cross.
    """
    picture = overlay.heat(np.abs(values) / top if top > 0 else np.zeros_like(values))
    if mask is not None:
        picture = overlay.outline(picture, mask, colour, max(1, max(mask.shape) // 300))
    if pixel is not None:
        picture = crossed(picture, pixel, colour)
    st.image(_png(picture), width="stretch", alt=f"{title} as a heat map")
    st.image(_png(overlay.heat(_BAR)), width="stretch", alt=f"Scale from 0 to {number(top)}")


def crossed(picture: ByteArray, pixel: tuple[int, int], colour: str) -> ByteArray:
    """Return a copy of an (H, W, 3) picture with an open cross around one pixel."""
    row, column = pixel
    size = max(picture.shape[:2])
    near, far, half = max(2, size // 80), max(6, size // 24), max(1, size // 500)
    arms = np.zeros(picture.shape[:2], dtype=np.bool_)
    for start, end in ((-far, -near), (near + 1, far + 1)):
        along = slice(max(0, row + start), max(0, row + end))
        arms[along, max(0, column - half) : column + half + 1] = True
        along = slice(max(0, column + start), max(0, column + end))
        arms[max(0, row - half) : row + half + 1, along] = True
    return overlay.fill(picture, arms, colour, 1.0)


def _png(picture: ByteArray) -> bytes:
    return overlay.encode(picture, ".png")


def may_open_keras() -> bool:
    """Ask once before Keras is opened in this server: it takes seconds and memory."""
    if not st.session_state.get(OPENED):
        st.markdown(
            "The networks' own maps need gradients, so this opens **Keras** in the server: once, "
            "about 10 seconds and 700 MB of memory. No other screen needs it."
        )
        st.button(
            "Show where the networks looked", type="primary", icon=":material/flare:",
            key="saliency.open", on_click=lambda: st.session_state.update({OPENED: True}),
        )  # fmt: skip
    return bool(st.session_state.get(OPENED))
