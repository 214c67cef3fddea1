"""Getting scores that are not there yet: at once, on a click, or by waiting; cancelled at will."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from brainseg import scoring
from brainseg.networks import NetworkRef
from ui import cache, evaluation, frame

AT_ONCE = 200  # so many predictions or fewer are made without asking: a few seconds
_EVERY = 0.5  # seconds between two looks
_ACTIVE = ("waiting", "running")


def tasks_of(
    refs: Sequence[NetworkRef], catalogs: evaluation.Catalogs, numbers: evaluation.Numbers
) -> list[scoring.Task]:
    """Return what there is to score of these networks that no run has scored itself."""
    return [
        evaluation.task(ref, catalogs, numbers)
        for ref in refs
        if evaluation.kept(ref, catalogs, numbers) is None
    ]


def get(
    tasks: Sequence[scoring.Task], key: str, label: str, why: str, *, ask: bool = False
) -> None:
    """Show how tasks whose scores are not there can be done, or how far they are.

    Few are begun at once, unless ``ask``; ``label`` is of the button, ``why`` the caption under it.
    """
    work = sum(len(task.numbers) for task in tasks)
    standing = scoring.standing(tasks)
    if standing is not None and standing.state == "done":
        if not _unread(tasks):  # the last one ended while this screen was drawn
            st.rerun()
        standing = None  # done once, and gone from the disk since
    if standing is None and work <= AT_ONCE and not ask:
        _begin(tasks)
        standing = scoring.standing(tasks)
    if standing is not None and standing.state in _ACTIVE:
        st.fragment(_follow, run_every=_EVERY)(tasks, key)
        return
    if standing is not None and standing.state == "failed":
        st.error(frame.plain(standing.error or ""), icon=":material/error:")
    if standing is not None and standing.state == "cancelled":
        st.caption(":material/cancel: Cancelled. Networks that were through are kept.")
    st.button(
        label, key=f"{key}.score", icon=":material/play_arrow:", type="primary",
        on_click=_begin, args=(tasks,),
    )  # fmt: skip
    st.caption(f"{work:,} predictions, made in the background; the result is kept. {why}")


def _unread(tasks: Sequence[scoring.Task]) -> list[scoring.Task]:
    return [task for task in tasks if scoring.read(task) is None]


def _begin(tasks: Sequence[scoring.Task]) -> None:
    scoring.start(_unread(tasks), cache.segmenter)


def _follow(tasks: Sequence[scoring.Task], key: str) -> None:
    standing = scoring.standing(tasks)
    if standing is None or standing.state not in _ACTIVE:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.progress(min(1.0, standing.done / max(1, standing.total)), text=_told(standing))
        st.button(
            "Cancel", key=f"{key}.cancel", icon=":material/close:",
            on_click=scoring.cancel, args=(tasks,),
        )  # fmt: skip
    st.caption("It goes on while you look at other screens.")


def _told(standing: scoring.Standing) -> str:
    if standing.state == "waiting":
        return "Waiting for another scoring to end"
    labels = {ref.name: ref.label for ref in cache.networks()}
    name = labels.get(standing.network or "", standing.network or "")
    text = f"{frame.plain(name)}: {standing.done:,} of {standing.total:,} predictions"
    if standing.seconds_left is None:
        return text
    minutes, seconds = divmod(round(standing.seconds_left), 60)
    return text + (f", about {minutes} min left" if minutes else f", about {seconds} s left")
