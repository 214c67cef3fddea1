"""A picture in which a pixel can be clicked: a components-v2 component, nothing from a network."""

from __future__ import annotations

import base64
from collections.abc import Callable

import streamlit as st

_HTML = '<img class="pick" draggable="false">'
_CSS = ".pick { display: block; width: 100%; cursor: crosshair; border-radius: 4px; }"
_JS = """
export default function ({ parentElement, data, setTriggerValue }) {
  const image = parentElement.querySelector(".pick");
  image.src = data.source;
  image.alt = data.alt;
  image.onclick = (event) => {
    const box = image.getBoundingClientRect();
    const place = (at, start, size, count) =>
      Math.min(count - 1, Math.max(0, Math.floor(((at - start) / size) * count)));
    setTriggerValue("pixel", [
      place(event.clientY, box.top, box.height, data.rows),
      place(event.clientX, box.left, box.width, data.columns),
    ]);
  };
}
"""
_mount = st.components.v2.component("brainseg_pick", html=_HTML, css=_CSS, js=_JS)


def show(
    key: str, png: bytes, shape: tuple[int, int], alt: str, chosen: Callable[[int, int], None]
) -> None:
    """Show a picture of ``shape`` (H, W); ``chosen`` is called with the (row, column) clicked."""

    def clicked() -> None:
        pixel = (st.session_state.get(key) or {}).get("pixel")
        if pixel:
            chosen(int(pixel[0]), int(pixel[1]))

    source = "data:image/png;base64," + base64.b64encode(png).decode()
    data = {"source": source, "alt": alt, "rows": shape[0], "columns": shape[1]}
    try:
        _mount(key=key, data=data, on_pixel_change=clicked)
    except (st.errors.StreamlitAPIException, RuntimeError):  # the component cannot be mounted here
        st.image(png, width="stretch", alt=alt)
