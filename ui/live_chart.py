"""A Plotly figure that is changed in place.

``st.plotly_chart`` builds a chart anew whenever a point is added (its identity includes the
figure), which flickers and loses the zoom. This components-v2 component hands the figure to
``Plotly.react`` instead. Plotly is the copy inside the installed package, sent once a page.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from plotly.offline import get_plotlyjs

from ui import charts

CONFIG = {**charts.CONFIG, "responsive": False}  # the script beside this file resizes it


@st.cache_resource(show_spinner=False)
def _plotly() -> str:
    return get_plotlyjs() + "\nexport default function () {}\n"


_chart = st.components.v2.component(
    "brainseg_live_chart",
    html='<div class="live-chart" role="img"></div>',
    css=".live-chart { width: 100%; color: var(--st-text-color); transition: color 1ms; }",
    js=(Path(__file__).parent / "live_chart.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # Plotly's own style sheet is the document's
)


def prepare() -> None:
    """Send Plotly to the browser: once a page, outside of everything that is polled."""
    plotly = st.components.v2.component("brainseg_plotly", js=_plotly(), isolate_styles=False)
    plotly(key="live_chart.plotly", height=1)


def plain(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as the browser gets it: no template, and lines that keep their names."""
    sent: dict[str, Any] = json.loads(figure.to_json(remove_uids=False))
    sent["layout"].pop("template", None)
    return sent


def show(figure: dict[str, Any], key: str, alt: str, *, of: Sequence[str]) -> None:
    """Draw a :func:`plain` figure, or turn the one drawn before under ``key`` into it.

    ``alt`` says in words what it shows. The figure grows by the rows of its legend, so that the
    plot keeps its height. A zoom lasts as long as the axes mean the same and ``of``
    names the same things; what is hidden stays hidden.
    """
    layout = {**figure["layout"], "uirevision": key}
    across, up = layout["xaxis"], layout["yaxis"]
    view = json.dumps([*of, across.get("title"), up.get("type")])
    layout |= {"xaxis": {**across, "uirevision": view}, "yaxis": {**up, "uirevision": view}}
    told = {**figure, "layout": layout, "config": CONFIG, "alt": alt}
    _chart(key=key, data=told)
