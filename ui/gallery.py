"""Which slices the gallery shows: by kind of tumour, patient and size."""

from __future__ import annotations

import streamlit as st

from brainseg.data.catalog import Catalog
from brainseg.types import Sample
from ui import cache

BY_NUMBER, SMALLEST, LARGEST = "Number", "Smallest tumour", "Largest tumour"


def _to_first_page() -> None:
    """Go back to the first page: another choice of slices has its own."""
    st.session_state["dataset.page"] = 1


def choose(catalog: Catalog) -> list[Sample]:
    """Let the user filter and sort, and return what is left."""
    kinds = sorted({s.tumour for s in catalog.samples if s.tumour})
    patients = list(dict.fromkeys(s.patient for s in catalog.samples if s.patient))
    kind, patient = [], None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if kinds:
            kind = st.pills(
                "Tumour", kinds, selection_mode="multi", key="dataset.tumour",
                bind="query-params", on_change=_to_first_page,
            )  # fmt: skip
        if patients:
            patient = st.selectbox(
                "Patient", patients, index=None, placeholder="All", key="dataset.patient",
                bind="query-params", width=160, on_change=_to_first_page,
            )  # fmt: skip
        order = st.selectbox(
            "Sort by", [BY_NUMBER, SMALLEST, LARGEST], key="dataset.order",
            bind="query-params", width=190, on_change=_to_first_page,
        )  # fmt: skip
    left = [
        sample
        for sample in catalog.samples
        if (not kind or sample.tumour in kind) and patient in (None, sample.patient)
    ]
    if order == BY_NUMBER:
        return left
    areas = cache.mask_areas(str(catalog.root))
    measured = [sample for sample in left if areas.get(sample.number)]
    return sorted(measured, key=lambda s: areas[s.number], reverse=order == LARGEST)
