"""The pictures of the Train screen: curves of one run or many, and slices epoch by epoch."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from brainseg import runs
from brainseg.errors import RunError
from brainseg.training import watch
from ui import charts, live_chart, training_table
from ui.training_words import config_of, name_of

COLOURS = "train.colours"  # run id -> the colour that it keeps while this session lasts
DEFINITIONS = (
    "**Dice** is 2 |A ∩ B| / (|A| + |B|), scored for each slice and then averaged; slices without "
    "tumour in truth and prediction are left out. **Solid**: validation, slices the network does "
    "not learn from. **Dotted**: training, on augmented slices and with weights that still change, "
    "so it can lie below validation, which sees plain slices and averaged weights. **Faint**: as "
    "measured, under its smoothed line. **Ring**: the best epoch, whose weights are kept, {best} "
    "Drag to zoom, double-click for all."
)
OUTLINES = {"unet": "UNet: blue outline", "resunet": "ResUNet: orange outline"}
AXES = {"epoch": "Epoch", "time": "Training time"}
MONITORS = {
    "val_dice_loss": "by the lowest validation Dice loss (1 - Dice of the probabilities).",
    "val_dice": "by the highest validation Dice.",
}
UNKNOWN_MONITOR = "as the run's own version chose it."


def show(run_ids: Sequence[str]) -> None:
    """Draw Dice, accuracy and loss of runs over each other, and their numbers side by side."""
    curves = _read(run_ids)
    if not curves:
        return
    axis, smoothing, log = _controls()
    identity = tuple((c.label, c.colour, c.best_epoch, c.records[-1]) for c in curves)
    for place, metric in zip(_places(), ("dice", "accuracy", "loss"), strict=True):
        with place:
            title = charts.TITLES[metric]
            st.markdown(f"**{title}**")
            last = [f"{c.label}: {getattr(c.records[-1], 'val_' + metric):.3f}" for c in curves]
            drawn = _figure(identity, metric, axis, smoothing, log, _curves=curves)
            alt = f"{title}. {'; '.join(last)}"
            live_chart.show(drawn, f"train.{metric}", alt, of=run_ids)
    config = config_of(run_ids[0])
    st.caption(DEFINITIONS.format(best=MONITORS[config.monitor] if config else UNKNOWN_MONITOR))
    training_table.side_by_side(run_ids)


@st.cache_data(max_entries=6, show_spinner=False)  # nobody asks for older epochs again
def _figure(
    identity: tuple[Any, ...],
    metric: str,
    axis: charts.Axis,
    smoothing: float,
    log: bool,
    *,
    _curves: Sequence[charts.Curve],
) -> dict[str, Any]:
    """Draw a figure once for every state of the runs: most looks come between two epochs."""
    return live_chart.plain(
        charts.learning_curves(_curves, metric, axis=axis, smoothing=smoothing, log=log)
    )


def _controls() -> tuple[charts.Axis, float, bool]:
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        axis = st.segmented_control(
            "Horizontal axis", tuple(AXES), default="epoch", required=True,
            key="train.axis", format_func=AXES.__getitem__, persist_state="session",
        )  # fmt: skip
        scale = st.segmented_control(
            "Loss axis", ("linear", "log"), default="linear", required=True, key="train.scale",
            format_func=str.capitalize, persist_state="session",
        )  # fmt: skip
        smoothing = st.slider(
            "Smoothing", 0.0, 0.95, 0.6, 0.05, key="train.smoothing", width=200,
            persist_state="session",
            help="Weight of the past in an exponential mean, with its start corrected; 0: none.",
        )  # fmt: skip
    return ("time" if axis == "time" else "epoch"), smoothing, scale == "log"


def _places() -> list[st.delta_generator.DeltaGenerator]:
    return [st.container(), *st.columns(2)]


def _read(run_ids: Sequence[str]) -> list[charts.Curve]:
    kept: dict[str, str] = st.session_state.setdefault(COLOURS, {})
    curves = []
    names = [name_of(run_id) for run_id in run_ids]
    for run_id, name, colour in zip(
        run_ids, names, charts.colours(run_ids, kept), strict=True
    ):  # fmt: skip
        kept[run_id] = colour
        try:
            records = runs.history(runs.find(run_id))
        except RunError:  # deleted meanwhile
            continue
        best = max((record.epoch for record in records if record.best), default=None)
        label = name if names.count(name) == 1 else run_id
        if records:
            curves.append(
                charts.Curve(label=label, colour=colour, records=records, best_epoch=best)
            )
    return curves


def previews(run: Path, *, alive: bool) -> None:
    """Show the four validation slices at an epoch of choice."""
    history = runs.history(run)
    epochs = [record.epoch for record in history]
    if not epochs or not watch.previews(run, epochs[-1]):
        return
    best = max((record.epoch for record in history if record.best), default=epochs[-1])
    st.subheader("The same validation slices, epoch by epoch", anchor=False)
    epoch = _choose_epoch(f"train.preview.{run.name}", epochs, best, alive=alive)
    grid = st.grid(4, min_column_width=150, gap="small")
    for number, path in enumerate(watch.previews(run, epoch), start=1):
        alt = f"Validation slice {number} after epoch {epoch}"
        grid.image(_inline(path, path.stat().st_mtime_ns), width="stretch", alt=alt)
    config = config_of(run)
    whose = OUTLINES[config.model] if config else "The network: the other outline"
    st.caption(
        f"Truth: yellow dashes, drawn on top. {whose}, at probability 0.5, after epoch {epoch}"
        f"{', the best' if epoch == best else f'; the best was {best}'}."
    )


def _choose_epoch(key: str, epochs: Sequence[int], best: int, *, alive: bool) -> int:
    """Let the user choose an epoch, the best at first, or follow the newest while the run lives.

    Following is a switch and has a slider of its own: what the browser sends with a poll may be
    older than what was set here, and looks like a hand that moved it.
    """
    if len(epochs) == 1:
        return epochs[0]
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        following = alive and st.toggle(
            "Newest epoch", True, key=f"{key}.follow", persist_state="session",
            help="On: the pictures follow the training. Off: choose an epoch.",
        )  # fmt: skip
        if following:
            st.session_state[f"{key}.newest"] = epochs[-1]
            st.session_state.pop(key, None)
            st.select_slider("Epoch", epochs, key=f"{key}.newest", disabled=True)
            return epochs[-1]
        if st.session_state.get(key) not in epochs:
            st.session_state[key] = epochs[-1] if alive else best
        return st.select_slider("Epoch", epochs, key=key, persist_state="session")


@st.cache_data(max_entries=16, show_spinner=False)
def _inline(path: Path, written: int) -> str:
    """Return a picture as an address that holds it; read once unless ``written`` changes.

    A file served beside the page is gone at the next look, before a slow browser has fetched it,
    and is made a JPEG, which smears outlines.
    """
    return "data:image/webp;base64," + base64.b64encode(path.read_bytes()).decode()
