"""The residual unit beside the plain one: as a drawing, and on the pixels of the chosen slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from brainseg import overlay
from brainseg.data.catalog import upright
from brainseg.types import ByteArray, FloatArray
from ui import built, cache, charts, charts_network, pictures
from ui.lessons.chosen import Chosen


def draw(chosen: Chosen) -> None:
    """Draw both units, say what the shortcut is for, and show one at work."""
    st.subheader("The one difference: the unit", anchor=False)
    left, right = st.columns(2)
    with left:
        charts.show(charts_network.unit(residual=False), "learn.plain", "Plain unit")
        st.latex(r"\text{plain: } y = F(x)")
    with right:
        charts.show(charts_network.unit(residual=True), "learn.residual", "Residual unit")
        st.latex(r"\text{residual: } y = \text{ReLU}(F(x) + W x)")
    st.markdown(
        "The shortcut carries the unit's input around both convolutions and adds it back, so the "
        "unit learns a **correction** to its input, and gradients reach the early layers "
        "undamped. The 1x1 convolution only matches the number of features."
    )
    ref = next((r for r in cache.networks() if r.name == "resunet" and r.kind == "shipped"), None)
    if ref is not None:
        _at_work(chosen, built.activations(ref, chosen.root, chosen.sample.number))


def _at_work(chosen: Chosen, seen: Mapping[str, Any]) -> None:
    sums = {name: found for name, found in seen.items() if found.added is not None}
    if not sums:
        return
    st.markdown("**A residual unit at work** on your slice, in the shipped ResUNet")
    name = str(st.selectbox("Block of ResUNet", list(sums), key="learn.unit", width=220))
    found = sums[name]
    convolutions, shortcut = found.added[0][0], found.added[1][0]
    most = max(float(np.abs(found.added[:, 0]).max()), float(found.maps[0].max())) or 1.0
    grid = st.grid(3, min_column_width=160, gap="small")
    for title, values in (
        ("F(x): both convolutions", convolutions),
        ("Wx: the shortcut", shortcut),
        ("ReLU of their sum", found.maps[0]),
    ):
        with grid.cell():
            st.image(_signed(chosen, values / most), width="stretch", alt=f"{title} of {name}")
            low, high = float(values.min()), float(values.max())
            st.caption(f"**{title}**. {low:.3g} to {high:.3g}, mean size {_size(values):.3g}")
    st.caption(
        f"Channel {found.channels[0]}, its strongest. Black: {-most:.3g}, middle grey: 0, white: "
        f"{most:.3g}. Of the two summands the shortcut makes up "
        f"{_size(shortcut) / ((_size(shortcut) + _size(convolutions)) or 1.0):.0%} by mean size."
    )


def _size(values: FloatArray) -> float:
    return float(np.abs(values).mean())


def _signed(chosen: Chosen, values: FloatArray) -> ByteArray:
    turned = upright(np.ascontiguousarray(values), chosen.catalog)
    return pictures.enlarged(overlay.grey(turned, -1.0, 1.0))
