"""Lesson: how the shipped networks were trained, from the history that they carry."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from brainseg import networks, palette
from brainseg.history import Stage
from brainseg.networks import NetworkRef
from brainseg.types import EpochRecord
from ui import cache, charts, frame
from ui.lessons.chosen import Chosen

Histories = dict[str, tuple[NetworkRef, tuple[Stage, ...]]]


def draw(chosen: Chosen) -> None:
    """Draw Dice, accuracy and loss of both networks, stage after stage."""
    st.markdown(
        "While a network trains, two sets of slices are scored after every epoch: those it learns "
        "from (dotted) and **those of other patients** (solid). Where the dotted line leaves the "
        "solid one behind, it has begun to learn its slices by heart."
    )
    shipped = [ref for ref in cache.networks() if ref.kind == "shipped"]
    found = {ref.label: (ref, networks.read_history(ref.folder)) for ref in shipped}
    told = {label: both for label, both in found.items() if both[1]}
    if not told:
        frame.empty_state(
            "**The shipped networks carry no record of their training.** Train one, and watch "
            "the same curves grow.", "Train a network", "train", icon=":material/model_training:",
        )  # fmt: skip
        return
    _curves(told)
    for label in found.keys() - told.keys():
        st.caption(f"{frame.plain(label)} carries no record of its training.")
    _stages(told)


def _curves(told: Histories) -> None:
    curves = [
        charts.Curve(
            label=label, colour=palette.of_model(ref.name), records=in_a_row(stages),
            best_epoch=best_epoch(stages),
        )
        for label, (ref, stages) in told.items()
    ]  # fmt: skip
    _one(curves, "dice")
    for place, metric in zip(st.columns(2, gap="large"), ("accuracy", "loss"), strict=True):
        with place:
            _one(curves, metric)
    st.caption(
        "**Ring**: the best epoch on the validation slices; on so few patients that is luck. The "
        "shipped weights are an average of those after the last epoch with some of those after the "
        "stage *upright*: what little augmentation gained stays, and most of what it cost on noisy "
        "or darkened scans comes back. **Dashed**: the accuracy of a mask with nothing in it, on "
        "the same slices."
    )


def _one(curves: list[charts.Curve], metric: str) -> None:
    last = [f"{c.label}: {getattr(c.records[-1], 'val_' + metric):.3f}" for c in curves]
    figure = charts.learning_curves(curves, metric)
    alt = f"{charts.TITLES[metric]} of the shipped networks. {'; '.join(last)}"
    charts.show(figure, f"learn.trained.{metric}", alt)


def in_a_row(stages: tuple[Stage, ...]) -> tuple[EpochRecord, ...]:
    """Return the epochs of all stages as one training: epochs and time go on counting."""
    records: list[EpochRecord] = []
    for stage in stages:
        epoch, elapsed = (records[-1].epoch, records[-1].elapsed) if records else (0, 0.0)
        records += [
            replace(r, epoch=epoch + r.epoch, elapsed=elapsed + r.elapsed) for r in stage.epochs
        ]
    return tuple(records)


def best_epoch(stages: tuple[Stage, ...]) -> int | None:
    """Return the best epoch of the last stage, counted through all; None where none is marked."""
    before = sum(stage.epochs[-1].epoch for stage in stages[:-1])
    best = [record.epoch for record in stages[-1].epochs if record.best]
    return before + best[-1] if best else None


def _stages(told: Histories) -> None:
    rows = [
        {"Network": label, "Stage": stage.name, "Side (px)": stage.size,
         "Epochs": stage.epochs[-1].epoch, "Hours": f"{stage.epochs[-1].elapsed / 3600:.1f}",
         "Best Dice on validation": f"{max(r.val_dice for r in stage.epochs):.3f}"}
        for label, (_, stages) in told.items() for stage in stages
    ]  # fmt: skip
    st.table(rows, border="horizontal", hide_index=True, alt="The stages of both trainings")
    with st.expander("The commands"):
        lines = [stage.command for _, stages in told.values() for stage in stages]
        st.code("\n".join(lines), language="bash", wrap_lines=True)
    frame.link("train", "Train one yourself", icon=":material/model_training:")
