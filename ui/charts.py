"""Learning curves, and how every Plotly figure is put on a screen.

Text and grid colours come from Streamlit's theme, the rest from the palette. Figures are pure
functions of records; :func:`show` draws a still one, ``live_chart.show`` one that grows.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas  # noqa: F401  # now: Plotly trips over it while another visitor's thread imports it
import plotly.graph_objects as go
import streamlit as st

from brainseg import palette
from brainseg.report.frame import colours as colours
from brainseg.report.frame import layout as layout
from brainseg.report.frame import text as text
from brainseg.types import EpochRecord

Axis = Literal["epoch", "time"]
CONFIG = {
    "displaylogo": False, "displayModeBar": False, "responsive": True, "scrollZoom": False,
    "showTips": False,
}  # fmt: skip
TITLES = {"dice": "Dice", "accuracy": "Accuracy", "loss": "Loss"}
_LEGEND = 32  # characters of a name that fit on a phone; a hover has them all


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The history of one run and how it is drawn."""

    label: str
    colour: str
    records: tuple[EpochRecord, ...]
    best_epoch: int | None = None


def show(figure: go.Figure, key: str, alt: str) -> None:
    """Draw a still ``figure``; ``alt`` says in words what it shows."""
    title = (figure.layout.meta or {}).get("title")
    if title:
        st.markdown(f"**{title}**")
    figure.update_layout(uirevision=key)
    st.plotly_chart(figure, key=key, config=CONFIG, alt=alt)


def smooth(values: Sequence[float], weight: float) -> list[float]:
    """Return the de-biased exponential mean; ``weight`` 0 returns the values unchanged."""
    total, norm, smoothed = 0.0, 0.0, []
    for value in values:
        total = weight * total + (1 - weight) * value
        norm = weight * norm + (1 - weight)
        smoothed.append(total / norm)
    return smoothed


def learning_curves(
    curves: Sequence[Curve],
    metric: str,
    *,
    axis: Axis = "epoch",
    smoothing: float = 0.0,
    log: bool = False,
) -> go.Figure:
    """Draw ``metric`` ("dice", "accuracy" or "loss") of several runs over each other.

    Validation is solid, training dotted; the best epoch carries a ring, and accuracy the line that
    an all-background mask reaches on the same validation slices. Where ``smoothing`` is above 0
    the measured values lie faint under their de-biased mean; a hover always reads the measured.
    """
    figure = go.Figure()
    scale = _time_scale(curves)
    for curve in curves:
        xs = [r.epoch if axis == "epoch" else r.elapsed / scale[0] for r in curve.records]
        _line(figure, curve, xs, metric, smoothing, part="training")
        _line(figure, curve, xs, metric, smoothing, part="validation")
        _mark_best(figure, curve, xs, metric)
    if metric == "accuracy":
        _background_line(figure, curves)
    name = "Epoch" if axis == "epoch" else f"Training time ({scale[1]})"
    layout(figure, title=TITLES[metric], height=320 if metric == "dice" else 252, x=name)
    legend = metric == "dice"  # once is enough: the other two charts use the same colours
    figure.update_layout(hovermode="x unified", showlegend=legend, margin_t=32 if legend else 20)
    figure.update_layout(legend_maxheight=4000)  # as many rows as there are, and none to scroll
    few = axis == "epoch" and max((c.records[-1].epoch for c in curves if c.records), default=0) < 9
    if axis == "epoch":  # no epoch is 0; one alone stands at the left of its axis
        figure.update_xaxes(autorangeoptions={"include": [1, 2], "clipmin": 0.9})
        figure.update_xaxes(dtick=1 if few else None)
    else:
        figure.update_xaxes(rangemode="tozero")
    if metric == "dice":
        figure.update_yaxes(range=[0, 1.03])
    elif metric == "accuracy":
        figure.update_yaxes(range=_accuracy_range(curves))
    elif log:
        figure.update_yaxes(type="log", dtick="D2", exponentformat="none")
    return figure


def _time_scale(curves: Sequence[Curve]) -> tuple[float, str]:
    longest = max((r.elapsed for c in curves for r in c.records), default=0.0)
    if longest >= 2 * 3600:
        return 3600.0, "hours"
    return (60.0, "minutes") if longest >= 120 else (1.0, "seconds")


def _accuracy_range(curves: Sequence[Curve]) -> list[float] | None:
    """Leave out of the first view the tenth of the values that would flatten all the others."""
    found = sorted(
        value for c in curves for r in c.records for value in (r.accuracy, r.val_accuracy)
    )
    if not found:
        return None
    levels = [c.records[-1].val_background_accuracy for c in curves if c.records]
    low = min(found[len(found) // 10], *levels)
    return [low - 0.08 * (1.0 - low) - 0.001, 1.001]


def _line(
    figure: go.Figure, curve: Curve, xs: list[float], metric: str, smoothing: float, *, part: str
) -> None:
    validation = part == "validation"
    measured = [getattr(r, f"val_{metric}" if validation else metric) for r in curve.records]
    smoothed = smoothing > 0 and len(measured) > 2
    line = {"color": curve.colour, "width": 2.2 if validation else 1.3}
    line["dash"] = "solid" if validation else "dot"
    shared = {"x": np.asarray(xs, np.float32), "legendgroup": curve.label}
    end = "" if validation else " · training"
    shared["meta"] = text(curve.label + end)
    figure.add_scatter(
        y=np.asarray(measured, np.float32),
        **shared,
        uid=_uid(curve, part),
        name=text(_short(curve.label) + end),
        mode="lines+markers" if len(measured) < 12 and validation else "lines",
        line=line,
        marker={"size": 5, "color": curve.colour},
        opacity=0.28 if smoothed else 1.0 if validation else 0.75,
        showlegend=validation and not smoothed,
        hovertemplate="%{y:.4f}<extra>%{meta}</extra>",
    )
    if smoothed:
        figure.add_scatter(
            y=np.asarray(smooth(measured, smoothing), np.float32),
            **shared,
            uid=_uid(curve, f"{part}-smoothed"),
            name=text(_short(curve.label) + end),
            mode="lines",
            line=line,
            opacity=1.0 if validation else 0.75,
            showlegend=validation,
            hoverinfo="skip",
        )


def _short(name: str) -> str:
    """Return a name as the legend has room for it: names of runs often differ at their ends."""
    half = _LEGEND // 2
    return name if len(name) <= _LEGEND else f"{name[:half]}…{name[1 - half :]}"


def _uid(curve: Curve, part: str) -> str:
    """Name a line, so that what is hidden stays hidden; Plotly makes a CSS class of the name."""
    return f"run-{zlib.crc32(curve.label.encode()):08x}-{part}"


def _mark_best(figure: go.Figure, curve: Curve, xs: list[float], metric: str) -> None:
    for x, record in zip(xs, curve.records, strict=True):
        if record.epoch == curve.best_epoch:
            ring = {"size": 12, "symbol": "circle-open", "color": curve.colour}
            figure.add_scatter(
                x=[x],
                y=[getattr(record, f"val_{metric}")],
                uid=_uid(curve, "best"),
                mode="markers",
                marker={**ring, "line": {"width": 2}},
                legendgroup=curve.label,
                showlegend=False,
                hoverinfo="skip",
                cliponaxis=False,
            )


def _background_line(figure: go.Figure, curves: Sequence[Curve]) -> None:
    """Draw each level once, and write all of them above the plot, where no line runs."""
    levels = sorted({round(c.records[-1].val_background_accuracy, 3) for c in curves if c.records})
    shown = [f"{level:.3f}" for level in levels]
    words = ", ".join(shown) if len(shown) < 4 else f"{shown[0]} to {shown[-1]}"
    for level in levels:
        figure.add_hline(level, line={"color": palette.REFERENCE, "width": 1.2, "dash": "dash"})
    if levels:
        figure.add_annotation(
            text=f"dashed: all background {words}", font={"size": 11}, showarrow=False,
            x=1, xref="paper", xanchor="right", y=1, yref="paper", yanchor="bottom",
        )  # fmt: skip
