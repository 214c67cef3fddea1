"""The folded half of the Train screen's form: the hyper-parameters that are worth changing."""

from __future__ import annotations

from typing import Any

import streamlit as st

from brainseg.data.catalog import Catalog
from brainseg.training import queue
from brainseg.training.recipes import RunConfig
from brainseg.types import CONTRASTS, SALIENCY_INPUTS
from ui import cache

Grid = st.delta_generator.DeltaGenerator
NONE = "None"
TURN = "train.details.turn"  # how often the fields were filled in anew
OPTIMISERS = {"adam": "Adam", "adamw": "AdamW", "muon": "Muon"}
PRECISIONS = {
    "float32": "32 bits",
    "mixed_float16": "Mixed float16",
    "mixed_bfloat16": "Mixed bfloat16",
}
SALIENCY = {"none": NONE, "1": "Map 1", "2": "Map 2", "both": "Both maps"}
UNITS = {"patient": "Patient", "slice": "Slice"}


def key_of(name: str) -> str:
    """Return the key of a field that a recipe fills in."""
    turn = st.session_state.get(TURN, 0)
    return f"train.{name}.{turn}" if turn else f"train.{name}"


def begin_anew() -> None:
    """Fill the fields as the recipe says: new ones, as a browser keeps what the old ones show."""
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1


def show(key: str, base: RunConfig, catalog: Catalog, fixed: dict[str, Any]) -> dict[str, Any]:
    """Offer the hyper-parameters that are worth changing, folded, at the values of ``base``.

    ``fixed`` are decided elsewhere: shown, not offered. Widgets have keys that begin with ``key``.
    """
    with st.expander("Details", icon=":material/tune:"):
        grid = st.grid(4, min_column_width=190, gap="small")
        changes = {
            "size": grid.number_input(
                "Input side (px)", 32, 1024, base.size, 16, key=f"{key}.size",
                persist_state="session",
                help="Slices are scaled to so many pixels a side; time grows with its square.",
            ),
            "base": grid.number_input(
                "Base features", 2, 128, fixed.get("base", base.base), key=f"{key}.base",
                persist_state="session",
                disabled="base" in fixed, help="Channels of the first level; each next has twice.",
            ),
            "batch_size": grid.number_input(
                "Batch size", 1, 512, base.batch_size, key=f"{key}.batch", persist_state="session",
                help="Slices a step: more need more memory.",
            ),
            "learning_rate": grid.number_input(
                "Learning rate", 1e-6, 1.0, base.learning_rate, 1e-4, format="%.5f",
                key=f"{key}.rate", persist_state="session",
                help="Of the optimiser, after the warm-up and before it falls.",
            ),
            "patience": grid.number_input(
                "Patience", 0, 10_000, base.patience, key=f"{key}.patience",
                persist_state="session",
                help="Epochs without a better score before it stops; 0: never stop early.",
            ),
            "seed": grid.number_input(
                "Seed", 0, 2**32 - 1, 0, key=f"{key}.seed", persist_state="session",
                help="Decides the split, the first weights, the order and the augmentation.",
            ),
            "tumour_free": _tumour_free(grid, catalog),
            "saliency": _saliency(grid, catalog, fixed),
            "optimizer": grid.selectbox(
                "Optimiser", tuple(OPTIMISERS), tuple(OPTIMISERS).index(base.optimizer),
                key=f"{key}.optimiser", persist_state="session", format_func=OPTIMISERS.__getitem__,
                help="Muon learns in far fewer epochs; each takes a little longer.",
            ),
            "contrast": grid.selectbox(
                "Contrast", CONTRASTS, CONTRASTS.index(fixed.get("contrast", base.contrast)),
                key=f"{key}.contrast",
                persist_state="session", disabled="contrast" in fixed, format_func=str.capitalize,
                help="Linear: the scan from its darkest to its brightest value. Equalised: the "
                "grey levels of the head spread evenly, so that brain is told from tumour though "
                "fat is brighter than both.",
            ),
            **_on_gpus(grid, base, key),
        }  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            unit = st.segmented_control(
                "Split by", tuple(UNITS), default=base.split_unit, required=True,
                key=f"{key}.unit", persist_state="session", format_func=UNITS.__getitem__,
                help="By patient no one is on both sides. By slice, as the source document did, "
                "neighbouring slices of one patient are, and the score looks better than it is.",
            )  # fmt: skip
            changes["tensorboard"] = st.checkbox(
                "TensorBoard files", base.tensorboard, key=f"{key}.tensorboard",
                persist_state="session",
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
        key=key_of(f"saliency.{catalog.root}.{fixed.get('saliency', '')}"), persist_state="session",
        disabled=told or len(offered) == 1, format_func=SALIENCY.__getitem__,
        help="The dataset's own maps as further channels. Such a network works only on slices that "
        "bring the same maps, never on an upload; see the study on the Saliency screen for what "
        "they tell. Disabled where slices lack them, or where the first weights decide.",
    )  # fmt: skip


def _on_gpus(grid: Grid, base: RunConfig, key: str) -> dict[str, Any]:
    """Offer shorter numbers where there is a GPU, and to divide batches where there are several."""
    found = queue.device_names()
    if found == ("cpu",):
        return {}
    changes: dict[str, Any] = {
        "precision": grid.selectbox(
            "Precision", tuple(PRECISIONS), tuple(PRECISIONS).index(base.precision),
            key=f"{key}.precision", persist_state="session", format_func=PRECISIONS.__getitem__,
            help="Mixed: most of the arithmetic in 16 bits, weights, loss and scores in 32. Faster "
            "and in half the memory on a GPU with tensor cores.",
        )
    }  # fmt: skip
    if len(found) > 1:
        whole = base.loss == "dice_batch"
        changes["mirrored"] = grid.toggle(
            f"All {len(found)} GPUs for one run", key=f"{key}.mirrored",
            persist_state="session", disabled=whole,
            help="The loss of this recipe looks at the whole batch: it cannot be divided."
            if whole else "Every batch is divided over them; the run waits until all are free. "
            "Off: each run takes one, and two runs go side by side.",
        )  # fmt: skip
    return changes


def _tumour_free(grid: Grid, catalog: Catalog) -> str:
    """Offer the known folders in which no slice has a tumour drawn: they may be free of any."""
    here = str(catalog.root)
    roots = {
        ref.label: ref.root
        for ref in cache.datasets()
        if ref.root != here and all(s.mask is None for s in cache.catalog(ref.root).samples)
    }
    chosen = grid.selectbox(
        "Tumour-free slices", [NONE, *roots], key=key_of("tumour_free"), persist_state="session",
        disabled=not roots,
        help="A dataset folder without masks, whose slices you know to have no tumour: the network "
        "learns to leave them empty. Name such folders in BRAINSEG_DATA.",
    )  # fmt: skip
    return roots.get(chosen, "")
