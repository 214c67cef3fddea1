"""The live half of the Train screen: one run as it stands, from its folder alone.

Two fragments are called again every two seconds while something lives. Everything that can be
opened or typed into lies outside them, or keeps its key.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import streamlit as st

from brainseg import runs
from brainseg.errors import BrainsegError
from brainseg.training import hardware, watch
from brainseg.types import EpochRecord, RunStatus
from ui import (
    frame,
    training_actions,
    training_curves,
    training_estimate,
    training_news,
    training_settings,
)
from ui.training_words import (
    ALIVE,
    BADGES,
    config_of,
    duration,
    name_of,
    roughly,
    unreadable,
    what_next,
)

POLL_SECONDS = 2.0
LOG_LINES = 40


def show(run_id: str, others: Sequence[str], statuses: Sequence[RunStatus]) -> None:
    """Show the watched run with others over it; draws again only while some run is alive."""
    alive = {status.run_id for status in statuses if status.state in ALIVE}
    training_news.wait(idle=not alive)
    st.fragment(_standing, run_every=POLL_SECONDS if alive else None)(run_id)
    with st.container():  # the picture after it keeps its place
        problem = unreadable(runs.find(run_id))
        if problem:
            st.warning(frame.plain(f"{name_of(run_id)}: {problem}"), icon=":material/link_off:")
        training_actions.show(run_id)
        training_settings.show(run_id)
    drawn = alive & {run_id, *others}
    st.fragment(_picture, run_every=POLL_SECONDS if drawn else None)(run_id, tuple(others))


def _standing(run_id: str) -> None:
    """State, reason, progress, speed."""
    training_news.look()
    try:
        run = runs.find(run_id)
        status, history = runs.status(run), runs.history(run)
        _headline(run, status, history)
        if status.state in ("failed", "lost"):
            _what_happened(status)
        elif status.state == "finished":
            training_news.finished(run_id)
    except BrainsegError as error:
        frame.refuse(error)


def _headline(run: Path, status: RunStatus, history: Sequence[EpochRecord]) -> None:
    icon, colour = BADGES[status.state]
    at = watch.place(run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(status.state.capitalize(), icon=icon, color=colour)
        st.markdown(_sentence(run, status, history), width="stretch")
    if status.state in ("running", "stopping"):
        finishing = watch.doing(run) == runs.FINISHING
        share = 1.0 if finishing else watch.share_done(status, at)
        st.progress(share, text=_doing(run, status, at))
        st.caption(" · ".join(_effort(run, status, history, at)))


def _sentence(run: Path, status: RunStatus, history: Sequence[EpochRecord]) -> str:
    if status.state == "queued":
        return _waiting(run, status)
    words = [f"**Epoch {status.epoch} of {status.epochs}**"]
    if status.state not in ALIVE and history:
        words.append(f"{duration(history[-1].elapsed)} trained")
        speed = median(record.slices_per_second for record in watch.usual(run, history)[-5:])
        words.append(f"learned at {speed:.1f} slices/s")
    if status.reason and status.state in ("stopping", "stopped"):
        words.append(frame.plain(status.reason))
    elif status.state == "finished" and status.epoch < status.epochs:
        words.append("early stopping ended it")
    return " · ".join(words)


def _waiting(run: Path, status: RunStatus) -> str:
    busy = [
        f"**{frame.plain(name_of(one.run_id))}**"
        for one in runs.list_runs()
        if one.state in ("running", "stopping") and one.run_id != run.name
    ]
    if status.queue_place is None or (status.queue_place == 1 and not busy):
        return f"**Epoch {status.epoch} of {status.epochs}** · its process starts"
    whom = " and ".join(busy) or "the device"
    return f"Waits for {whom} · place {status.queue_place} in the queue; it starts by itself"


def _doing(run: Path, status: RunStatus, at: watch.Place | None) -> str:
    doing = watch.doing(run)
    if doing == runs.STARTING[0]:
        return f"Opens {training_estimate.BACKENDS.get(hardware.backend(), 'the backend')}"
    if doing:
        return doing[:1].upper() + doing[1:]
    if watch.compiles(run):
        return "Compiles the network"
    if at is None or not at.is_in(status):
        return "Next epoch"
    if at.batch == at.batches:
        return f"Epoch {at.epoch} · validates"
    return f"Epoch {at.epoch} · batch {at.batch} of {at.batches}"


def _effort(
    run: Path,
    status: RunStatus,
    history: Sequence[EpochRecord],
    at: watch.Place | None,
) -> list[str]:
    began = time.strftime("%H:%M", time.localtime(status.started or status.created))
    trained = watch.trained_seconds(status, history, at)
    words = [f"{duration(trained)} trained" if trained else f"Began at {began}"]
    left = watch.seconds_left(run, status, history, at)
    if left is not None:
        words.append(_left(left))
    speed = watch.slices_per_second(run, status, history, at)
    if speed is not None:
        words.append(f"learns {speed:.1f} slices/s")
    memory = watch.memory_mb(run)
    if memory is not None:
        words.append(f"{memory / 1024:.2f} GB of memory")
    for gpu in _gpus():
        load = "" if gpu.load_percent is None else f"{gpu.load_percent:.0f} % busy, "
        words.append(f"GPU {load}{gpu.used_mb / 1024:.1f} of {gpu.memory_mb / 1024:.0f} GB")
    return words


def _left(seconds: float) -> str:
    """Say how long the epochs left take; the export and the test after them are not in it."""
    if seconds < 10:
        return "less than 10 seconds of training left"
    words = f"about {roughly(seconds)} of training left"
    if seconds < 600:
        return words
    until = round((time.time() + seconds) / 300) * 300  # nobody knows the minute
    day = "%a " if seconds > 86_400 else ""
    return f"{words}, until about {time.strftime(f'{day}%H:%M', time.localtime(until))}"


@st.cache_data(ttl=4, show_spinner=False)
def _gpus() -> tuple[hardware.Gpu, ...]:
    return hardware.gpus() if hardware.usable() else ()


def _what_happened(status: RunStatus) -> None:
    reason = frame.plain(status.reason or "no reason was written down")
    st.error(
        f"**{status.state.capitalize()}:** {reason}  \n{what_next(status)}",
        icon=":material/error:",
    )
    if status.log_tail:
        with st.expander("The last lines of its log", icon=":material/article:"):
            st.code("\n".join(status.log_tail[-LOG_LINES:]), language=None, wrap_lines=True)


def _picture(run_id: str, others: tuple[str, ...]) -> None:
    """Numbers, curves and previews."""
    try:
        run = runs.find(run_id)
        status, history = runs.status(run), runs.history(run)
        if history:
            _numbers(status, history)
            with st.container(key="train.patience"):  # always there: what follows keeps its place
                _patience(run, status, history)
            training_curves.show([run_id, *others])
            training_curves.previews(run, alive=status.state in ALIVE)
        else:
            if status.state in ALIVE:
                text = "The first point arrives after the first epoch."
                st.info(text, icon=":material/timeline:")
            if others:
                training_curves.show(others)
    except BrainsegError as error:
        frame.refuse(error)


def _numbers(status: RunStatus, history: Sequence[EpochRecord]) -> None:
    last = history[-1]
    gain = last.val_accuracy - last.val_background_accuracy
    than = f"{abs(gain):.3f} {'above' if gain > 0 else 'below'}"
    than = "same as" if than.startswith("0.000") else than
    best = "" if status.best_dice is None else f"best {status.best_dice:.3f}"
    where = "" if status.best_epoch is None else f" at epoch {status.best_epoch}"
    shown = (
        ("Validation Dice", last.val_dice, best + where),
        ("Training Dice", last.dice, ""),
        ("Validation accuracy", last.val_accuracy, f"{than} all background"),
        ("Validation loss", last.val_loss, f"training {last.loss:.3f}"),
    )
    grid = st.grid(4, min_column_width=150, gap="small")
    for label, value, note in shown:
        grid.metric(label, f"{value:.3f}", note or None, delta_color="off", delta_arrow="off")


def _patience(run: Path, status: RunStatus, history: Sequence[EpochRecord]) -> None:
    config = config_of(run)
    stands = watch.patience(config, history) if config else None
    if stands is None or status.state not in ALIVE:
        return
    text = f"Patience: {stands.left} of {stands.allowed} epochs left"
    if stands.waited:
        text += f"; none was better since epoch {history[-1].epoch - stands.waited}"
    st.progress(stands.left / stands.allowed, text=text)
