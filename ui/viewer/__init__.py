"""Linked image panels: zoom, pan, swipe, threshold and opacity without a server round trip.

A components-v2 component from the files beside this one: no build step, nothing from a network.
What is drawn and what is counted is exactly what the library says: probabilities are sent in steps
of 1/200 cut on the threshold's own grid, and counts are taken here, at the scan's own size. The
slices of a volume travel beside the viewer (``stack``), so that moving through them asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st

from brainseg import overlay, palette
from brainseg.types import BoolArray, ByteArray, FloatArray
from ui import pictures
from ui.viewer import address
from ui.viewer.stack import Stack, bring, source

_SCRIPTS = (
    *("pixels.js", "slices.js", "stage.js", "agreement.js", "grey.js", "strip.js", "brush.js"),
    *("draw.js", "notes.js", "stack.js", "link.js", "viewer.js"),
)
_mount = st.components.v2.component(
    "brainseg_viewer",
    html=source("viewer.html"),
    css=source("viewer.css"),
    js=source(*_SCRIPTS),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """Something drawn over a scan: a probability (float) or a mask (bool), (H, W).

    ``uncertainty_of`` names the layer whose uncertainty (0..1) this is: drawn as heat only.
    ``heat`` says that it is a map of its own, 0..255: heat only too, and read as it is.
    """

    name: str
    colour: str
    values: FloatArray | BoolArray
    uncertainty_of: str | None = None
    heat: bool = False

    @property
    def is_mask(self) -> bool:
        """Whether the threshold does not apply."""
        return self.values.dtype == np.bool_

    @property
    def kind(self) -> str:
        """What the browser takes it for."""
        if self.heat:
            return "map"
        return "uncertainty" if self.uncertainty_of else "mask" if self.is_mask else "probability"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One picture and the names of the layers over it.

    Without a picture of its own it shows the scan, drawn in the browser from the raw values, so
    that window and level can be moved there.
    """

    title: str
    alt: str
    picture: ByteArray | None = None  # (H, W, 3)
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
    swipe: bool | None = None,
    window: tuple[float, float] | None = None,
    stack: Stack | None = None,
    tools: Sequence[Literal["heat", "brush"]] = (),
    corrections: Mapping[str, str] | None = None,
    linked: bool = False,
) -> float:
    """Show 1..6 panels of one (H, W), linked, and return the threshold that was chosen last.

    The session state of ``key`` then also holds ``slice`` (the last one looked at) and
    ``corrections`` (masks painted by hand), where there is a stack or a brush.

    Args:
        key: the widget key.
        panels: what to show, side by side.
        layers: what can be drawn over the pictures, by name.
        truth: name of the true mask among the layers: scores are against it.
        threshold: the probability to start from, a multiple of 0.005.
        pixel_mm2: area of a pixel, or None where it is unknown.
        values: raw values of the scan: for the read-out, and for panels without a picture.
        fill: opacity of the fill to start with.
        aspect: height of a pixel in widths.
        scene: zoom, pan, slice and window are kept while this stays the same.
        swipe: whether the first two panels share one picture; None leaves it to the user.
        window: the raw values that are black and white at first.
        stack: the slices of a volume, in place of ``values`` and ``layers``.
        tools: what else is offered: heat maps of the layers, a brush to correct masks.
        corrections: masks painted earlier in this scene, as the session state holds them.
        linked: whether zoom, place, window, level, fill and what else is set here stand in the
            address of the page, and come back with it.
    """
    held = (st.session_state.get(key) or {}).get("threshold")
    level = threshold if held is None else address.on_grid(float(held))
    sent = _data(panels, layers, truth, values) if stack is None else stack.data()
    images: dict[str, str] = {}
    levels = sent.pop("levels", {})
    if window is None and values is not None and any(one.picture is None for one in panels):
        window = overlay.window_of(values)
    data = {
        **sent, "panels": [_panel(panel, images, levels, layers) for panel in panels],
        "images": images, "threshold": level, "pixel_mm2": pixel_mm2, "fill": fill,
        "outline": True, "aspect": aspect, "scene": scene, "truth": truth, "swipe": swipe,
        "window": window, "tools": list(tools),
        "corrections": dict(corrections or {}), "linked": linked,
    }  # fmt: skip
    if tools or any(layer.heat for layer in layers):
        data["heat"] = {"gradient": pictures.heat_gradient(), "table": pictures.heat_table()}
    try:
        _mount(
            key=key, data=data, on_threshold_change=_nothing, on_slice_change=_nothing,
            on_corrections_change=_nothing,
        )  # fmt: skip
        if stack is not None:
            bring(f"{key}.slices", scene, stack)
    except (st.errors.StreamlitAPIException, RuntimeError):
        _show_plain(panels, layers, level, values if stack is None else stack.values[stack.index])
    return level


def _nothing() -> None:
    """A state of the component is kept by Streamlit only where something listens to it."""


def _data(
    panels: Sequence[Panel],
    layers: Sequence[Layer],
    truth: str | None,
    values: FloatArray | None,
) -> dict[str, Any]:
    levels = {one.name: pictures.quantise(one.values) for one in layers if not one.heat}
    inside = None if truth is None else levels[truth] > 0
    sent = [
        _map(layer) if layer.heat else _layer(layer, levels[layer.name], inside) for layer in layers
    ]
    if values is not None:
        sent.append(
            {"id": "value", "name": "value", "kind": "value", **pictures.value_layer(values)}
        )
    shape = next(array.shape for array in (panels[0].picture, values) if array is not None)
    drawn = pictures.drawn_shape(shape)
    return {
        "layers": sent, "levels": levels, "shape": [shape[1], shape[0]],
        "drawn": [drawn[1], drawn[0]], "stack": None,
    }  # fmt: skip


def _layer(layer: Layer, levels: ByteArray, inside: BoolArray | None) -> dict[str, Any]:
    return {
        "id": layer.name,
        "name": layer.name,
        "colour": layer.colour,
        "kind": layer.kind,
        "of": layer.uncertainty_of,
        "pixels": pictures.packed(levels),
        "counts": pictures.counts(levels),
        "hits": None if inside is None else pictures.counts(levels, inside),
    }


def _map(layer: Layer) -> dict[str, Any]:
    sent = {"id": layer.name, "name": layer.name, "kind": layer.kind, "top": 255}
    return {**sent, **pictures.value_layer(layer.values)}


def slice_layer(layer: Layer, index: int) -> dict[str, Any]:
    """Return a layer that is known for one slice of a stack only, as ``Stack.extra`` takes it."""
    return {**_layer(layer, pictures.quantise(layer.values), None), "slice": index}


def _panel(
    panel: Panel, images: dict[str, str], levels: dict[str, ByteArray], layers: Sequence[Layer]
) -> dict[str, Any]:
    digest = None
    if panel.picture is not None:
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
    if against_truth:
        names = ("True positive", "False negative", "False positive")
        colours = (palette.TRUE_POSITIVE, palette.FALSE_NEGATIVE, palette.FALSE_POSITIVE)
    else:
        names = ("Both", f"Only {first}", f"Only {second}")
        colours = (palette.REFERENCE, colour_of[first], colour_of[second])
    return {
        "layers": [first, second],
        "names": names,
        "colours": colours,
        "both": pictures.counts(np.minimum(levels[first], levels[second])),
    }


def _show_plain(
    panels: Sequence[Panel],
    layers: Sequence[Layer],
    threshold: float,
    values: FloatArray | None,
) -> None:
    """Show the same pictures, still, where the component cannot be mounted."""
    by_name = {layer.name: layer for layer in layers}
    for column, panel in zip(st.columns(len(panels)), panels, strict=True):
        picture = panel.picture
        if picture is None:
            picture = pictures.grey(np.zeros((1, 1), np.float32) if values is None else values)
        for name in panel.layers:
            if (layer := by_name.get(name)) and not layer.heat:
                mask = layer.values if layer.is_mask else layer.values >= threshold
                picture = overlay.outline(picture, mask, layer.colour)
        column.image(picture, caption=panel.title, alt=panel.alt, width="stretch")
