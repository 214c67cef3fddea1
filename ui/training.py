"""The form of the Train screen: from choices to configurations to started runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import streamlit as st

from brainseg import networks, paths, runs
from brainseg.data.catalog import Catalog
from brainseg.errors import BrainsegError
from brainseg.training import planning, process, queue, recipes
from brainseg.training.recipes import RunConfig
from brainseg.types import CONTRASTS, SALIENCY_INPUTS, Split
from ui import cache, frame, training_estimate, training_table, widgets
from ui.training_words import NETWORKS

CHOICES = {**NETWORKS, "both": "Both"}
UNITS = {"patient": "Patient", "slice": "Slice"}
OTHER = "Other"
STARTED = "train.started"  # how often; the form folds after every start, the run comes into view
OPTIMISERS = {"adam": "Adam", "adamw": "AdamW", "muon": "Muon"}
NEW, SHIPPED = "New weights", "Shipped weights"
NONE = "None"
SALIENCY = {"none": NONE, "1": "Map 1", "2": "Map 2", "both": "Both maps"}
_DIVIDING = (
    "model", "data", "tumour_free", "split_unit", "test_folds", "val_fraction", "test_fraction",
    "val_is_test", "seed", "saliency",
)  # fmt: skip
Grid = st.delta_generator.DeltaGenerator
TUNING_RATE = 0.1  # of the recipe's learning rate: trained weights want smaller steps


@st.fragment
def form() -> None:
    """Let the user choose, see what it amounts to and what it costs, and start."""
    try:
        configs = settings()
        split = divide(configs[0])
    except BrainsegError as error:
        frame.refuse(error)
        st.button("Start training", icon=":material/play_arrow:", key="train.start", disabled=True)
        return
    st.caption(_amounts(configs[0], split))
    training_estimate.show(configs, split)
    st.caption("The same from the command line:")
    st.code(commands(configs), language="bash", wrap_lines=True)
    if st.button("Start training", type="primary", icon=":material/play_arrow:",
                 key="train.start"):  # fmt: skip
        try:
            started = launch(configs)
        except BrainsegError as error:
            frame.refuse(error)
            return
        training_table.choose(*started)
        st.session_state[STARTED] = st.session_state.get(STARTED, 0) + 1
        st.rerun()


def settings() -> list[RunConfig]:
    """Let the user choose what to train and how; one configuration per network.

    Raises:
        ConfigError: a value is out of range; the message says which and what would do.
    """
    left, right = st.columns([1, 1], gap="large")
    with left:
        name = st.segmented_control(
            "Recipe", recipes.RECIPES, default="quick", required=True, key="train.recipe",
            format_func=str.capitalize,
        )  # fmt: skip
        st.caption(recipes.SUMMARIES[name])
        base = recipes.recipe(name, model="unet", data="")
        epochs = _epochs(base)
    with right:
        catalog = widgets.pick_dataset("train.dataset")
        with st.container(horizontal=True):
            network = st.segmented_control(
                "Network", tuple(CHOICES), default="unet", required=True, key="train.network",
                format_func=CHOICES.__getitem__,
                help="Both: two runs, one after the other, with the same settings and split.",
            )  # fmt: skip
            models = tuple(NETWORKS) if network == "both" else (network,)
            start = _pick_start(models)
    changes = {"epochs": epochs, **_details(base, catalog, _fixed(models, start), start)}
    data = str(catalog.root)
    return [
        recipes.recipe(
            name, model=model, data=data, initial=_initial(model, start), **changes
        )
        for model in models
    ]  # fmt: skip


def _epochs(base: RunConfig) -> int:
    offered = [*sorted({base.epochs, 75, 300}), OTHER]
    chosen = st.segmented_control(
        "Epochs", offered, default=base.epochs, required=True, key=f"train.{base.recipe}.epochs",
        help="The most there will be: early stopping may end the run before.",
    )  # fmt: skip
    if chosen != OTHER:
        return int(chosen)
    return st.number_input(
        "How many epochs", 1, 10_000, 10, key=f"train.{base.recipe}.other", width=160
    )


def _pick_start(models: tuple[str, ...]) -> str:
    """Let the user choose the first weights: new, the shipped networks', or a finished run's."""
    found = cache.networks()
    offered = [NEW]
    if {ref.name for ref in found if ref.kind == "shipped"} >= set(models):
        offered.append(SHIPPED)
    if len(models) == 1:
        offered += [ref.name for ref in found if ref.kind == "run" and _model_of(ref) == models[0]]
    return st.selectbox(
        "Start from", offered, key=f"train.start_from.{'+'.join(models)}", width=190,
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
    described = _described(str(folder), (folder / "network.json").stat().st_mtime_ns)
    form = ("base", "depth", "norm", "saliency", "contrast")
    return {name: getattr(described, name) for name in form}


@st.cache_data(max_entries=16, show_spinner=False)
def _described(folder: str, stamp: int) -> networks.NetworkConfig:
    return networks.read_network(Path(folder))


def _details(
    base: RunConfig, catalog: Catalog, fixed: dict[str, Any], start: str
) -> dict[str, Any]:
    """Offer the hyper-parameters that are worth changing, folded, at the recipe's values."""
    key = f"train.{base.recipe}" if start == NEW else f"train.{base.recipe}.{start}"
    rate = float(f"{base.learning_rate * (1.0 if start == NEW else TUNING_RATE):.6g}")
    with st.expander("Details", icon=":material/tune:"):
        grid = st.grid(4, min_column_width=190, gap="small")
        changes = {
            "size": grid.number_input(
                "Input side (px)", 32, 1024, base.size, 16, key=f"{key}.size",
                help="Slices are scaled to so many pixels a side; time grows with its square.",
            ),
            "base": grid.number_input(
                "Base features", 2, 128, fixed.get("base", base.base), key=f"{key}.base",
                disabled="base" in fixed, help="Channels of the first level; each next has twice.",
            ),
            "batch_size": grid.number_input(
                "Batch size", 1, 512, base.batch_size, key=f"{key}.batch",
                help="Slices a step: more need more memory.",
            ),
            "learning_rate": grid.number_input(
                "Learning rate", 1e-6, 1.0, rate, 1e-4, format="%.5f", key=f"{key}.rate",
                help="Of the optimiser, after the warm-up and before it falls.",
            ),
            "patience": grid.number_input(
                "Patience", 0, 10_000, base.patience, key=f"{key}.patience",
                help="Epochs without a better score before it stops; 0: never stop early.",
            ),
            "seed": grid.number_input(
                "Seed", 0, 2**32 - 1, 0, key=f"{key}.seed",
                help="Decides the split, the first weights, the order and the augmentation.",
            ),
            "tumour_free": _tumour_free(grid, catalog),
            "saliency": _saliency(grid, catalog, fixed),
            "optimizer": grid.selectbox(
                "Optimiser", tuple(OPTIMISERS), tuple(OPTIMISERS).index(base.optimizer),
                key=f"{key}.optimiser", format_func=OPTIMISERS.__getitem__,
                help="Muon learns in far fewer epochs; each takes a little longer.",
            ),
            "contrast": grid.selectbox(
                "Contrast", CONTRASTS, CONTRASTS.index(fixed.get("contrast", base.contrast)),
                key=f"{key}.contrast", disabled="contrast" in fixed, format_func=str.capitalize,
                help="Linear: the scan from its darkest to its brightest value. Equalised: the "
                "grey levels of the head spread evenly, so that brain is told from tumour though "
                "fat is brighter than both.",
            ),
            **_mirrored(grid, base, key),
        }  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
            unit = st.segmented_control(
                "Split by", tuple(UNITS), default=base.split_unit, required=True,
                key=f"{key}.unit", format_func=UNITS.__getitem__,
                help="By patient no one is on both sides. By slice, as the source document did, "
                "neighbouring slices of one patient are, and the score looks better than it is.",
            )  # fmt: skip
            changes["tensorboard"] = st.checkbox(
                "TensorBoard files", base.tensorboard, key=f"{key}.tensorboard",
                help="Also writes the history for `tensorboard --logdir` into the run's folder.",
            )  # fmt: skip
    held = {"split_unit": unit, "val_is_test": base.val_is_test and unit == "slice"}
    return changes | fixed | held


def _saliency(grid: Grid, catalog: Catalog, fixed: dict[str, Any]) -> str:
    """Offer the dataset's maps as further channels, where every slice that is learned has them."""
    samples = catalog.with_truth
    offered = [
        name for name, wanted in SALIENCY_INPUTS.items()
        if all(s.saliency[which - 1] for s in samples for which in wanted)
    ]  # fmt: skip
    told = "saliency" in fixed
    return grid.selectbox(
        "Saliency maps beside the scan", [fixed["saliency"]] if told else offered,
        key=f"train.saliency.{catalog.root}.{fixed.get('saliency', '')}",
        disabled=told or len(offered) == 1, format_func=SALIENCY.__getitem__,
        help="The dataset's own maps as further channels. Such a network works only on slices that "
        "bring the same maps, never on an upload; see the study on the Saliency screen for what "
        "they tell. Disabled where slices lack them, or where the first weights decide.",
    )  # fmt: skip


def _mirrored(grid: Grid, base: RunConfig, key: str) -> dict[str, bool]:
    """Offer to divide batches over the GPUs where there are several."""
    found = len(queue.device_names())
    if found < 2:
        return {}
    whole = base.loss == "dice_batch"
    return {
        "mirrored": grid.toggle(
            f"All {found} GPUs for one run", key=f"{key}.mirrored", disabled=whole,
            help="The loss of this recipe looks at the whole batch: it cannot be divided."
            if whole else "Every batch is divided over them; the run waits until all are free. "
            "Off: each run takes one, and two runs go side by side.",
        )
    }  # fmt: skip


def _tumour_free(grid: Grid, catalog: Catalog) -> str:
    """Offer the known folders in which no slice has a tumour drawn: they may be free of any."""
    here = str(catalog.root)
    roots = {
        ref.label: ref.root
        for ref in cache.datasets()
        if ref.root != here and all(s.mask is None for s in cache.catalog(ref.root).samples)
    }
    chosen = grid.selectbox(
        "Tumour-free slices", [NONE, *roots], key="train.tumour_free",
        disabled=not roots,
        help="A dataset folder without masks, whose slices you know to have no tumour: the network "
        "learns to leave them empty. Name such folders in BRAINSEG_DATA.",
    )  # fmt: skip
    return roots.get(chosen, "")


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
    return (
        f"{len(split.train):,} slices to learn from, {len(split.val):,} to validate, {held}; "
        f"divided by {split.unit}. {steps:,} steps an epoch."
    )


def commands(configs: list[RunConfig]) -> str:
    """Return the command lines that do the same as the button."""
    return "\n".join(recipes.command(config) for config in configs)


def launch(configs: list[RunConfig]) -> list[str]:
    """Create and start a run per configuration and return their ids.

    Workers wait for each other, so that runs train one after the other.
    """
    training_estimate.cancel(configs)
    folders = [planning.new_run(config) for config in configs]
    for folder in folders:
        process.start(folder)
    return [folder.name for folder in folders]
