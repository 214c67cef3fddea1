"""The form of the Train screen: from choices to configurations to started runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from brainseg import networks, paths, runs
from brainseg.errors import BrainsegError, RunError
from brainseg.training import lineage, planning, process, recipes
from brainseg.training.recipes import RunConfig
from brainseg.types import Split
from ui import (
    cache,
    frame,
    training_actions,
    training_details,
    training_estimate,
    training_settings,
    training_table,
    widgets,
)
from ui.training_words import NETWORKS

CHOICES = {**NETWORKS, "both": "Both"}
OTHER = "Other"
STARTED = "train.started"  # how often; the form folds after every start, the run comes into view
_FEW = 10  # validation slices
NEW, SHIPPED = "New weights", "Shipped weights"
_DIVIDING = (
    "model", "data", "tumour_free", "split_unit", "test_folds", "val_fraction", "test_fraction",
    "val_is_test", "seed", "saliency",
)  # fmt: skip


@st.fragment
def form() -> None:
    """Let the user choose, see what it amounts to and what it costs, and start."""
    training_estimate.ask()
    try:
        configs = settings()
        split = divide(configs[0])
    except BrainsegError as error:
        frame.refuse(error)
        st.button("Start training", icon=":material/play_arrow:", key="train.start", disabled=True)
        return
    st.caption(_amounts(configs[0], split))
    _changes(configs[0])
    training_estimate.show(configs, split)
    st.caption("The same from the command line:")
    st.code(commands(configs), language="bash", wrap_lines=True)
    if st.button("Start training", type="primary", icon=":material/play_arrow:",
                 key="train.start"):  # fmt: skip
        started, refusals = launch(configs)
        if not started:
            frame.refuse(RunError("; ".join(refusals)))
            return
        if refusals:
            st.session_state[training_actions.REFUSED] = "; ".join(refusals)
        training_table.choose(*started)
        st.session_state[STARTED] = st.session_state.get(STARTED, 0) + 1
        st.rerun()


def _changes(config: RunConfig) -> None:
    """Say what was changed in the folded details, which keep it for the next run, too."""
    if not training_settings.changes(config):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Not as in the recipe: {training_settings.told_changes(config)}.")
        st.button(
            "Back to the recipe", icon=":material/undo:", type="tertiary", key="train.back",
            on_click=training_details.begin_anew,
        )  # fmt: skip


def settings() -> list[RunConfig]:
    """Let the user choose what to train and how; one configuration per network.

    Raises:
        ConfigError: a value is out of range; the message says which and what would do.
    """
    left, right = st.columns(2, gap="medium")
    with left:
        name = st.segmented_control(
            "Recipe", recipes.RECIPES, default="quick", required=True, key="train.recipe",
            format_func=str.capitalize, persist_state="session",
        )  # fmt: skip
        st.caption(recipes.SUMMARIES[name])
        base = recipes.recipe(name, model="unet", data="")
        epochs = _epochs(base)
    with right:
        catalog = widgets.pick_dataset("train.dataset")
        with st.container(horizontal=True):
            network = st.segmented_control(
                "Network", tuple(CHOICES), default="unet", required=True, key="train.network",
                format_func=CHOICES.__getitem__, persist_state="session",
                help="Both: two runs, one after the other, with the same settings and split.",
            )  # fmt: skip
            models = tuple(NETWORKS) if network == "both" else (network,)
            start = _pick_start(models)
    key, rate = training_details.key_of(base.recipe), base.learning_rate
    if start != NEW:
        key, rate = f"{key}.{start}", recipes.tuning_rate(rate)
    changes = training_details.show(
        key, replace(base, learning_rate=rate), catalog, _fixed(models, start)
    )
    changes["epochs"] = epochs
    data = str(catalog.root)
    return [
        recipes.recipe(
            name, model=model, data=data, initial=_initial(model, start), **changes
        )
        for model in models
    ]  # fmt: skip


def _epochs(base: RunConfig) -> int:
    offered = [*sorted({base.epochs, 75, 300}), OTHER]
    key = training_details.key_of(base.recipe)
    chosen = st.segmented_control(
        "Epochs", offered, default=base.epochs, required=True, key=f"{key}.epochs",
        persist_state="session",
        help="The most there will be: patience, where it is not 0, may end the run before.",
    )  # fmt: skip
    if chosen != OTHER:
        return int(chosen)
    return st.number_input(
        "How many epochs", 1, 10_000, 10, key=f"{key}.other", width=160,
        persist_state="session",
    )  # fmt: skip


def _pick_start(models: tuple[str, ...]) -> str:
    """Let the user choose the first weights: new, the shipped networks', or a finished run's."""
    found = cache.networks()
    offered = [NEW]
    if {ref.name for ref in found if ref.kind == "shipped"} >= set(models):
        offered.append(SHIPPED)
    if len(models) == 1:
        offered += [ref.name for ref in found if ref.kind == "run" and _model_of(ref) == models[0]]
    return st.selectbox(
        "Start from", offered, key=training_details.key_of(f"start_from.{'+'.join(models)}"),
        width=190,
        persist_state="session",
        help="Trained weights are tuned further, in steps a tenth as large.",
        format_func=lambda name: name if name in (NEW, SHIPPED) else f"Run {name}",
    )  # fmt: skip


def _model_of(ref: networks.NetworkRef) -> str | None:
    try:
        return runs.config(ref.folder.parent).model
    except (BrainsegError, KeyError):
        return None


def _initial(model: str, start: str) -> str:
    return {NEW: "", SHIPPED: model}.get(start, start)


def _fixed(models: tuple[str, ...], start: str) -> dict[str, Any]:
    """Return the settings that the first weights decide: the form of the network they are for."""
    if start == NEW:
        return {}
    folder = paths.PRETRAINED / models[0] if start == SHIPPED else paths.runs() / start / "network"
    return _form(str(folder), (folder / "network.json").stat().st_mtime_ns)


@st.cache_data(max_entries=16, show_spinner=False)
def _form(folder: str, written: int) -> dict[str, Any]:
    return lineage.form(Path(folder))


def divide(config: RunConfig) -> Split:
    """Return the parts into which this configuration divides the data.

    Raises:
        DataError: there are too few slices with a truth.
    """
    digests = [cache.catalog(root).digest for root in (config.data, config.tumour_free) if root]
    plain = config.to_dict()
    decisive = {name: plain[name] for name in _DIVIDING}
    return _divided(json.dumps(decisive), tuple(digests))


@st.cache_data(max_entries=16, show_spinner=False)
def _divided(config: str, digests: tuple[str, ...]) -> Split:
    wanted = RunConfig.from_dict(json.loads(config))
    return planning.split_of(wanted, planning.open_data(wanted.data, wanted.tumour_free))


def _amounts(config: RunConfig, split: Split) -> str:
    steps = -(-len(split.train) // config.batch_size)
    held = "validation and test are the same slices" if config.val_is_test else (
        f"{len(split.test):,} held out for the test"
    )  # fmt: skip
    few = " So few validate that their score says little." if len(split.val) < _FEW else ""
    return (
        f"{len(split.train):,} slices to learn from, {len(split.val):,} to validate, {held}; "
        f"divided by {split.unit}. {steps:,} steps an epoch.{few}"
    )


def commands(configs: list[RunConfig]) -> str:
    """Return the command lines that do the same as the button."""
    return "\n".join(recipes.command(config) for config in configs)


def launch(configs: list[RunConfig]) -> tuple[list[str], list[str]]:
    """Make and start a run per configuration; return the ids, and why others were not started.

    Workers wait for each other, so that runs train one after the other.
    """
    training_estimate.cancel(configs)
    started: list[str] = []
    refusals: list[str] = []
    for config in configs:
        try:
            started.append(process.launch(config).name)
        except BrainsegError as error:
            refusals.append(f"{NETWORKS[config.model]} was not started: {error}")
    return started, refusals
