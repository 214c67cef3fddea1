"""Saliency: the maps that came with a slice beside the networks' own."""

from __future__ import annotations

import streamlit as st
from brainseg.data.catalog import Catalog
from brainseg.types import Sample
from ui import (
    cases,
    explaining,
    frame,
    saliency_controls,
    saliency_maps,
    saliency_study,
    saliency_trust,
    widgets,
)


def given_maps(catalog: Catalog, sample: Sample) -> None:
    """Show what came with the slice and with its dataset; one line where that is nothing."""
    if any(sample.saliency):
        st.subheader("Maps that came with the slice", anchor=False)
        explaining.dataset_maps(catalog, sample)
        if catalog.synthetic:
            st.caption("Computed from the picture alone: spectral residual (1), fine-grained (2).")
        else:
            st.caption("Shown as given: nobody documents how the dataset's two maps were made.")
    else:
        st.caption(saliency_study.without_maps(catalog))
    saliency_study.show(catalog)


with frame.open_page(
    "Saliency", "What stands out in the picture, and what made the networks see a tumour there."
):
    with st.container(horizontal=True, vertical_alignment="bottom"):
        catalog = widgets.pick_dataset("saliency.dataset")
        known = widgets.picked_networks("saliency.networks", with_weights=True)
        sample = widgets.pick_sample("saliency.sample", catalog, known)
    st.caption(cases.facts_for(sample, catalog, known))
    given_maps(catalog, sample)

    st.subheader("Maps of the networks", anchor=False)
    refs = widgets.pick_networks("saliency.networks", with_weights=True)
    asked = saliency_controls.ask(catalog, sample, refs)
    if refs and explaining.may_open_keras():
        explained = saliency_maps.explain(refs, asked)
        st.caption(saliency_maps.HOW_TO_READ)
        if explained:
            st.subheader("What the maps are worth", anchor=False)
            saliency_maps.measure(explained, asked)
            saliency_trust.show(explained)
    elif not any(sample.saliency):
        with st.grid(3, min_column_width=160, gap="small").cell():
            explaining.slice_alone(catalog, sample)
    st.caption(saliency_maps.LEFT_OUT)
