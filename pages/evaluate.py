"""Evaluate: networks against the truth, slice by slice."""

from __future__ import annotations

import streamlit as st
from ui import evaluation, evaluation_view, frame, widgets

with frame.open_page(
    "Evaluate", "Score networks on slices with a known mask: the mean, the spread, the worst."
):
    with st.container(horizontal=True, vertical_alignment="bottom"):
        catalog = widgets.pick_dataset("evaluate.dataset")
        refs = widgets.pick_networks("evaluate.networks", catalog=catalog)
    if not refs:
        st.info("Choose at least one network.", icon=":material/leaderboard:")
        st.stop()

    parts = evaluation.choices(refs, catalog)
    if not parts:
        frame.empty_state(
            "**No slice here has a known mask**, so nothing can be scored. Choose another dataset.",
            "Look at the dataset", "dataset", icon=":material/leaderboard:",
        )  # fmt: skip
        st.stop()
    part = st.selectbox("Slices", list(parts), key="evaluate.part", width=420)
    numbers = parts[part]
    evaluation_view.warn_of_training(refs, catalog, numbers)

    results = evaluation_view.scores(refs, catalog, numbers)
    evaluation_view.headline(results)
    evaluation_view.tables(results)
    evaluation_view.distributions(results)
    evaluation_view.worst_cases(results, refs, catalog, st.session_state["evaluate.dataset"])
    evaluation_view.downloads(results)
