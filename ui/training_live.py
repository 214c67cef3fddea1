"""The live half of the Train screen: one run as it stands, from its folder alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from brainseg import runs
from brainseg.errors import BrainsegError
from brainseg.training import process
from brainseg.types import EpochRecord, RunStatus
from ui import charts, frame

ALIVE = ("queued", "running", "stopping")
BADGES = {
    "queued": (":material/hourglass_empty:", "gray"),
    "running": (":material/play_arrow:", "blue"),
    "stopping": (":material/pause:", "orange"),
    "stopped": (":material/pause:", "orange"),
    "finished": (":material/check:", "green"),
    "failed": (":material/error:", "red"),
    "lost": (":material/link_off:", "red"),
}
DEFINITIONS = (
    "**Dice** is 2 |A ∩ B| / (|A| + |B|), scored for each slice and then averaged; slices without "
    "tumour in truth and prediction are left out. **Solid**: validation, slices the network does "
    "not learn from. **Dotted**: training. **Ring**: the best epoch, whose weights are kept, "
)
MONITORS = {
    "val_dice_loss": "by the lowest validation Dice loss (1 - Dice of the probabilities).",
    "val_dice": "by the highest validation Dice.",
}


def watch(run_id: str, others: Sequence[str]) -> None:
    """Show a run and the curves of others over its own; called again every few seconds."""
    try:
        run = runs.find(run_id)
        status, history = runs.status(run), runs.history(run)
        _follow_state(status)
        _headline(run, status, history)
        if status.state in ("failed", "lost"):
            _what_happened(status)
        if history:
            _numbers(status, history)
            _curves([run_id, *others])
            st.caption(DEFINITIONS + MONITORS[runs.config(run).monitor])
            _previews(run, status)
        elif status.state in ALIVE:
            st.info("The first point arrives after the first epoch.", icon=":material/timeline:")
    except BrainsegError as error:
        frame.refuse(error)


def _follow_state(status: RunStatus) -> None:
    """Run the whole screen again when the state changed, so that everything agrees."""
    key = f"train.state.{status.run_id}"
    before = st.session_state.get(key)
    st.session_state[key] = status.state
    if before is not None and before != status.state:
        st.rerun(scope="app")


def _headline(run: Path, status: RunStatus, history: Sequence[EpochRecord]) -> None:
    icon, colour = BADGES[status.state]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(status.state.capitalize(), icon=icon, color=colour)
        st.markdown(_sentence(status, history), width="stretch")
        _buttons(run, status)
    if status.state in ALIVE:
        st.progress(min(status.epoch / max(status.epochs, 1), 1.0))


def _sentence(status: RunStatus, history: Sequence[EpochRecord]) -> str:
    words = [f"**Epoch {status.epoch} of {status.epochs}**"]
    if history:
        words.append(f"{duration(history[-1].elapsed)} trained")
        words.append(f"{history[-1].slices_per_second:.1f} slices/s")
    left = remaining(status, history)
    if left is not None:
        words.append(f"at most {duration(left)} left")
    if status.state in ALIVE and not history and status.started:
        words.append(f"started {duration(max(0.0, time.time() - status.started))} ago")
    if status.reason and status.state in ("queued", "stopped", "finished"):
        words.append(frame.plain(status.reason))
    return " · ".join(words)


def remaining(status: RunStatus, history: Sequence[EpochRecord]) -> float | None:
    """Return the seconds that the epochs left would take, None when not running.

    From the median of the last five: the first epoch also compiles the network.
    """
    if status.state != "running" or not history:
        return None
    recent = [record.seconds for record in history[-5:]]
    return (status.epochs - status.epoch) * statistics.median(recent)


def duration(seconds: float) -> str:
    """Return a length of time in words: ``"40 s"``, ``"3 min 20 s"``, ``"2 h 5 min"``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _buttons(run: Path, status: RunStatus) -> None:
    if status.state in ("queued", "running"):
        tip = "Finishes the batch, saves, and can be resumed."
        if st.button("Stop", icon=":material/stop:", key="train.stop", help=tip):
            runs.request_stop(run)
            st.rerun(scope="app")
    elif status.state in ("stopped", "failed", "lost"):
        tip = "Goes on from the last checkpoint."
        if st.button("Resume", icon=":material/play_arrow:", key="train.resume", help=tip):
            process.resume(run)
            st.rerun(scope="app")


def _what_happened(status: RunStatus) -> None:
    reason = frame.plain(status.reason or "no reason was written down")
    st.error(f"{status.state.capitalize()}: {reason}", icon=":material/error:")
    if status.log_tail:
        with st.expander("The last lines of its log", icon=":material/article:"):
            st.code("\n".join(status.log_tail[-15:]), language=None, wrap_lines=True)


def _numbers(status: RunStatus, history: Sequence[EpochRecord]) -> None:
    last = history[-1]
    gain = last.val_accuracy - last.val_background_accuracy
    best = "" if status.best_dice is None else f"best {status.best_dice:.3f}"
    where = "" if status.best_epoch is None else f" at epoch {status.best_epoch}"
    with st.container(horizontal=True):
        _number("Validation Dice", last.val_dice, best + where)
        _number("Training Dice", last.dice, None)
        _number("Validation accuracy", last.val_accuracy, f"{gain:+.3f} over all background")
        _number("Validation loss", last.val_loss, None)


def _number(label: str, value: float, note: str | None) -> None:
    st.metric(label, f"{value:.3f}", note or None, delta_color="off", delta_arrow="off")


def _curves(run_ids: Sequence[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        axis = st.segmented_control(
            "Horizontal axis", ("epoch", "time"), default="epoch", required=True,
            key="train.axis", format_func=str.capitalize,
        )  # fmt: skip
        weight = st.slider("Smoothing", 0.0, 0.95, 0.0, 0.05, key="train.smoothing", width=200)
    curves = _read_curves(run_ids)
    kind = "time" if axis == "time" else "epoch"
    for place, metric in zip(_places(), ("dice", "accuracy", "loss"), strict=True):
        with place:
            figure = charts.learning_curves(curves, metric, axis=kind, smoothing=weight)
            last = [f"{c.label}: {getattr(c.records[-1], 'val_' + metric):.3f}" for c in curves]
            charts.show(figure, f"train.{metric}", f"{charts.TITLES[metric]}. {'; '.join(last)}")


def _places() -> list[st.delta_generator.DeltaGenerator]:
    return [st.container(), *st.columns(2)]


def _read_curves(run_ids: Sequence[str]) -> list[charts.Curve]:
    curves = []
    for run_id, colour in zip(run_ids, charts.colours(run_ids), strict=True):
        run = runs.find(run_id)
        records, best = runs.history(run), runs.status(run).best_epoch
        if records:
            curves.append(
                charts.Curve(label=run_id, colour=colour, records=records, best_epoch=best)
            )
    return curves


def _previews(run: Path, status: RunStatus) -> None:
    pictures = runs.previews(run)
    if not pictures:
        return
    st.subheader("The same validation slices, epoch by epoch", anchor=False)
    epochs = sorted(pictures)
    epoch = epochs[-1]
    if len(epochs) > 1:
        key = f"train.preview.{run.name}"
        _stay_at_the_end(key, epochs)
        epoch = st.select_slider("Epoch", epochs, key=key)
    grid = st.grid(4, min_column_width=150, gap="small")
    for path in pictures[epoch]:
        grid.image(str(path), width="stretch", alt=f"Validation slice after epoch {epoch}")
    name = "ResUNet: orange" if "resunet" in run.name else "UNet: blue"
    st.caption(f"Truth: yellow outline. {name} outline, after epoch {epoch}.")


def _stay_at_the_end(key: str, epochs: Sequence[int]) -> None:
    """Let the slider follow new epochs while it stands at the last one."""
    seen = st.session_state.get(f"{key}.last")
    if st.session_state.get(key) in (None, seen) or st.session_state[key] not in epochs:
        st.session_state[key] = epochs[-1]
    st.session_state[f"{key}.last"] = epochs[-1]
