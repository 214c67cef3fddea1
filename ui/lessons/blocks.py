"""Lesson: UNet and ResUNet as they were built, and what their blocks answer to the slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from brainseg import networks, overlay, palette
from brainseg.data.catalog import upright
from brainseg.networks import NetworkRef
from brainseg.types import ByteArray, FloatArray
from ui import built, cache, cases, charts, charts_network, frame, pictures
from ui.lessons import units
from ui.lessons.chosen import Chosen

BLOCK = "learn.block"
FACE_PX = 96


def draw(chosen: Chosen) -> None:
    """Draw a network as its U of real activations, one block closer, and the residual unit."""
    st.markdown(
        "Both networks share one skeleton: an **encoder** that halves the picture and doubles "
        "the features, a **bottleneck**, and a **decoder** that comes back up and takes the fine "
        "detail from the encoder through **skips** (dotted). Point at a block for its layers."
    )
    name = st.segmented_control(
        "Network", networks.ARCHITECTURES, default="unet", required=True, key="learn.model",
        bind="query-params", format_func=networks.LABELS.__getitem__,
    )  # fmt: skip
    model = str(name or "unet")
    ref = next((r for r in cache.networks() if r.name == model and r.kind == "shipped"), None)
    design = built.design_of(ref) if ref else built.Design(model=model)
    layers = _layers(design)
    total = sum(int(layer["parameters"]) for layer in layers)
    st.caption(
        f"Read from the built network: input {design.size} x {design.size}, {design.base} features "
        f"at the first level, {total:,} parameters. Beside each block: side² and channels (ch) of "
        "its output, and its parameters."
    )
    if ref is None:
        figure = charts_network.architecture(layers, model)
        charts.show(figure, f"learn.architecture.{model}", f"The U of {networks.LABELS[model]}")
        st.caption("No trained network is here, so there is nothing that its blocks answered.")
    else:
        _live(chosen, ref, layers)
    units.draw(chosen)


def _layers(design: built.Design) -> list[dict[str, Any]]:
    if built.is_kept(design):
        return built.layers(design)
    label = networks.LABELS[design.model]
    with st.spinner(f"Building {label} once in a process of its own (about 10 s)"):
        return built.layers(design)


def _live(chosen: Chosen, ref: NetworkRef, layers: list[dict[str, Any]]) -> None:
    """Draw the U of activations, and beside it the block that is chosen."""
    seen = built.activations(ref, chosen.root, chosen.sample.number)
    if st.session_state.get(BLOCK) not in seen:
        st.session_state[BLOCK] = "bottleneck"
    block = str(st.session_state[BLOCK])
    faces = {name: _face(chosen, found.maps[0] / (found.high or 1.0), name == block, ref)
             for name, found in seen.items()}  # fmt: skip
    case = cases.of_sample(chosen.catalog, chosen.sample, [ref])
    faces["scan"] = pictures.framed(_small(chosen.grey), palette.REFERENCE)
    answer = overlay.heat(case.predictions[ref.label].probability)
    faces["logits"] = pictures.framed(_small(answer), palette.REFERENCE)
    figure = charts_network.architecture(layers, ref.name, faces)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _drawn(figure, ref)
        st.caption(
            "In each block its channel with the highest mean, black: 0, white: the highest value "
            "of the block. At the ends: the scan, and the probability of tumour, white: 1. "
            "Click a block to see more of it."
        )
    with right:
        _closer(chosen, ref, layers)


def _drawn(figure: Any, ref: NetworkRef) -> None:
    key = f"learn.architecture.{ref.name}"
    figure.update_layout(uirevision=key)
    st.plotly_chart(
        figure, key=key, config=charts.CONFIG, alt=f"The U of {ref.label}, each block with what it "
        "answers to the slice", on_select=lambda: _take(key), selection_mode="points",
    )  # fmt: skip


def _take(key: str) -> None:
    points = st.session_state[key].selection.points
    if points and points[0].get("customdata"):
        st.session_state[BLOCK] = points[0]["customdata"][0]


def _small(picture: ByteArray) -> ByteArray:
    step = max(1, max(picture.shape[:2]) // FACE_PX)
    return picture[::step, ::step]


def _face(chosen: Chosen, values: FloatArray, marked: bool, ref: NetworkRef) -> str:
    picture = pictures.enlarged(_small(heat_of(chosen, values)), FACE_PX)
    colour = palette.TRUTH if marked else palette.of_model(ref.name)
    return pictures.framed(picture, colour, border=6 if marked else 3)


def heat_of(chosen: Chosen, values: FloatArray) -> ByteArray:
    """Return values 0..1 of a network's own square as an upright heat map."""
    return overlay.heat(upright(np.ascontiguousarray(values), chosen.catalog))


def _closer(chosen: Chosen, ref: NetworkRef, layers: list[dict[str, Any]]) -> None:
    seen = built.activations(ref, chosen.root, chosen.sample.number)
    block = str(st.selectbox("Block", list(seen), key=BLOCK, width=220))
    found, own = seen[block], [layer for layer in layers if layer["part"] == block]
    height, width, features = found.shape
    parameters = sum(int(layer["parameters"]) for layer in own)
    field = max(int(layer["receptive_field"]) for layer in own if layer["kind"] == "ReLU")
    side = int(layers[0]["shape"][0])
    st.markdown(
        f"**{height} x {width}**, {features} channels, {parameters:,} parameters. One of its "
        f"values depends on a square of **{field} px** of the input"
        + (f", more than its {side} px." if field > side else f", which has {side} px.")
    )
    grid = st.grid(4, min_column_width=80, gap="xsmall")
    for channel, values in zip(found.channels, found.maps, strict=True):
        with grid.cell():
            picture = pictures.enlarged(heat_of(chosen, values / (found.high or 1.0)), 128)
            st.image(picture, width="stretch", alt=f"Channel {channel} of {block}")
            st.caption(f"{channel}: {values.mean():.2g}")
    silent = f"{found.silent:,} of {features:,} channels are 0 everywhere."
    st.caption(
        f"The {len(found.channels)} channels with the highest mean (number: mean), after the "
        f"block's last ReLU. One scale for all: black 0, white {found.high:.3g}. {silent}"
    )
    if block == "bottleneck":
        frame.link("saliency", "Where the deepest layer looked", icon=":material/flare:")
