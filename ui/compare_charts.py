"""The figure of the Compare screen: Dice of one slice against the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from brainseg import palette
from brainseg.report.frame import layout, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Dice of one slice at every threshold; None where it is undefined."""

    label: str
    colour: str
    dice: tuple[float | None, ...]
    dash: str = "solid"


def threshold_sweep(
    thresholds: Sequence[float], curves: Sequence[Sweep], *, present: float
) -> go.Figure:
    """Draw Dice against the threshold, the ``present`` one marked on every curve."""
    figure = go.Figure()
    place = min(range(len(thresholds)), key=lambda i: abs(thresholds[i] - present))
    for curve in curves:
        figure.add_scatter(
            x=list(thresholds), y=list(curve.dice), name=text(curve.label), mode="lines",
            line={"color": curve.colour, "width": 2.2 if curve.dash == "solid" else 1.4,
                  "dash": curve.dash},
            hovertemplate="%{y:.3f}",
        )  # fmt: skip
        figure.add_scatter(
            x=[thresholds[place]], y=[curve.dice[place]], mode="markers", showlegend=False,
            marker={"size": 9, "color": curve.colour}, hoverinfo="skip",
        )  # fmt: skip
    figure.add_vline(x=present, line={"color": palette.REFERENCE, "width": 1.2, "dash": "dash"})
    layout(
        figure, title="Dice of this slice at every threshold", height=320, x="Threshold", y="Dice"
    )
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(range=[0, 1], tickformat=".1f", hoverformat=".3f")
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".1f")
    return figure
