"""Linked image panels: zoom, pan, swipe, threshold and opacity without a server round trip.

A components-v2 component from the files beside this one: no build step, nothing from a network.
What is drawn and what is counted is exactly what the library says: probabilities are sent in steps
of 1/200 cut on the threshold's own grid, and counts are taken here, at the scan's own size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from brainseg import overlay, palette
from brainseg.types import BoolArray, ByteArray, FloatArray
from ui import pictures

_FOLDER = Path(__file__).parent


def _source(*names: str) -> str:
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)


_mount = st.components.v2.component(
    "brainseg_viewer",
    html=_source("viewer.html"),
    css=_source("viewer.css"),
    js=_source("pixels.js", "stage.js", "viewer.js"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """Something drawn over a scan: a probability (float) or a mask (bool), (H, W)."""

    name: str
    colour: str
    values: FloatArray | BoolArray

    @property
    def is_mask(self) -> bool:
        """Whether the threshold does not apply."""
        return self.values.dtype == np.bool_


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One picture and the names of the layers over it."""

    title: str
    picture: ByteArray  # (H, W, 3)
    alt: str
    layers: tuple[str, ...] = ()
    scored: tuple[str, ...] = ()  # layers whose area (and Dice, with a truth) stands underneath
    agreement: tuple[str, str] | None = None  # draw where these two layers agree
    caption: str = ""
    colour: str | None = None
    scale: tuple[str, str] | None = None  # ends of the heat scale, where the picture is a heat map


def show(
    key: str,
    panels: Sequence[Panel],
    layers: Sequence[Layer] = (),
    *,
    truth: str | None = None,
    threshold: float = 0.5,
    pixel_mm2: float | None = None,
    values: FloatArray | None = None,
    fill: float = 0.0,
    aspect: float = 1.0,
    scene: str = "",
) -> float:
    """Show 1..6 panels of one (H, W), linked, and return the threshold that was chosen last.

    Args:
        key: the widget key.
        panels: what to show, side by side.
        layers: what can be drawn over the pictures, by name.
        truth: name of the true mask among the layers: scores are against it.
        threshold: the probability to start from, a multiple of 0.005.
        pixel_mm2: area of a pixel, or None where it is unknown.
        values: raw values of the scan for the read-out.
        fill: opacity of the fill to start with.
        aspect: height of a pixel in widths.
        scene: zoom and pan are kept while this stays the same.
    """
    held = (st.session_state.get(key) or {}).get("threshold")
    level = threshold if held is None else min(0.995, max(0.005, float(held)))
    data = {
        **_data(panels, layers, truth, values),
        "threshold": level, "pixel_mm2": pixel_mm2, "fill": fill, "outline": True,
        "aspect": aspect, "scene": scene, "truth": truth,
    }  # fmt: skip
    try:
        _mount(key=key, data=data, on_threshold_change=lambda: None)
    except (st.errors.StreamlitAPIException, RuntimeError):
        _show_plain(panels, layers, level)
    return level


def _data(
    panels: Sequence[Panel],
    layers: Sequence[Layer],
    truth: str | None,
    values: FloatArray | None,
) -> dict[str, Any]:
    levels = {layer.name: pictures.quantise(layer.values) for layer in layers}
    inside = None if truth is None else levels[truth] > 0
    sent = [_layer(layer, levels[layer.name], inside) for layer in layers]
    if values is not None:
        sent.append(
            {"id": "value", "name": "value", "kind": "value", **pictures.value_layer(values)}
        )
    images: dict[str, str] = {}
    specs = [_panel(panel, images, levels, layers) for panel in panels]
    height, width = panels[0].picture.shape[:2]
    drawn = pictures.drawn_shape((height, width))
    return {
        "images": images, "layers": sent, "panels": specs,
        "shape": [width, height], "drawn": [drawn[1], drawn[0]],
    }  # fmt: skip


def _layer(layer: Layer, levels: ByteArray, inside: BoolArray | None) -> dict[str, Any]:
    return {
        "id": layer.name,
        "name": layer.name,
        "colour": layer.colour,
        "kind": "mask" if layer.is_mask else "probability",
        "pixels": pictures.packed(levels),
        "counts": pictures.counts(levels),
        "hits": None if inside is None else pictures.counts(levels, inside),
    }


def _panel(
    panel: Panel, images: dict[str, str], levels: dict[str, ByteArray], layers: Sequence[Layer]
) -> dict[str, Any]:
    digest, uri = pictures.picture_uri(panel.picture)
    images[digest] = uri
    return {
        "title": panel.title, "alt": panel.alt, "image": digest, "layers": list(panel.layers),
        "scored": list(panel.scored), "caption": panel.caption, "colour": panel.colour,
        "scale": None if panel.scale is None else [*panel.scale, pictures.heat_gradient()],
        "agreement": None if panel.agreement is None else _agreement(panel, levels, layers),
    }  # fmt: skip


def _agreement(
    panel: Panel, levels: dict[str, ByteArray], layers: Sequence[Layer]
) -> dict[str, Any]:
    first, second = panel.agreement or ("", "")
    colour_of = {layer.name: layer.colour for layer in layers}
    against_truth = colour_of[first] == palette.TRUTH
    only = ("Missed", "Not tumour") if against_truth else (f"Only {first}", f"Only {second}")
    colours = (
        (palette.FALSE_NEGATIVE, palette.FALSE_POSITIVE)
        if against_truth
        else (colour_of[first], colour_of[second])
    )
    return {
        "layers": [first, second],
        "names": ["Both", *only],
        "colours": [palette.TRUE_POSITIVE, *colours],
        "both": pictures.counts(np.minimum(levels[first], levels[second])),
    }


def _show_plain(panels: Sequence[Panel], layers: Sequence[Layer], threshold: float) -> None:
    """Show the same pictures, still, where the component cannot be mounted."""
    by_name = {layer.name: layer for layer in layers}
    for column, panel in zip(st.columns(len(panels)), panels, strict=True):
        picture = panel.picture
        for name in panel.layers:
            layer = by_name[name]
            mask = layer.values if layer.is_mask else layer.values >= threshold
            picture = overlay.outline(picture, mask, layer.colour)
        column.image(picture, caption=panel.title, alt=panel.alt, width="stretch")
