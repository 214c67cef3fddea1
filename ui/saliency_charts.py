"""Plotly figures of the Saliency screen: deletion, insertion, and the randomisation check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from brainseg import palette
from brainseg.saliency_measures import LIMIT, Removal, SanityCheck
from ui.charts import layout, text

NAMES = {"deletion": "Deletion", "insertion": "Insertion"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Removed:
    """The curves of one network's map, and those of pixels in random order."""

    label: str
    colour: str
    curves: Removal
    chance: Removal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """The randomisation check of one network's map."""

    label: str
    colour: str
    check: SanityCheck


def removal(found: Sequence[Removed], part: Literal["deletion", "insertion"]) -> go.Figure:
    """Draw the probability of the target's pixels against the share of pixels gone or come."""
    figure = go.Figure()
    for one in found:
        for curves, name, dash in (
            (one.curves, one.label, "solid"), (one.chance, f"{one.label}, random order", "dot"),
        ):  # fmt: skip
            area = curves.areas[0 if part == "deletion" else 1]
            figure.add_scatter(
                x=curves.shares.tolist(), y=getattr(curves, part).tolist(), mode="lines",
                name=text(f"{name} (area {area:.2f})"),
                line={"color": one.colour, "width": 2.2 if dash == "solid" else 1.3, "dash": dash},
                hovertemplate="%{y:.3f}",
            )  # fmt: skip
    done = "deleted" if part == "deletion" else "inserted"
    layout(
        figure, title=NAMES[part], height=340, x=f"Share of pixels {done}, most salient first",
        y="Mean probability of the target",
    )  # fmt: skip
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".1f")
    return figure


def sanity(found: Sequence[Checked]) -> go.Figure:
    """Draw how alike the map stays while the network becomes random, layer by layer."""
    figure = go.Figure()
    for one in found:
        stages = one.check.stages
        figure.add_scatter(
            x=["trained", *(stage.layer for stage in stages[1:])],
            y=[stage.rank_correlation for stage in stages], mode="lines+markers",
            name=text(one.label), line={"color": one.colour, "width": 2.2}, marker={"size": 6},
            customdata=[stage.overlap for stage in stages],
            hovertemplate="%{y:.3f}, %{customdata:.0%} of the brightest tenth in common",
        )  # fmt: skip
    figure.add_hline(
        y=LIMIT, line={"color": palette.REFERENCE, "width": 1.2, "dash": "dash"},
        annotation={"text": f"fails above {LIMIT:g} at the end", "font": {"size": 11}},
        annotation_position="top right",
    )  # fmt: skip
    layout(
        figure, title="Randomisation", height=340, x="Random from the output down to this layer",
        y="Rank correlation with the map",
    )  # fmt: skip
    figure.update_layout(hovermode="x unified")
    figure.update_yaxes(range=[-1.02, 1.05] if _negative(found) else [-0.1, 1.05])
    return figure


def _negative(found: Sequence[Checked]) -> bool:
    return any(stage.rank_correlation < -0.1 for one in found for stage in one.check.stages)
