"""Home: what this is, a segmented scan at once, and where to go next."""

import streamlit as st
from brainseg import runs
from ui import cache, cases, evaluation, frame, viewer, widgets

OWN_SCAN = {"segment.source": "My own scan"}
NEXT = (
    ("segment", "Segment your own scan", ":material/ink_highlighter:", OWN_SCAN),
    ("compare", "Compare the two networks", ":material/compare:", None),
    ("dataset", "Browse the data", ":material/photo_library:", None),
    ("train", "Train a network", ":material/model_training:", None),
    ("learn", "Learn how it works", ":material/school:", None),
)


def glance(catalog: cache.Catalog, networks: tuple[cache.NetworkRef, ...]) -> None:
    """Show how much data, how many networks and runs there are."""
    patients = {sample.patient for sample in catalog.samples if sample.patient}
    states = [run.state for run in runs.list_runs()]
    counts = {
        "running": states.count("running") + states.count("stopping"),
        "queued": states.count("queued"),
    }
    busy = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    grid = st.grid(2, min_column_width=120)
    grid.metric("Slices", f"{len(catalog.samples):,}", border=True)
    grid.metric("Patients", f"{len(patients):,}" if patients else "unknown", border=True)
    grid.metric("Networks", sum(ref.kind != "ensemble" for ref in networks), border=True)
    grid.metric("Training runs", len(states), busy or None, border=True, delta_arrow="off")


with frame.open_page(
    "Brain tumour segmentation",
    "UNet and ResUNet outline the tumour on contrast-enhanced T1 MRI slices. Look through the "
    "data, train the networks, compare them pixel by pixel, and try them on a scan of your own.",
):
    networks = cache.networks()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        catalog = widgets.pick_dataset("home.dataset")
    with right:  # before the picture: opening the networks takes a moment
        if not networks:
            frame.empty_state(
                "**No trained network yet.** The quick recipe takes minutes on the demo data.",
                "Train a network", "train", icon=":material/model_training:",
            )  # fmt: skip
        st.subheader("At a glance", anchor=False)
        glance(catalog, networks)
        st.subheader("Next", anchor=False)
        for page, label, icon, query in NEXT:
            frame.link(page, label, icon=icon, query=query)
    with left:
        shown = [ref for ref in networks if ref.kind == "shipped"] or [
            ref for ref in networks if ref.saliency == "none"
        ][:1]
        held_out = evaluation.held_out(shown, catalog)
        sample = catalog.by_number(widgets.first_slice(catalog.samples, held_out))
        st.caption(cases.facts_for(sample, catalog, shown))
        with st.spinner("Segmenting a slice"):
            case = cases.of_sample(catalog, sample, shown)
        viewer.show(
            "home.viewer", [cases.all_panel(case)], cases.layers(case),
            truth=cases.truth_of(case), values=case.pixels, scene=case.scene,
            threshold=cases.threshold_of(shown),
        )  # fmt: skip
