"""Plotly figures of the Learn screen: scores under a shrinking mask, and early stopping."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from brainseg import palette
from ui.charts import layout
from ui.learning import Patience, Shrink


def shrinking(sweep: Sequence[Shrink], kept: float) -> go.Figure:
    """Draw Dice and accuracy while the predicted mask shrinks, and mark the share ``kept``."""
    figure = go.Figure()
    xs = [100 - s.kept * 100 for s in sweep]
    for name, values, colour in (
        ("Accuracy", [s.accuracy for s in sweep], palette.REFERENCE),
        ("Dice", [s.dice for s in sweep], palette.UNET),
    ):
        figure.add_scatter(
            x=xs,
            y=values,
            name=name,
            mode="lines",
            line={"color": colour, "width": 2.4},
            hovertemplate="%{y:.3f}",
        )
    _cursor(figure, kept)
    layout(figure, title="", height=300, x="Share of the tumour taken away (%)")
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=[0, 1.04])
    return figure.update_layout(hovermode="x unified")


def cross_entropy(sweep: Sequence[Shrink], kept: float, untrained: float) -> go.Figure:
    """Draw the cross-entropy of the same sweep below that of a network that has learnt nothing."""
    figure = go.Figure()
    figure.add_scatter(
        x=[100 - s.kept * 100 for s in sweep],
        y=[s.cross_entropy for s in sweep],
        name="Cross-entropy",
        mode="lines",
        line={"color": palette.RESUNET, "width": 2.4},
        hovertemplate="%{y:.3f}",
    )
    figure.add_hline(
        y=untrained,
        line={"color": palette.REFERENCE, "width": 1.2, "dash": "dash"},
        annotation={"text": f"probability 0.5 everywhere: {untrained:.3f}", "font": {"size": 11}},
        annotation_position="bottom right",
    )
    _cursor(figure, kept)
    layout(figure, title="", height=300, x="Share of the tumour taken away (%)")
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=[0, untrained * 1.08])
    return figure.update_layout(hovermode="x unified", showlegend=True)


def _cursor(figure: go.Figure, kept: float) -> None:
    figure.add_vline(x=100 - kept * 100, line={"color": palette.ENSEMBLE, "width": 1.4})


def early_stopping(losses: Sequence[float], found: Patience) -> go.Figure:
    """Draw a validation loss, its best epoch, and what is never trained once patience ran out."""
    figure = go.Figure()
    epochs = list(range(1, len(losses) + 1))
    line = {"color": palette.UNET, "width": 2}
    figure.add_scatter(
        x=epochs,
        y=list(losses),
        name="never trained",
        mode="lines",
        line={**line, "width": 1.2, "dash": "dot"},
        opacity=0.5,
        hovertemplate="epoch %{x}: %{y:.3f}",
    )
    done = found.stopped_at
    figure.add_scatter(
        x=epochs[:done],
        y=list(losses[:done]),
        name="validation Dice loss",
        mode="lines",
        line=line,
        hovertemplate="epoch %{x}: %{y:.3f}",
    )
    ring = {"size": 13, "symbol": "circle-open", "color": palette.RESUNET, "line": {"width": 2.4}}
    figure.add_scatter(
        x=[found.best_epoch],
        y=[losses[found.best_epoch - 1]],
        name="kept: best epoch",
        mode="markers",
        marker=ring,
        hovertemplate="epoch %{x}: %{y:.3f}",
    )
    if done < len(losses):
        figure.add_vline(x=done, line={"color": palette.FALSE_POSITIVE, "width": 1.4})
    layout(figure, title="", height=320, x="Epoch", y="Validation Dice loss")
    return figure.update_layout(hovermode="closest")
