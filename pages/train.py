"""Train: choose, start, and watch the curves move."""

from __future__ import annotations

import streamlit as st
from brainseg import runs
from ui import frame, live_chart, training, training_live, training_news, training_table

with frame.open_page(
    "Train", "Train UNet and ResUNet here and watch Dice, accuracy and loss as they come."
):
    statuses = runs.list_runs()
    training_news.remember(statuses)
    with st.expander("New training", expanded=not statuses, icon=":material/add:"):
        training.form()
    if not statuses:
        frame.empty_state(
            "**No run yet.** Start one above: the quick recipe takes a few minutes.",
            icon=":material/timeline:",
        )
        st.stop()

    live_chart.prepare()
    run_id, others = training_table.pick_runs(statuses)
    training_news.announce(run_id)
    training_live.show(run_id, others, statuses)
    training_table.show(statuses)
