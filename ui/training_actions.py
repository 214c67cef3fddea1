"""What can be done with the watched run: stop, resume, name, take away, delete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from brainseg import run_export, runs
from brainseg.errors import BrainsegError
from brainseg.training import process, watch
from brainseg.types import RunStatus
from ui import frame, training_news, training_table
from ui.training_words import ALIVE, name_of

REFUSED = "train.refused"  # why the last thing asked for could not be done
TITLE, NOTE = "train.title", "train.note"
STOP = "train.stop"  # the menu


def show(run_id: str) -> None:
    """Draw the buttons that fit the state; nothing here is polled, so nothing moves or closes."""
    run = runs.find(run_id)
    status = runs.status(run)
    if REFUSED in st.session_state:
        st.error(frame.plain(st.session_state.pop(REFUSED)), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _stop_or_resume(run, status)
        if st.button("Name and note", icon=":material/edit:", key="train.label.open"):
            _name_and_note(run_id)
        _download(run)
        if status.state not in ALIVE and st.button(
            "Delete", icon=":material/delete:", key="train.delete"
        ):
            _ask_to_delete(run_id)
    note = runs.label(run).note
    if note:
        st.caption(f":material/sticky_note_2: {frame.plain(note)}")


def _stop_or_resume(run: Path, status: RunStatus) -> None:
    doing = watch.doing(run)
    if status.state == "queued":
        words = "Cancel the start" if status.queue_place is None else "Leave the queue"
        st.button(
            words, icon=":material/stop:", key="train.stop.start", on_click=_stop,
            args=(run.name, True),
        )  # fmt: skip
    elif doing == runs.FINISHING and status.state in ("running", "stopping"):
        if st.button(
            "Stop now", icon=":material/stop:", key="train.stop.now",
            disabled=runs.stop_wish(run) == runs.NOW,
        ):  # fmt: skip
            _ask_to_stop(run)
    elif status.state == "running":
        with st.popover("Stop", icon=":material/stop:", key=STOP, on_change="rerun"):
            st.button(
                "Finish the epoch and save", icon=":material/pause:", key="train.stop.epoch",
                type="primary", width="stretch", on_click=_stop, args=(run.name, False),
            )  # fmt: skip
            if st.button("Stop now", icon=":material/stop:", key="train.stop.now",
                         width="stretch", on_click=_close_menu):  # fmt: skip
                _ask_to_stop(run)
            st.caption("Either way it can be resumed from exactly there.")
    elif status.state == "stopping":
        if runs.stop_wish(run) == runs.EPOCH and st.button(
            "Stop now", icon=":material/stop:", key="train.stop.now"
        ):
            _ask_to_stop(run)
    elif status.state in ("stopped", "failed", "lost"):
        diverged = "diverged" in (status.reason or "")  # exact as it is, it would do so again
        st.button(
            "Resume", icon=":material/play_arrow:", key="train.resume",
            help="Goes on from the last checkpoint.", on_click=_resume, args=(run.name,),
            type="secondary" if diverged else "primary",
        )  # fmt: skip


def _close_menu() -> None:
    st.session_state[STOP] = False  # it would lie over the question


def _do(action: Callable[[], object]) -> None:
    """Run what a button asks for; why it cannot be done is said on the screen that follows."""
    try:
        action()
    except BrainsegError as error:
        st.session_state[REFUSED] = str(error)


def _stop(run_id: str, now: bool) -> None:
    _do(lambda: runs.request_stop(runs.find(run_id), now=now))


def _resume(run_id: str) -> None:
    _do(lambda: process.resume(runs.find(run_id)))


def _ask_to_stop(run: Path) -> None:
    if watch.doing(run) == runs.FINISHING:
        title = "Stop before the network is there?"
        words = (
            "All epochs are done and saved. What is left is to export the network and to measure "
            "it; a resume does that from its beginning."
        )
    else:
        title = "Stop in the middle of the epoch?"
        words = (
            "It saves after this batch and leaves. This epoch gets no point on the curves until "
            "the run is resumed; then it goes on with the very next batch."
        )
    st.dialog(title, icon=":material/stop:", on_dismiss="rerun")(_asked_to_stop)(run.name, words)


def _asked_to_stop(run_id: str, words: str) -> None:
    st.session_state[training_news.ASKING] = True
    st.markdown(words)
    with st.container(horizontal=True):
        if st.button(
            "Stop now", type="primary", key="train.stop.now.yes", on_click=_stop,
            args=(run_id, True),
        ):  # fmt: skip
            st.rerun()
        if st.button("Let it go on", key="train.stop.now.no"):
            st.rerun()


@st.dialog("Name and note", icon=":material/edit:", on_dismiss="rerun")
def _name_and_note(run_id: str) -> None:
    st.session_state[training_news.ASKING] = True
    try:
        label = runs.label(runs.find(run_id))
    except BrainsegError as error:  # deleted in another tab meanwhile
        frame.refuse(error)
        return
    with st.form("train.label", border=False):
        st.text_input("Name", label.title, runs.MAX_TITLE, placeholder=run_id, key=TITLE)
        st.text_area("Note", label.note, max_chars=runs.MAX_NOTE, key=NOTE)
        if st.form_submit_button("Save", type="primary", on_click=_set_label, args=(run_id,)):
            st.rerun()


def _set_label(run_id: str) -> None:
    told = st.session_state
    _do(lambda: runs.set_label(runs.find(run_id), title=told[TITLE], note=told[NOTE]))
    training_table.choose(*told[training_table.LAST])  # under its new name


def _download(run: Path) -> None:
    with st.popover("Download", icon=":material/download:", key="train.download"):
        st.download_button(
            "History as CSV", lambda: run_export.history_csv(run), f"{run.name}.csv", "text/csv",
            icon=":material/table:", key="train.download.csv", on_click="ignore", width="stretch",
        )  # fmt: skip
        checkpoints = st.checkbox(
            "With checkpoints", key="train.download.checkpoints",
            help="Optimiser and weights of the last epochs: to resume on another machine, by "
            "`train --resume --run RUN --data DIR`.",
        )  # fmt: skip
        st.download_button(
            "Whole run as zip", lambda: run_export.zip_run(run, checkpoints=checkpoints),
            f"{run.name}.zip", "application/zip", icon=":material/folder_zip:",
            key="train.download.zip", on_click="ignore", width="stretch",
        )  # fmt: skip


def _delete(run_id: str) -> None:
    _do(lambda: runs.delete(runs.find(run_id)))


@st.dialog("Delete this run?", icon=":material/delete:", on_dismiss="rerun")
def _ask_to_delete(run_id: str) -> None:
    st.session_state[training_news.ASKING] = True
    name = frame.plain(name_of(run_id))
    st.markdown(f"**{name}** goes with its weights, curves and pictures. This is for good.")
    with st.container(horizontal=True):
        if st.button(
            "Delete", type="primary", key="train.delete.yes", on_click=_delete, args=(run_id,)
        ):
            st.rerun()
        if st.button("Keep it", key="train.delete.no"):
            st.rerun()
