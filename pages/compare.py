"""Compare: two networks on the same slice, against the truth and against each other."""

import streamlit as st
from ui import cases, frame, viewer, widgets

with frame.open_page(
    "Compare",
    "The same slice through two networks: where each is right, and where they disagree.",
):
    widgets.need_networks()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        catalog = widgets.pick_dataset("compare.dataset")
        sample = widgets.pick_sample("compare.sample", catalog)
        first = widgets.pick_network("compare.first", "First network", "unet")
        second = widgets.pick_network("compare.second", "Second network", "resunet")
    st.caption(cases.facts_of(sample))

    if first == second:
        frame.empty_state(
            "**That is the same network twice.** Choose another one, or train a second.",
            "Train a network", "train", icon=":material/compare:",
        )  # fmt: skip
        st.stop()

    case = cases.of_sample(catalog, sample, [first, second])
    viewer.show(
        "compare.viewer", cases.comparison(case, first.label, second.label), cases.layers(case),
        truth=cases.truth_of(case), values=case.pixels, scene=case.scene,
    )  # fmt: skip
    st.caption(
        "Left and right arrow keys step through the slices. Scroll over a picture to zoom, drag "
        "to move, double-click to see the whole. The address of this page brings this view back."
    )
