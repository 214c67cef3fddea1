"""Lesson: the results as the source document draws them, scan, mask, UNet, ResUNet."""

from __future__ import annotations

import numpy as np
import streamlit as st

from brainseg import metrics, palette
from brainseg.networks import NetworkRef
from ui import cache, cases, evaluation_view, frame, pictures
from ui.cases import Case
from ui.lessons.chosen import Chosen


def draw(chosen: Chosen) -> None:
    """Show the slice, its true mask and both networks' in a row."""
    shipped = [ref for ref in cache.networks() if ref.kind == "shipped"]
    if not shipped:
        frame.empty_state(
            "**There is no shipped network to look at.** Train one, then compare.",
            "Train a network", "train", icon=":material/model_training:",
        )  # fmt: skip
        return
    st.markdown(
        "The scan, its true mask, and what the two networks say, each at its own "
        "threshold. Step through the slices with the arrow keys: the mean hides how different "
        "they are."
    )
    evaluation_view.warn_of_training(shipped, [chosen.catalog], [chosen.sample.number])
    case = cases.of_sample(chosen.catalog, chosen.sample, shipped)
    grid = st.grid(2 + len(shipped), min_column_width=150, gap="small")
    with grid.cell():
        st.image(chosen.grey, width="stretch", alt=chosen.name)
        st.caption(f"**Scan**  \n{frame.plain(chosen.name)}")
    with grid.cell():
        truth = pictures.flat(chosen.truth, palette.TRUTH)
        st.image(truth, width="stretch", alt="The true mask")
        st.caption(f"**True mask**  \n{int(chosen.truth.sum()):,} px")
    for ref in shipped:
        with grid.cell():
            _network(case, ref)
    st.caption(cases.facts_of(chosen.sample))
    query = {"compare.sample": chosen.sample.number}
    frame.link("compare", "Compare the two on this slice", icon=":material/compare:", query=query)


def _network(case: Case, ref: NetworkRef) -> None:
    threshold = cache.segmenter(ref.name).config.threshold
    mask = case.predictions[ref.label].mask(threshold)
    picture = pictures.flat(mask, case.colours[ref.label])
    st.image(picture, width="stretch", alt=f"The mask of {ref.label}")
    dice = metrics.dice(metrics.confusion(mask, case.truth))
    shown = f"Dice **{dice:.3f}**" if np.isfinite(dice) else "no Dice: both masks are empty"
    st.caption(f"**{ref.label}**  \n{shown} · {int(mask.sum()):,} px, at {threshold:g}")
