"""Train: choose, start, and watch the curves move."""

from __future__ import annotations

import streamlit as st
from brainseg import runs
from ui import frame, training, training_live, training_table

PAGE_SECONDS = {True: 2, False: 15}

with frame.open_page(
    "Train", "Train UNet and ResUNet here and watch Dice, accuracy and loss as they come."
):
    statuses = runs.list_runs()
    with st.expander("New training", expanded=not statuses, icon=":material/add:"):
        configs = training.settings()
        st.caption("The same from the command line:")
        st.code(training.commands(configs), language="bash", wrap_lines=True)
        if st.button("Start training", type="primary", icon=":material/play_arrow:",
                     key="train.start"):  # fmt: skip
            training_table.choose(training.launch(configs))
            st.rerun()

    if not statuses:
        frame.empty_state(
            "**No run yet.** Start one above: the quick recipe takes a few minutes.",
            icon=":material/timeline:",
        )
        st.stop()

    run_id, others = training_table.pick_runs(statuses)
    alive = any(status.state in training_live.ALIVE for status in statuses)
    st.fragment(training_live.watch, run_every=PAGE_SECONDS[alive])(run_id, others)
    training_table.show(statuses, run_id)
