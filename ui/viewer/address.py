"""The threshold of a viewer in the address of the page, so that a link brings it back.

Everything else of how it is looked at is written there by the viewer itself (``link.js``).
"""

from __future__ import annotations

import streamlit as st

from ui import pictures


def on_grid(threshold: float) -> float:
    """Return the step of the viewer's slider that is nearest to a threshold."""
    level = round(threshold * pictures.STEPS)
    return min(pictures.STEPS - 1, max(1, level)) / pictures.STEPS


def threshold(name: str) -> float | None:
    """Return the threshold that the parameter ``name`` asks for, None where it asks for none."""
    try:
        asked = float(st.query_params.get(name, ""))
    except ValueError:
        return None
    return on_grid(asked) if 0 < asked < 1 else None  # also refuses "nan"


def keep(name: str, threshold: float, start: float) -> None:
    """Write a moved threshold into the parameter ``name``; a link without it means ``start``."""
    text = f"{threshold:g}"
    if threshold == start:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text
