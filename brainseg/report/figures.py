"""Plotly figures of evaluations: how the Dice is spread, and what the probabilities are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import plotly.graph_objects as go

from brainseg import calibration, palette, thresholds
from brainseg.report.frame import colours, layout, text
from brainseg.summary import dice_of
from brainseg.types import CaseScore, Evaluation

Scored = tuple[str, str, list[CaseScore]]
_GUIDE = {"color": palette.REFERENCE, "width": 1.2, "dash": "dash"}
_HEIGHT = 350


def coloured(evaluations: Sequence[Evaluation]) -> Iterator[tuple[Evaluation, str]]:
    """Yield each evaluation with the colour of its network."""
    return zip(evaluations, colours([e.model for e in evaluations]), strict=True)


def _scored(evaluations: Sequence[Evaluation]) -> Iterator[Scored]:
    """Yield name, colour and the slices that have a tumour, for each network."""
    for evaluation, colour in coloured(evaluations):
        cases = [c for c in evaluation.cases if c.truth_px and c.dice is not None]
        yield text(evaluation.model), colour, cases


def dice_by(
    evaluations: Sequence[Evaluation], group: Callable[[CaseScore], str | None], title: str
) -> go.Figure:
    """Draw the Dice of every slice with a tumour: one dot a slice, a box a network and group."""
    figure = go.Figure()
    for name, colour, cases in _scored(evaluations):
        figure.add_box(
            x=[text(group(c) or "unknown") for c in cases],
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
    layout(figure, title=title, height=_HEIGHT, y="Dice")
    figure.update_layout(boxmode="group", boxgap=0.25)
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure


def dice_histogram(evaluations: Sequence[Evaluation]) -> go.Figure:
    """Draw how many slices reached which Dice, in steps of 0.05, one outline a network."""
    figure = go.Figure()
    for name, colour, cases in _scored(evaluations):
        counts = [0] * 20
        for case in cases:
            counts[min(int(dice_of(case) * 20), 19)] += 1
        figure.add_scatter(
            x=[i / 20 for i in range(21)],
            y=[*counts, counts[-1]],
            name=name,
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hv"},
            hovertemplate="from Dice %{x:.2f}: %{y} slices",
        )
    layout(figure, title="How many slices reach which Dice", height=_HEIGHT, x="Dice", y="Slices")
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
    title = "Dice against the size of the tumour"
    layout(figure, title=title, height=_HEIGHT, x="True area in pixels (logarithmic)", y="Dice")
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure


def reliability(evaluations: Sequence[Evaluation]) -> go.Figure:
    """Draw the share of tumour among pixels near tumours against their predicted probability."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line=_GUIDE, name="as predicted", hoverinfo="skip"
    )
    for evaluation, colour in coloured(evaluations):
        bins = calibration.curve(evaluation.calibration) if evaluation.calibration else []
        figure.add_scatter(
            x=[probability for probability, _, _ in bins],
            y=[share for _, share, _ in bins],
            customdata=[pixels for _, _, pixels in bins],
            name=text(evaluation.model),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 7, "color": colour},
            hovertemplate="predicted %{x:.2f}, tumour %{y:.2f}<br>%{customdata:,} pixels",
        )
    layout(
        figure, title="Calibration near the tumours", height=_HEIGHT,
        x="Mean predicted probability", y="Share that is tumour",
    )  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02], dtick=0.2, tickformat=".1f")
    figure.update_yaxes(range=[-0.02, 1.02], dtick=0.2, tickformat=".1f")
    return figure


def threshold_dice(evaluations: Sequence[Evaluation]) -> go.Figure:
    """Draw mean Dice against the threshold; a ring marks the network's own."""
    figure = go.Figure()
    for evaluation, colour in coloured(evaluations):
        found = thresholds.curve(evaluation.thresholds) if evaluation.thresholds else None
        if found and found.dice:
            _line(figure, found.levels, found.dice, (text(evaluation.model), colour, "solid"))
            figure.add_scatter(
                x=[evaluation.threshold],
                y=[evaluation.summary.get("dice")],
                mode="markers",
                showlegend=False,
                hoverinfo="skip",
                marker={"size": 11, "symbol": "circle-open", "color": colour, "line": {"width": 2}},
            )
    return _against_threshold(figure, "Mean Dice at every threshold", "Mean Dice")


def threshold_errors(evaluations: Sequence[Evaluation]) -> go.Figure:
    """Draw the shares of missed tumours (solid) and of painted tumour-free slices (dotted)."""
    figure = go.Figure()
    for evaluation, colour in coloured(evaluations):
        found = thresholds.curve(evaluation.thresholds) if evaluation.thresholds else None
        name = text(evaluation.model)
        if found and found.misses:
            _line(figure, found.levels, found.misses, (f"{name}: missed", colour, "solid"))
        if found and found.false_alarms:
            style = (f"{name}: false alarms", colour, "dot")
            _line(figure, found.levels, found.false_alarms, style)
    title = "Misses and false alarms at every threshold"
    return _against_threshold(figure, title, "Share of slices")


def _line(
    figure: go.Figure, xs: Sequence[float], ys: Sequence[float], style: tuple[str, str, str]
) -> None:
    name, colour, dash = style
    line = {"color": colour, "width": 2.2, "dash": dash}
    figure.add_scatter(
        x=list(xs), y=list(ys), name=name, mode="lines", line=line, hovertemplate="%{y:.3f}"
    )


def _against_threshold(figure: go.Figure, title: str, y: str) -> go.Figure:
    layout(figure, title=title, height=_HEIGHT, x="Threshold", y=y)
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(range=[0, 1], dtick=0.2, tickformat=".1f", hoverformat=".3f")
    figure.update_yaxes(range=[-0.02, 1.02], dtick=0.2, tickformat=".1f")
    return figure
