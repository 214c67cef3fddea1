"""Plotly figures of an evaluation: how the Dice of single slices is distributed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from brainseg.types import CaseScore, Evaluation
from ui.charts import colours, layout

Scored = tuple[str, str, list[CaseScore]]


def _scored(evaluations: Sequence[Evaluation]) -> Iterator[Scored]:
    """Yield name, colour and the slices that have a tumour, for each network."""
    names = [e.model for e in evaluations]
    for evaluation, colour in zip(evaluations, colours(names), strict=True):
        cases = [c for c in evaluation.cases if c.truth_px and c.dice is not None]
        yield evaluation.model, colour, cases


def dice_by_tumour(evaluations: Sequence[Evaluation]) -> go.Figure:
    """Draw the Dice of every slice with a tumour: one dot a slice, a box a network and kind."""
    figure = go.Figure()
    for name, colour, cases in _scored(evaluations):
        figure.add_box(
            x=[c.tumour or "unknown kind" for c in cases],
            y=[c.dice for c in cases],
            customdata=[[c.number, c.truth_px] for c in cases],
            name=name,
            boxpoints="all",
            jitter=0.6,
            pointpos=0,
            line={"color": colour, "width": 1.4},
            fillcolor="rgba(0,0,0,0)",
            marker={"size": 3.5, "opacity": 0.5, "color": colour},
            hovertemplate="slice %{customdata[0]}<br>Dice %{y:.3f}<br>%{customdata[1]} px",
        )
    layout(figure, title="Dice of every slice, by kind of tumour", height=350, y="Dice")
    figure.update_layout(boxmode="group", boxgap=0.25)
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure


def dice_histogram(evaluations: Sequence[Evaluation]) -> go.Figure:
    """Draw how many slices reached which Dice, in steps of 0.05, one outline a network."""
    figure = go.Figure()
    for name, colour, cases in _scored(evaluations):
        counts = [0] * 20
        for case in cases:
            counts[min(int((case.dice or 0.0) * 20), 19)] += 1
        figure.add_scatter(
            x=[i / 20 for i in range(21)],
            y=[*counts, counts[-1]],
            name=name,
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hv"},
            hovertemplate="from Dice %{x:.2f}: %{y} slices",
        )
    layout(figure, title="How many slices reach which Dice", height=350, x="Dice", y="Slices")
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(rangemode="tozero")
    return figure


def dice_by_size(evaluations: Sequence[Evaluation]) -> go.Figure:
    """Draw Dice against the true tumour's area (logarithmic): small tumours are where it falls."""
    figure = go.Figure()
    for name, colour, cases in _scored(evaluations):
        figure.add_scatter(
            x=[c.truth_px for c in cases],
            y=[c.dice for c in cases],
            customdata=[c.number for c in cases],
            name=name,
            mode="markers",
            marker={"size": 5, "opacity": 0.55, "color": colour},
            hovertemplate="slice %{customdata}<br>Dice %{y:.3f}<br>%{x} px",
        )
    layout(
        figure,
        title="Dice against the size of the tumour",
        height=350,
        x="True area in pixels (logarithmic)",
        y="Dice",
    )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure
