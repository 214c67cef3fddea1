"""Plotly figures of groups of slices: mean Dice with its interval, and patient by patient."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from brainseg.report.frame import colours, layout, text
from brainseg.types import Summary

Groups = Mapping[str, Mapping[str, Summary]]  # network -> group -> summary


def mean_dice(groups: Groups, title: str, *, zoomed: bool = False) -> go.Figure:
    """Draw one dot a group and network, with the 95 % interval where there is one.

    The axis runs from 0 to 1; ``zoomed`` fits it to what is drawn.
    """
    figure = go.Figure()
    for (network, found), colour in zip(groups.items(), colours(list(groups)), strict=True):
        known = {name: s for name, s in found.items() if s.get("dice") is not None}
        figure.add_scatter(
            x=[text(name) for name in known],
            y=[s["dice"] for s in known.values()],
            customdata=[s["tumour_slices"] for s in known.values()],
            error_y={
                "type": "data", "symmetric": False, "thickness": 1.6, "width": 5,
                "array": [_reach(s, "dice_high") for s in known.values()],
                "arrayminus": [_reach(s, "dice_low") for s in known.values()],
            },
            name=text(network), mode="markers", marker={"size": 9, "color": colour},
            hovertemplate="%{x}: %{y:.3f}<br>%{customdata:,} slices",
        )  # fmt: skip
    layout(figure, title=title, height=320, y="Mean Dice")
    figure.update_layout(scattermode="group", scattergap=0.75)
    figure.update_xaxes(type="category")
    if not zoomed:
        figure.update_yaxes(range=[-0.03, 1.03])
    return figure


def _reach(summary: Summary, end: str) -> float:
    value, dice = summary.get(end), summary["dice"]
    return 0.0 if value is None or dice is None else abs(value - dice)


def patients(groups: Groups) -> go.Figure:
    """Draw the mean Dice of every patient, in the order of the first network's."""
    figure = go.Figure()
    first = next(iter(groups.values()), {})
    order = {name: place for place, name in enumerate(first, start=1)}
    for (network, found), colour in zip(groups.items(), colours(list(groups)), strict=True):
        known = [(n, s) for n, s in found.items() if n in order and s["dice"] is not None]
        figure.add_scatter(
            x=[order[name] for name, _ in known],
            y=[s["dice"] for _, s in known],
            customdata=[[text(name), s["tumour_slices"]] for name, s in known],
            name=text(network), mode="markers", marker={"size": 6, "opacity": 0.8, "color": colour},
            hovertemplate="patient %{customdata[0]}: %{y:.3f}<br>%{customdata[1]} slices",
        )  # fmt: skip
    name = text(next(iter(groups), ""))
    layout(
        figure, title="Mean Dice of every patient", height=320, y="Mean Dice of the patient",
        x=f"Patients, from the lowest mean Dice of {name} to the highest",
    )  # fmt: skip
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure
