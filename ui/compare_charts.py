"""Plotly figures of the Compare screen: Dice against the threshold, and every slice at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from brainseg import palette
from brainseg.types import TUMOURS
from ui.charts import layout

SYMBOLS = {"meningioma": "circle", "glioma": "diamond", "pituitary": "triangle-up"}
_EDGE = 0.045  # room below 0, so that a miss lies whole on its axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Dice of one slice at every threshold; None where it is undefined."""

    label: str
    colour: str
    dice: tuple[float | None, ...]
    dash: str = "solid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One slice with a tumour: its Dice under both networks."""

    number: int
    tumour: str | None
    patient: str | None
    first: float
    second: float


def threshold_sweep(
    thresholds: Sequence[float], curves: Sequence[Sweep], *, present: float
) -> go.Figure:
    """Draw Dice against the threshold, the ``present`` one marked on every curve."""
    figure = go.Figure()
    place = min(range(len(thresholds)), key=lambda i: abs(thresholds[i] - present))
    for curve in curves:
        figure.add_scatter(
            x=list(thresholds), y=list(curve.dice), name=curve.label, mode="lines",
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


def every_slice(
    points: Sequence[Point], names: tuple[str, str], *, present: int | None = None
) -> go.Figure:
    """Draw the Dice of every slice under one network against that under the other.

    A kind of tumour has a colour and a shape; a slice on an axis was missed by that network; on
    the diagonal both are as good. ``present`` is the number of the slice that carries the ring.
    """
    figure = go.Figure()
    line = {"color": palette.REFERENCE, "width": 1, "dash": "dash"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, showlegend=False,
                       hoverinfo="skip")  # fmt: skip
    for kind in (*TUMOURS, None):
        chosen = [point for point in points if point.tumour == kind]
        if chosen:
            _kind(figure, kind, chosen, names)
    ring = [point for point in points if point.number == present]
    figure.add_scatter(
        x=[p.first for p in ring], y=[p.second for p in ring], customdata=[p.number for p in ring],
        mode="markers", name="This slice", showlegend=False, hoverinfo="skip",
        marker={"size": 17, "symbol": "circle-open", "color": palette.REFERENCE,
                "line": {"width": 2.5}},
    )  # fmt: skip
    layout(figure, title="Every slice, one dot each", height=440,
           x=f"Dice of {names[0]}", y=f"Dice of {names[1]}")  # fmt: skip
    figure.update_layout(clickmode="event+select", dragmode=False, hovermode="closest")
    zero = {"zeroline": True, "zerolinecolor": palette.REFERENCE, "zerolinewidth": 1}
    figure.update_xaxes(range=[-_EDGE, 1 + _EDGE], dtick=0.2, tickformat=".1f", **zero)
    figure.update_yaxes(range=[-_EDGE, 1 + _EDGE], dtick=0.2, tickformat=".1f", **zero)
    return figure


def _kind(
    figure: go.Figure, kind: str | None, points: Sequence[Point], names: tuple[str, str]
) -> None:
    marker = {
        "size": 8, "opacity": 0.8, "color": palette.TUMOUR.get(kind or "", palette.REFERENCE),
        "symbol": SYMBOLS.get(kind or "", "square"),
    }  # fmt: skip
    figure.add_scatter(
        x=[p.first for p in points], y=[p.second for p in points],
        customdata=[[p.number, p.patient or "unknown"] for p in points],
        mode="markers", name=kind or "kind unknown", marker=marker,
        selected={"marker": {"opacity": 0.8}}, unselected={"marker": {"opacity": 0.8}},
        hovertemplate="slice %{customdata[0]}, patient %{customdata[1]}"
        f"<br>{names[0]} %{{x:.3f}}<br>{names[1]} %{{y:.3f}}<extra></extra>",
    )  # fmt: skip
