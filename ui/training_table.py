"""Which runs there are, which one is watched, and what can be done with one."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from brainseg import runs
from brainseg.types import RunStatus
from ui import frame
from ui.training_live import ALIVE

RUN = "train.run"  # in the address
WATCHED = "train.watched"  # the widget


def choose(run_id: str) -> None:
    """Watch this run from the next time the screen is drawn, whatever was watched before."""
    st.query_params[RUN] = run_id
    st.session_state.pop(WATCHED, None)


def pick_runs(statuses: Sequence[RunStatus]) -> tuple[str, list[str]]:
    """Let the user choose the run to watch and runs to lay over it.

    The address always names the watched run, chosen or not: a reload after a newer run has started
    shows the same one. A bound widget would leave its default out of the address.
    """
    names = [status.run_id for status in statuses]
    if st.session_state.get(WATCHED) not in names:
        asked = st.query_params.get(RUN)
        st.session_state[WATCHED] = asked if asked in names else names[0]
    left, right = st.columns(2)
    run_id = left.selectbox("Run", names, key=WATCHED)
    if st.query_params.get(RUN) != run_id:
        st.query_params[RUN] = run_id
    others = right.multiselect(
        "Lay over it the curves of",
        [name for name in names if name != run_id],
        key="train.with",
        bind="query-params",
        max_selections=4,
        placeholder="Choose runs",
        disabled=len(names) < 2,
    )
    return run_id, list(others)


def show(statuses: Sequence[RunStatus], run_id: str) -> None:
    """List every run, and offer to delete the one that is watched."""
    st.subheader("All runs", anchor=False)
    st.dataframe(
        [_row(status) for status in statuses],
        hide_index=True,
        key="train.table",
        column_config={
            "Epoch": st.column_config.TextColumn(width="small"),
            "Best Dice": st.column_config.NumberColumn(format="%.3f", width="small"),
        },
        alt="Every run with its state, network, recipe, data, epochs and best validation Dice",
    )
    status = next(s for s in statuses if s.run_id == run_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        if (runs.find(run_id) / "network").is_dir():
            frame.link(
                "evaluate", "Evaluate its network", icon=":material/leaderboard:",
                query={"evaluate.networks": f"Run {run_id}"},
            )  # fmt: skip
        if status.state not in ALIVE:
            with st.popover("Delete this run", icon=":material/delete:"):
                st.markdown(f"Delete **{frame.plain(run_id)}** with its weights? This is for good.")
                if st.button("Delete", type="primary", key="train.delete"):
                    runs.delete(runs.find(run_id))
                    st.rerun()


def _row(status: RunStatus) -> dict[str, object]:
    config = runs.config(runs.find(status.run_id))
    return {
        "Run": status.run_id,
        "State": status.state,
        "Network": "ResUNet" if config.model == "resunet" else "UNet",
        "Recipe": config.recipe,
        "Data": config.data.rstrip("/").rsplit("/", 1)[-1],
        "Epoch": f"{status.epoch} / {status.epochs}",
        "Best epoch": status.best_epoch,
        "Best Dice": status.best_dice,
        "Created": time.strftime("%Y-%m-%d %H:%M", time.localtime(status.created)),
    }
