"""Train: choose, start, and watch the curves move."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st
from brainseg import runs
from brainseg.errors import DataError
from ui import cache, frame, live_chart, training, training_live, training_news, training_table

with frame.open_page(
    "Train", "Train UNet and ResUNet here and watch Dice, accuracy and loss as they come."
):
    statuses = runs.list_runs()
    training_news.remember(statuses)
    with suppress(DataError):  # said at the form; made here, for in a folded form nobody sees it
        cache.ensure_demo()
    form = f"train.form.{st.session_state.get(training.STARTED, 0)}"
    with st.expander("New training", expanded=not statuses, key=form, icon=":material/add:"):
        training.form()
    if not statuses:
        st.query_params.pop(training_table.RUN, None)
        frame.empty_state(
            "**No run yet.** Start one above: the quick recipe takes minutes on the demo data.",
            icon=":material/timeline:",
        )
        training_news.wait()
        st.stop()

    live_chart.prepare()
    # Each part has a place of its own, whatever the others hold: a poll that comes late still finds
    # its own, and what is in view does not jump.
    choice, run, news, table = (st.container() for _ in range(4))
    with choice:
        run_id, others = training_table.pick_runs(statuses)
    with run:
        training_live.show(run_id, others, statuses)
    with news:
        training_news.announce(run_id)
    with table:
        training_table.show(statuses)
