"""Segment: a scan of your own, or a slice of a dataset, through one network or several."""

import streamlit as st
from ui import frame, segment, segment_gate, segment_view, widgets

SAMPLE, OWN = "Dataset slice", "My own scan"

with frame.open_page("Segment", "Outline the tumour on a slice of a dataset or on your own scan."):
    widgets.need_networks()
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        source = st.segmented_control(
            "Scan", [SAMPLE, OWN], default=SAMPLE, required=True, key="segment.source",
            bind="query-params",
        )  # fmt: skip
        networks = widgets.pick_networks("segment.networks")
    study = segment.choose_sample(networks) if source == SAMPLE else segment.choose_upload()
    if study and segment_gate.passes(study, networks):
        segment_view.show(study, networks)
