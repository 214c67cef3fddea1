"""Lesson: from the file to what a network gets, one step at a time, by the real functions."""

from __future__ import annotations

import numpy as np
import streamlit as st

from brainseg import palette
from brainseg.data.catalog import upright
from ui import cache, pictures, preparing
from ui.lessons.chosen import Chosen

SIZES = (32, 64, 128, 256)


def draw(chosen: Chosen) -> None:
    """Show every step of the image, then the two of the mask."""
    st.markdown(
        "A network takes a square of numbers between 0 and 1, always of the same size. These are "
        "the steps that training, prediction and evaluation all go through, in their order; every "
        "picture below is what the step really returned for your slice."
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        size = st.segmented_control(
            "Side of the square (px)", SIZES, default=256, required=True, key="learn.size"
        )
        narrow = st.toggle(
            "Cut the slice to a narrow one first", key="learn.narrow",
            help="Most slices here are square already. A narrow one shows what padding is for.",
        )  # fmt: skip
    steps = preparing.image_steps(chosen.catalog, chosen.sample, int(size or 256), narrow=narrow)
    grid = st.grid(3, min_column_width=230, gap="medium")
    for number, step in enumerate(steps, start=1):
        with grid.cell():
            picture = pictures.enlarged(pictures.grey_of(step.values))
            st.image(picture, width="stretch", alt=f"Step {number}: {step.name}")
            st.markdown(f"**{number}. {step.name}**")
            st.caption(f"{step.said}  \n`{preparing.told(step.values)}`")
    st.caption(
        "The files of the public dataset lie transposed, rows and columns swapped. They are shown "
        "upright, and a small network turns every scan upright before the UNet or the ResUNet "
        "sees it: a head that always stands is easier to learn than one in eight positions."
        if chosen.catalog.orientation == "transposed" else
        "The files of this dataset lie upright already: nothing is turned."
    )  # fmt: skip
    st.subheader("The mask goes another way", anchor=False)
    _mask(chosen, int(size or 256))


def _mask(chosen: Chosen, size: int) -> None:
    st.markdown(
        "It is padded and resized like the image, but by **area**: a pixel of the small mask "
        "covers several of the large one, and is tumour if at least **half** of them are. Resized "
        "like a photograph it would have greys at its rim, which are neither yes nor no."
    )
    mask = cache.sample_mask(chosen.root, chosen.sample.number)
    small, share = preparing.mask_steps(mask, size)
    named = (
        ("As filed", pictures.flat(mask, palette.TRUTH), preparing.told(mask)),
        ("Share of each pixel that is tumour", pictures.grey_of(share), preparing.told(share)),
        ("At least half", pictures.flat(small, palette.TRUTH), preparing.told(small)),
    )
    grid = st.grid(3, min_column_width=230, gap="medium")
    for title, picture, told in named:
        with grid.cell():
            turned = pictures.enlarged(upright(picture, chosen.catalog))
            st.image(turned, width="stretch", alt=f"Mask: {title}")
            st.caption(f"**{title}**  \n`{told}`")
    before, after = float(np.mean(mask)), float(np.mean(small))
    st.caption(f"Tumour before: {before:.2%} of the pixels; after: {after:.2%}. Both upright here.")
