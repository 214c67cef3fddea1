"""Which slices the Dataset screen shows, and in which order: the filters, and the sorting."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from brainseg.data.catalog import Catalog
from ui import dataset_facets, dataset_rows, dataset_scores, frame
from ui.dataset_facets import Facets
from ui.dataset_rows import SORTS, Row

_FIRST = ("tumour", "plane")  # the others are behind a button


def choose(catalog: Catalog) -> list[Row]:
    """Let the user filter and sort, and return what is left. The address carries every choice."""
    ref = dataset_scores.chosen()
    scores = dataset_scores.of_network(ref, catalog) if ref else None
    rows = dataset_rows.rows_of(catalog, scores)
    facets = dataset_facets.of(rows)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name in _FIRST:
            dataset_facets.pills(facets, name)
        with st.popover("More filters", icon=":material/tune:"):
            _more(facets)
            if ref and not (scores and scores.dice):
                st.caption(f"{frame.plain(ref.label)} has not been scored on these slices yet.")
                frame.link("evaluate", "Score it on the Evaluate screen")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by, down = _sorting(rows)
        if facets.wanted:
            st.button("Clear filters", icon=":material/filter_alt_off:", key="dataset.clear",
                      type="tertiary", on_click=dataset_facets.clear)  # fmt: skip
    hidden = [facets.describe(name) for name in facets.wanted if name not in _FIRST]
    if hidden:
        st.caption(frame.plain(" · ".join(hidden)))
    return dataset_rows.in_order(facets.left, by, down=down)


def _more(facets: Facets) -> None:
    for name in ("size", "top", "left"):
        dataset_facets.slider(facets, name)
    dataset_facets.pills(facets, "fold")
    dataset_facets.patient(facets)
    dataset_scores.pick()
    dataset_facets.pills(facets, "part")
    dataset_facets.slider(facets, "dice")


def _sorting(rows: Sequence[Row]) -> tuple[str, bool]:
    known = [name for name, value in SORTS.items() if any(value(row) is not None for row in rows)]
    by = st.selectbox(
        "Sort by", known, key="dataset.order", bind="query-params", width=200,
        on_change=dataset_facets.to_first_page,
    )  # fmt: skip
    down = st.toggle(
        "Descending", key="dataset.down", bind="query-params",
        on_change=dataset_facets.to_first_page,
    )  # fmt: skip
    return by or "Number", down
