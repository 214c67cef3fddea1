"""The form of the Train screen: from choices to configurations to started runs."""

from __future__ import annotations

from typing import Any

import streamlit as st

from brainseg.training import planning, process, recipes
from brainseg.training.recipes import RunConfig
from ui import widgets

NETWORKS = {"unet": "UNet", "resunet": "ResUNet", "both": "Both"}
UNITS = {"patient": "Patient", "slice": "Slice"}
OTHER = "Other"


def settings() -> list[RunConfig]:
    """Let the user choose what to train and how; one configuration per network.

    Raises:
        ConfigError: a value is out of range; the message says which and what would do.
    """
    left, right = st.columns([1, 1], gap="large")
    with left:
        catalog = widgets.pick_dataset("train.dataset")
        network = st.segmented_control(
            "Network", tuple(NETWORKS), default="unet", required=True, key="train.network",
            format_func=NETWORKS.__getitem__,
            help="Both: two runs, one after the other, with the same settings and split.",
        )  # fmt: skip
    with right:
        name = st.segmented_control(
            "Recipe", recipes.RECIPES, default="quick", required=True, key="train.recipe",
            format_func=str.capitalize,
        )  # fmt: skip
        st.caption(recipes.SUMMARIES[name])
        start = recipes.recipe(name, model="unet", data=str(catalog.root))
        epochs = _epochs(start)
    changes = {"epochs": epochs, **_details(start)}
    models = ("unet", "resunet") if network == "both" else (network,)
    return [
        recipes.recipe(name, model=model, data=str(catalog.root), **changes) for model in models
    ]


def _epochs(start: RunConfig) -> int:
    offered = [*sorted({start.epochs, 75, 300}), OTHER]
    chosen = st.segmented_control(
        "Epochs", offered, default=start.epochs, required=True, key=f"train.{start.recipe}.epochs",
        help="The most there will be: early stopping may end the run before.",
    )  # fmt: skip
    if chosen != OTHER:
        return int(chosen)
    return st.number_input(
        "How many epochs", 1, 10_000, 10, key=f"train.{start.recipe}.other", width=160
    )


def _details(start: RunConfig) -> dict[str, Any]:
    """Offer the hyper-parameters that are worth changing, folded, at the recipe's values."""
    key = f"train.{start.recipe}"
    with st.expander("Details", icon=":material/tune:"):
        row = st.container(horizontal=True)
        size = row.number_input("Input side (px)", 32, 1024, start.size, 16, key=f"{key}.size")
        base = row.number_input("Base features", 2, 128, start.base, key=f"{key}.base")
        batch = row.number_input("Batch size", 1, 512, start.batch_size, key=f"{key}.batch")
        row = st.container(horizontal=True)
        rate = row.number_input(
            "Learning rate", 1e-6, 1.0, start.learning_rate, 1e-4, format="%.5f", key=f"{key}.rate"
        )
        patience = row.number_input(
            "Patience",
            0,
            1000,
            start.patience,
            key=f"{key}.patience",
            help="Epochs without a better score before it stops; 0: never stop early.",
        )
        seed = row.number_input("Seed", 0, 2**32 - 1, 0, key=f"{key}.seed")
        unit = st.segmented_control(
            "Split by", tuple(UNITS), default=start.split_unit, required=True, key=f"{key}.unit",
            format_func=UNITS.__getitem__,
            help="By patient no one is on both sides. By slice, as the source document did, "
            "neighbouring slices of one patient are, and the score looks better than it is.",
        )  # fmt: skip
    changes = {"size": size, "base": base, "batch_size": batch, "learning_rate": rate}
    changes |= {"patience": patience, "seed": seed, "split_unit": unit}
    return changes | {"val_is_test": start.val_is_test and unit == "slice"}


def commands(configs: list[RunConfig]) -> str:
    """Return the command lines that do the same as the button."""
    return "\n".join(recipes.command(config) for config in configs)


def launch(configs: list[RunConfig]) -> str:
    """Create and start a run per configuration and return the id of the first.

    Workers wait for each other, so that runs train one after the other.
    """
    folders = [planning.new_run(config) for config in configs]
    for folder in folders:
        process.start(folder)
    return folders[0].name
