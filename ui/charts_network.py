"""Drawings of the networks: the U of a built network, and the unit that tells the two apart."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import plotly.graph_objects as go

from brainseg import palette
from ui.charts import layout

_FACE = 0.62  # width of a block that is drawn as a picture
_PLAIN = ("3x3 conv", "batch norm", "ReLU", "3x3 conv", "batch norm", "ReLU")
_RESIDUAL = ("3x3 conv", "batch norm", "ReLU", "3x3 conv", "batch norm", "add", "ReLU")


@dataclass(frozen=True, slots=True)
class _Stage:
    """One block of the U: where it is drawn and what it makes."""

    name: str
    x: float
    y: float
    width: float
    shape: tuple[int, int, int]
    parameters: int
    field_px: int
    detail: str


def architecture(
    layers: Sequence[dict[str, Any]], name: str, faces: Mapping[str, str] | None = None
) -> go.Figure:
    """Draw a built network as its U: blocks with output shape and parameter count, and skips.

    ``layers`` are the records of ``python -m brainseg architecture --json``. Pointing at a block
    says its shape, parameters and receptive field, and lists its layers; clicking selects it.

    Args:
        layers: of the network.
        name: of the network, for its colour.
        faces: by block, the picture that is drawn in its place, as a data URI; a block without one
            is a bar as wide as it has features.
    """
    stages = _stages(layers)
    if faces:
        stages = {key: replace(stage, width=_FACE) for key, stage in stages.items()}
    depth = sum(key.startswith("encoder") for key in stages)
    figure = go.Figure()
    for level in range(1, depth + 1):
        left, right = stages[f"encoder{level}"], stages[f"decoder{level}"]
        skip = [(left.x + left.width / 2, left.y), (right.x - right.width / 2 - 0.03, right.y)]
        _pipe(figure, skip, dash="dot")
    for before, after in itertools.pairwise(stages.values()):
        _pipe(figure, _way(before, after, rim=0.4 if faces else 0.27))
    _blocks(figure, list(stages.values()), palette.of_model(name), faces or {})
    layout(figure, title="", height=90 * (depth + 2))
    figure.update_xaxes(visible=False, range=[-2.25, 2.25], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-depth - 0.7, 1.4], fixedrange=True)
    return figure.update_layout(showlegend=False, margin={"t": 8}, dragmode=False)


def _stages(layers: Sequence[dict[str, Any]]) -> dict[str, _Stage]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for layer in layers:
        grouped.setdefault(str(layer["name"]).split("_")[0], []).append(layer)
    depth = sum(name.startswith("encoder") for name in grouped)
    return {name: _stage(name, members, depth) for name, members in grouped.items()}


def _stage(name: str, members: list[dict[str, Any]], depth: int) -> _Stage:
    places = {"scan": (-1.0, 1.0), "bottleneck": (0.0, -float(depth)), "logits": (1.0, 1.0)}
    side = -1.0 if name.startswith("encoder") else 1.0
    level = int(name.lstrip("encodr")) - 1 if name not in places else 0
    x, y = places.get(name, (side, -float(level)))
    output = [m for m in members if not str(m["name"]).endswith("_pool")][-1]
    height, width, features = [int(n) for n in output["shape"] if n is not None][-3:]
    lines = [f"{m['name']}: {m['kind']}, {int(m['parameters']):,}" for m in members]
    return _Stage(
        name=name,
        x=x,
        y=y,
        width=0.12 + 0.045 * features.bit_length(),
        shape=(height, width, features),
        parameters=sum(int(m["parameters"]) for m in members),
        field_px=int(output.get("receptive_field", 0)),
        detail="<br>".join(lines),
    )


def _way(start: _Stage, end: _Stage, *, rim: float) -> list[tuple[float, float]]:
    """Return the corners of the arrow between two blocks: down, up, or round the bottom."""
    if start.x == end.x:
        sign = 1 if end.y > start.y else -1
        return [(start.x, start.y + sign * rim), (end.x, end.y - sign * rim)]
    if end.x == 0:
        return [(start.x, start.y - rim), (start.x, end.y), (end.x - end.width / 2 - 0.03, end.y)]
    return [(start.x + start.width / 2, start.y), (end.x, start.y), (end.x, end.y - rim)]


def _blocks(figure: go.Figure, stages: list[_Stage], colour: str, faces: Mapping[str, str]) -> None:
    for stage in stages:
        if stage.name in faces:
            _face(figure, stage, faces[stage.name])
        else:
            _rectangle(figure, stage.x, stage.y, stage.width / 2, 0.22, colour, opacity=1)
        _named(figure, stage, below=0.4 if faces else 0.25)
    figure.add_scatter(
        x=[s.x for s in stages],
        y=[s.y for s in stages],
        mode="markers",
        marker={"symbol": "square", "size": 60 if faces else 34, "opacity": 0},
        customdata=[[s.name, s.detail, _facts(s)] for s in stages],
        hovertemplate="<b>%{customdata[0]}</b>, %{customdata[2]}<br>"
        "%{customdata[1]}<extra></extra>",
    )


def _face(figure: go.Figure, stage: _Stage, picture: str) -> None:
    figure.add_layout_image(
        source=picture, x=stage.x, y=stage.y, sizex=stage.width, sizey=0.74, xref="x", yref="y",
        xanchor="center", yanchor="middle", sizing="contain", layer="above",
    )  # fmt: skip


def _named(figure: go.Figure, stage: _Stage, *, below: float) -> None:
    """Write what a block makes beside it; an annotation, for a click fades the text of a trace."""
    anchors = {-1.0: "right", 0.0: "center", 1.0: "left"}
    figure.add_annotation(
        x=stage.x + stage.x * (stage.width / 2 + 0.03), y=stage.y - (below if not stage.x else 0),
        text=_label(stage), showarrow=False, font={"size": 11}, align=anchors[stage.x],
        xanchor=anchors[stage.x], yanchor="top" if not stage.x else "middle",
    )  # fmt: skip


def _facts(stage: _Stage) -> str:
    height, width, features = stage.shape
    sees = f", sees {stage.field_px} px across" if stage.field_px else ""
    return f"{height} x {width} x {features}, {stage.parameters:,} parameters{sees}"


def _label(stage: _Stage) -> str:
    height, width, features = stage.shape
    size = f"{height}²" if height == width else f"{height} x {width}"
    if stage.name == "scan":
        return f"scan<br>{size}, {features} ch"
    if stage.name == "logits":
        return f"mask<br>{size}, {features} ch"
    return f"{size}, {features} ch<br>{_short(stage.parameters)}"


def _short(count: int) -> str:
    if count >= 1_000_000:
        return f"{count / 1e6:.2f} M"
    return f"{count / 1e3:.1f} k" if count >= 1000 else str(count)


def unit(*, residual: bool) -> go.Figure:
    """Draw the unit of UNet (two convolutions) or of ResUNet (the same with a shortcut)."""
    figure = go.Figure()
    names = _RESIDUAL if residual else _PLAIN
    colour = palette.RESUNET if residual else palette.UNET
    top = len(_RESIDUAL)
    ys = [float(top - 1 - i) for i in range(len(names))]
    if not residual:
        ys[-1] = 0.0
    for before, after in itertools.pairwise([float(top), *ys, -1.0]):
        _pipe(figure, [(0.0, before - 0.3), (0.0, after + 0.34)])
    for text, y in zip(names, ys, strict=True):
        _box(figure, 0, y, text, colour)
    if residual:
        turn = top - 0.5
        _pipe(figure, [(0.0, turn), (2.2, turn), (2.2, 4.34)])
        _pipe(figure, [(2.2, 3.7), (2.2, 3.34)])
        _pipe(figure, [(2.2, 2.7), (2.2, 1.0), (0.86, 1.0)])
        _box(figure, 2.2, 4, "1x1 conv", colour)
        _box(figure, 2.2, 3, "batch norm", colour)
    title = "ResUNet: residual unit" if residual else "UNet: plain unit"
    layout(figure, title=title, height=380)
    figure.update_xaxes(visible=False, range=[-1.3, 3.5], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-0.9, top], fixedrange=True)
    return figure.update_layout(showlegend=False, margin={"t": 8})


def _box(figure: go.Figure, x: float, y: float, text: str, colour: str) -> None:
    _rectangle(figure, x, y, 0.82, 0.3, colour, opacity=0.28)
    figure.add_annotation(x=x, y=y, text=text, showarrow=False, font={"size": 12})


def _rectangle(
    figure: go.Figure, x: float, y: float, half: float, rise: float, colour: str, *, opacity: float
) -> None:
    figure.add_shape(
        type="rect",
        x0=x - half,
        x1=x + half,
        y0=y - rise,
        y1=y + rise,
        line={"color": colour, "width": 1},
        fillcolor=colour,
        opacity=opacity,
    )


def _pipe(figure: go.Figure, points: list[tuple[float, float]], *, dash: str = "solid") -> None:
    figure.add_scatter(
        x=[p[0] for p in points],
        y=[p[1] for p in points],
        mode="lines+markers",
        line={"color": palette.REFERENCE, "width": 1.3, "dash": dash},
        marker={
            "symbol": "arrow",
            "angleref": "previous",
            "size": [0] * (len(points) - 1) + [8],
            "color": palette.REFERENCE,
        },
        unselected={"marker": {"opacity": 1}},
        hoverinfo="skip",
    )
