"""Compare: two networks on the same slice, against the truth and against each other."""

import streamlit as st
from ui import cases, compare, compare_scores, compare_view, frame, widgets

with frame.open_page(
    "Compare",
    "The same slice through two networks: where each is right, and where they disagree.",
):
    widgets.need_networks()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        catalog = widgets.pick_dataset(compare.DATASET)
        refs = compare.pick_pair(catalog)
    compare.need_two(*refs)

    chosen = compare.choose_slices(refs, catalog)
    pair = compare_scores.kept(*refs, catalog, chosen) if chosen else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sample = widgets.pick_sample(
            "compare.sample", catalog, default=compare.first_slice(catalog, refs)
        )
        compare.tour(pair)
    compare.why_not(refs, catalog, chosen, pair)
    st.caption(compare.facts(sample, catalog, refs, pair))

    case = cases.of_sample(catalog, sample, refs)
    threshold = compare_view.slice_view(case, refs)

    one_slice, every_slice = st.columns(2, gap="large")
    with one_slice:
        compare_view.numbers(case, threshold)
        compare_view.threshold_curves(case, threshold)
    with every_slice:
        compare.all_slices(refs, catalog, chosen, pair, sample.number)
    st.caption(f"{compare.keys(pair)} The address of this page brings this view back.")
