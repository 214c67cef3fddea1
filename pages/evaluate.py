"""Evaluate: networks against the truth, slice by slice."""

from __future__ import annotations

import streamlit as st
from ui import evaluate_progress, evaluation, evaluation_view, frame, widgets

with frame.open_page(
    "Evaluate", "Score networks on slices with a known mask: the mean, the spread, the worst."
):
    with st.container(horizontal=True, vertical_alignment="bottom"):
        catalog = widgets.pick_dataset("evaluate.dataset")
        refs = widgets.pick_networks("evaluate.networks", catalog=catalog)
        catalogs, datasets = evaluation_view.choose_catalogs(catalog)
    if not refs:
        st.info("Choose at least one network.", icon=":material/leaderboard:")
        st.stop()

    parts = evaluation.choices(refs, catalogs)
    if not parts:
        frame.empty_state(
            "**No slice here has a known mask**, so nothing can be scored. Choose another dataset.",
            "Look at the dataset", "dataset", icon=":material/leaderboard:",
        )  # fmt: skip
        st.stop()
    part = evaluation_view.choose_part("evaluate.part", list(parts))
    numbers = parts[part]
    evaluation_view.warn_of_training(refs, catalogs, numbers)

    results = [evaluation.kept(ref, catalogs, numbers) for ref in refs]
    if None in results:
        evaluate_progress.get(
            evaluate_progress.tasks_of(refs, catalogs, numbers), "evaluate",
            f"Evaluate on {len(numbers):,} slices", "You can look around meanwhile.",
        )  # fmt: skip
        st.stop()
    evaluation_view.headline(results)
    evaluation_view.sections(
        evaluation.View(
            refs=tuple(refs),
            catalogs=catalogs,
            datasets=datasets,
            numbers=numbers,
            part=part,
            results=tuple(results),
        )
    )
