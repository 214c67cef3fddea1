"""The Statistics view of the Dataset screen: what the chosen slices look like in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from brainseg import palette
from brainseg.data import describe
from brainseg.data.catalog import Catalog
from brainseg.data.describe import SIZE_EDGES, Position
from brainseg.data.survey import LEVELS
from ui import cache, charts, dataset_facets, frame, pictures
from ui.dataset_rows import Row

_HEIGHT = 280


def show(catalog: Catalog, rows: Sequence[Row]) -> None:
    """Draw the statistics of these slices."""
    survey = cache.survey(str(catalog.root))
    samples, places = [row.sample for row in rows], [row.place for row in rows]
    st.caption(f"Of the {len(rows):,} slices that fit the filters. Take filters away, or add some, "
               "and every chart follows.")  # fmt: skip
    left, right = st.columns(2, gap="large")
    with left:
        charts.show(counts(describe.counts(samples)), "dataset.counts",
                    "Slices and patients of each kind of tumour")  # fmt: skip
        by_kind = {kind: describe.sizes(survey, [r.place for r in rows if r.sample.tumour == kind])
                   for kind, _, _ in describe.counts(samples)}  # fmt: skip
        charts.show(sizes(by_kind), "dataset.sizes", "How large the tumours are, by kind")
    with right:
        per_patient = describe.slices_per_patient(samples)
        if per_patient:
            charts.show(patients(per_patient), "dataset.patients",
                        "How many patients have how many slices")  # fmt: skip
        found = describe.intensities(survey, places)
        if found:
            charts.show(intensities(*found), "dataset.intensities",
                        "Grey values inside the tumours and in the rest of the head")  # fmt: skip
    _positions(describe.positions(survey, places))


def _positions(found: Sequence[Position]) -> None:
    if not found:
        return
    st.markdown("**Where the tumours lie**")
    st.caption(
        "Every head's bounding box is stretched to the same square. Colour: the share of slices on "
        "which that place is tumour; lines: the mean head. The plane is estimated from the pixels."
    )
    top = max(float(one.tumour.max()) for one in found)
    for column, one in zip(st.columns(len(found)), found, strict=True):
        with column:
            charts.show(position(one, top), f"dataset.position.{one.plane}",
                        f"Where the tumours lie on {one.plane} slices")  # fmt: skip


def _kind(kind: str | None) -> tuple[str, str]:
    name = {"none": "no tumour", None: "kind unknown"}.get(kind, kind or "")
    return name, palette.TUMOUR.get(kind or "", palette.REFERENCE)


def counts(found: Sequence[tuple[str | None, int, int]]) -> go.Figure:
    """Draw slices and patients of each kind of tumour."""
    names = [_kind(kind)[0] for kind, _, _ in found]
    colours = [_kind(kind)[1] for kind, _, _ in found]
    figure = go.Figure()
    for at, (name, pattern) in enumerate((("Slices", ""), ("Patients", "/")), start=1):
        values = [row[at] for row in found]
        if any(values):
            figure.add_bar(
                x=names, y=values, name=name, text=[f"{value:,}" for value in values],
                textposition="outside", cliponaxis=False, hovertemplate=f"%{{y:,}} {name.lower()}",
                marker={"color": colours, "pattern": {"shape": pattern, "fillmode": "replace"}},
            )  # fmt: skip
    charts.layout(figure, title="Slices and patients", height=_HEIGHT)
    return figure.update_layout(barmode="group", bargap=0.25)


def sizes(by_kind: dict[str | None, np.ndarray]) -> go.Figure:
    """Draw how many tumours of each kind have which size."""
    bins = [(100 * low, 100 * high) for low, high in pairwise(SIZE_EDGES)]
    middles = [(low + high) / 2 for low, high in bins]
    names = [f"{low:g} to {high:g} %" for low, high in bins[:-1]] + [f"{bins[-1][0]:g} % and over"]
    figure = go.Figure()
    for kind, values in by_kind.items():
        if values.any():
            name, colour = _kind(kind)
            figure.add_bar(
                x=middles, y=values, name=name, marker={"color": colour}, customdata=names,
                hovertemplate="%{customdata}: %{y:,}",
            )  # fmt: skip
    charts.layout(figure, title="Tumour sizes", height=_HEIGHT, x="Share of the slice (%)",
                  y="Slices")  # fmt: skip
    return figure.update_layout(barmode="stack", bargap=0.05)


def patients(found: dict[int, int]) -> go.Figure:
    """Draw how many patients have 1, 2, 3.. slices."""
    figure = go.Figure()
    figure.add_bar(
        x=list(found), y=list(found.values()), marker={"color": palette.REFERENCE},
        hovertemplate="%{y:,} patients with %{x} slices<extra></extra>",
    )  # fmt: skip
    charts.layout(figure, title="Slices per patient", height=_HEIGHT,
                  x="Slices of one patient", y="Patients")  # fmt: skip
    if found:
        low, high = min(found), max(found)
        figure.update_xaxes(range=[low - 1, high + 1], dtick=1 if high - low < 15 else None)
    return figure


def intensities(inside: np.ndarray, outside: np.ndarray) -> go.Figure:
    """Draw which grey values tumour pixels have, and the other pixels of the head."""
    middles = [(place + 0.5) * 256 / LEVELS for place in range(LEVELS)]
    figure = go.Figure()
    lines = (("Tumour", inside, palette.FALSE_POSITIVE, "solid"),
             ("Rest of the head", outside, palette.REFERENCE, "dash"))  # fmt: skip
    for name, values, colour, dash in lines:
        figure.add_scatter(
            x=middles, y=100 * values, name=name, mode="lines", line_shape="hvh",
            line={"color": colour, "width": 2, "dash": dash}, hovertemplate="%{y:.1f} %",
        )  # fmt: skip
    charts.layout(figure, title="Grey values inside and outside", height=_HEIGHT,
                  x="Grey value, each slice from its darkest (0) to its brightest (255)",
                  y="Pixels (%)")  # fmt: skip
    return figure.update_layout(hovermode="x unified")


def position(one: Position, top: float) -> go.Figure:
    """Draw where the tumours of one plane lie, on a scale that ends at ``top``."""
    figure = go.Figure()
    figure.add_heatmap(
        z=np.round(100 * one.tumour, 2), zmin=0, zmax=100 * top, colorscale=pictures.heat_stops(),
        colorbar={"title": {"text": "%"}, "thickness": 10, "len": 0.9},
        hovertemplate="tumour on %{z:.1f} % of the slices<extra></extra>",
    )  # fmt: skip
    figure.add_contour(
        z=np.round(one.head, 1), contours={"coloring": "lines", "size": 25}, showscale=False,
        colorscale=[[0, "rgba(255,255,255,0.35)"], [1, "rgba(255,255,255,0.35)"]],
        line={"width": 0.8, "smoothing": 1.1}, hoverinfo="skip",
    )  # fmt: skip
    title = f"{one.plane.capitalize()}, {one.slices:,} slices"
    charts.layout(figure, title=title, height=300)
    figure.update_layout(margin_t=4, xaxis={"visible": False, "constrain": "domain"})
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")
    return figure


def nothing_left() -> None:
    """Say that no slice fits the filters, and what to do."""
    frame.empty_state("**No slice fits these filters.** Take one away.", "Clear filters",
                      dataset_facets.clear, icon=":material/filter_alt_off:")  # fmt: skip
