"""Lesson: what the networks are asked to do."""

from __future__ import annotations

import streamlit as st

from ui import cases
from ui.lessons.chosen import Chosen, has_tumour


def draw(chosen: Chosen) -> None:
    """Show a scan, then where its tumour is, and how little of it that is."""
    st.markdown(
        "A slice of a head, taken by a magnetic resonance scanner after a contrast agent was "
        "given. **Which of its pixels belong to a tumour?** Answering that for every pixel is "
        "called *segmentation*. A radiologist does it by hand, slice by slice; the two networks of "
        "this app, **UNet** and **ResUNet**, learn it from slices on which that was done."
    )
    if not has_tumour(chosen):
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        shown = st.toggle("Show where the tumour is", key="learn.shown")
        picture = chosen.outlined() if shown else chosen.grey
        said = "with the outline of its true mask" if shown else "alone"
        st.image(picture, width="stretch", alt=f"{chosen.name} {said}")
        st.caption("Yellow: the true mask." if shown else "Look first, then switch.")
    with right:
        _numbers(chosen)


def _numbers(chosen: Chosen) -> None:
    tumour, every = int(chosen.truth.sum()), chosen.truth.size
    with st.container(horizontal=True):
        st.metric("Pixels of this slice", f"{every:,}")
        st.metric("of them tumour", f"{tumour:,}")
        st.metric("Share", f"{tumour / every:.2%}")
    st.markdown(
        "Few pixels out of many: this one fact shapes all that follows, from how masks are stored "
        "to the loss that a network is trained with."
    )
    st.markdown(f"**What there is to learn from in {chosen.catalog.name}**")
    st.table(
        cases.summary_of(chosen.catalog), border="horizontal", hide_index=True,
        alt="Slices and patients by kind of tumour",
    )  # fmt: skip
    st.caption(
        "Slices of one patient look alike. So what a network is tested on comes from patients of "
        "whom it never saw a slice."
    )
