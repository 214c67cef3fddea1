"""Lesson: how good the shipped networks are on patients that they never saw."""

from __future__ import annotations

import streamlit as st

from brainseg.report import style, tables
from ui import cache, evaluation_view, frame, learning
from ui.lessons.chosen import Chosen


def draw(chosen: Chosen) -> None:
    """Show the measured scores that the networks carry."""
    st.markdown(
        "A network is judged on slices that had no part in its making: not in training, not in "
        "choosing when to stop, not in setting its threshold. Here those are the slices of "
        "**fold 3** of the public dataset, of patients whom neither network ever saw."
    )
    shipped = [ref for ref in cache.networks() if ref.kind == "shipped"]
    found = [e for ref in shipped if (e := learning.measured(ref)) is not None]
    if not found:
        frame.empty_state(
            "**The shipped networks carry no measured scores.** Score any network on any dataset:",
            "Evaluate a network", "evaluate", icon=":material/leaderboard:",
        )  # fmt: skip
        return
    evaluation_view.headline(found)
    st.table(tables.scores(found), border="horizontal", hide_index=True, alt="Scores of each")
    st.markdown("**By kind of tumour**")
    st.table(
        tables.groups({e.model: e.by_tumour for e in found}, "Kind"), border="horizontal",
        hide_index=True, alt="Scores of each by kind of tumour",
    )  # fmt: skip
    st.caption(
        f"{style.SCORES} Measured with `python -m benchmarks.report`, at each "
        "network's own threshold, on the files as stored. docs/METRICS.md defines every score."
    )
    frame.link("evaluate", "Evaluate them yourself, slice by slice", icon=":material/leaderboard:")
