"""The frame and the colours that every Plotly figure shares, on the screens and in a report."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from brainseg import palette

# Paul Tol's muted and bright schemes, those that read on white and on black: for many runs at once.
_MORE_RUNS = ("#44AA99", "#EE6677", "#999933", "#6699CC", "#AA4499", "#997700", "#EE99AA")


def text(name: str) -> str:
    """Return a name that Plotly, or a page, takes neither for markup nor for a template."""
    return html.escape(name, quote=False).replace("%{", "&#37;{")


def colours(names: Sequence[str], kept: Mapping[str, str] | None = None) -> list[str]:
    """Give each run the colour it was ``kept``, else its network's, else one not taken yet.

    What is kept is served first: laying another run over a picture changes no line in it.
    """
    held: dict[str, str] = {}
    for name in names:  # two runs may have been watched alone, in the same colour
        if kept and name in kept and kept[name] not in held.values():
            held[name] = kept[name]
    spare = [c for c in (*palette.OTHER_RUNS, *_MORE_RUNS) if c != palette.TRUTH]
    for name in names:
        free = [c for c in (palette.of_model(name), *spare) if c not in held.values()]
        held.setdefault(name, free[0] if free else palette.REFERENCE)
    return [held[name] for name in names]


def layout(figure: go.Figure, *, title: str, height: int, y: str = "", x: str = "") -> go.Figure:
    """Apply the one frame that every figure shares: small margins, legend above, no box.

    ``show`` writes the title above the figure, where a wrapping legend cannot run into it.
    """
    figure.update_layout(
        meta={"title": title},
        height=height,
        margin={"l": 8, "r": 12, "t": 32, "b": 8},
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        xaxis={"title": {"text": x}, "zeroline": False, "automargin": True},
        yaxis={"title": {"text": y}, "zeroline": False, "automargin": True},
        hoverlabel={"namelength": -1},
    )
    return figure
