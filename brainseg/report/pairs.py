"""Two networks slice by slice: the scatter of all slices, and how far apart they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from brainseg import palette
from brainseg.report.frame import layout, text
from brainseg.types import TUMOURS, CaseScore, Evaluation

SYMBOLS = {"meningioma": "circle", "glioma": "diamond", "pituitary": "triangle-up"}
_EDGE = 0.045  # room below 0, so that a miss lies whole on its axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One slice with a tumour: its Dice under both networks."""

    number: int
    tumour: str | None
    patient: str | None
    first: float
    second: float


def worth(case: CaseScore) -> float:
    """Return the Dice; a tumour-free slice that was left alone counts as right."""
    return 1.0 if case.dice is None else case.dice


def points(first: Evaluation, second: Evaluation) -> list[Point]:
    """Return every slice with a tumour that both were scored on, with its Dice under both."""
    other = {case.number: case for case in second.cases}
    return [
        Point(
            number=a.number, tumour=a.tumour, patient=a.patient, first=worth(a),
            second=worth(other[a.number]),
        )
        for a in first.cases
        if a.truth_px and a.number in other
    ]  # fmt: skip


def told(first: Evaluation, second: Evaluation, names: tuple[str, str]) -> str:
    """Say in words what the scatter shows: who is ahead where, and what was missed."""
    shown = points(first, second)
    ahead = sum(p.first > p.second for p in shown), sum(p.second > p.first for p in shown)
    misses = sum(p.first == 0 for p in shown), sum(p.second == 0 for p in shown)
    both = sum(p.first == p.second == 0 for p in shown)
    free = len(first.cases) - len(shown)
    words = (
        f"{names[0]} is ahead on {ahead[0]:,} of {len(shown):,} slices, {names[1]} on "
        f"{ahead[1]:,}. Missed altogether, on an axis: {misses[0]:,} by {names[0]}, "
        f"{misses[1]:,} by {names[1]}, {both:,} by both."
    )
    return words + (f" {free:,} tumour-free slices have no Dice and no dot." if free else "")


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
           x=f"Dice of {text(names[0])}", y=f"Dice of {text(names[1])}")  # fmt: skip
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
        customdata=[[p.number, text(p.patient or "unknown")] for p in points],
        mode="markers", name=kind or "kind unknown", marker=marker,
        selected={"marker": {"opacity": 0.8}}, unselected={"marker": {"opacity": 0.8}},
        hovertemplate="slice %{customdata[0]}, patient %{customdata[1]}"
        f"<br>{text(names[0])} %{{x:.3f}}<br>{text(names[1])} %{{y:.3f}}<extra></extra>",
    )  # fmt: skip
