"""Segment: a scan of your own, or a slice of a dataset, through one network or several."""

import streamlit as st
from brainseg.networks import NetworkRef
from ui import cases, frame, pictures, viewer, widgets
from ui.cases import Case

SAMPLE, OWN = "Dataset slice", "My own scan"


def choose_upload(networks: list[NetworkRef]) -> Case | None:
    """Let the user upload a scan and choose a slice of it; None until there is one."""
    upload = widgets.upload_scan("segment.upload")
    if upload is None:
        frame.empty_state(
            "**Nothing uploaded yet.** Choose a file above; it is read on this machine only.",
            icon=":material/upload_file:",
        )
        return None
    volume = upload.volume
    depth, height, width = volume.voxels.shape
    spacing = "no pixel size in the file, so areas are in pixels"
    if volume.spacing_mm:
        spacing = "pixels of {1:.2f} by {2:.2f} mm".format(*volume.spacing_mm)
    st.caption(f"{depth} slice{'s' * (depth > 1)} of {height} by {width} pixels · {spacing}")
    index = widgets.pick_slice("segment.slice", volume)
    return cases.of_upload(upload, index, networks)


def say_if_nothing_found(case: Case, threshold: float) -> None:
    """Say which networks see no tumour, and how far from one they are."""
    silent = [
        f"**{frame.plain(label)} found no tumour on this slice**: its highest probability is "
        f"{highest:.2f}, the threshold {threshold:.2f}."
        for label, highest in cases.highest(case).items()
        if highest < threshold
    ]
    if silent:
        st.info("  \n".join(silent), icon=":material/search_off:")


def offer_downloads(case: Case, threshold: float) -> None:
    """Offer each mask, and the scan with all outlines, as PNG in the scan's own size."""
    masks = {label: found.mask(threshold) for label, found in case.predictions.items()}
    stem = case.name.replace(" ", "-")
    with st.container(horizontal=True):
        for label, mask in masks.items():
            st.download_button(
                f"{label} mask", lambda mask=mask: pictures.mask_png(mask),
                f"{stem}_{label}_mask.png", "image/png", icon=":material/download:",
                key=f"segment.download.{label}", on_click="ignore",
            )  # fmt: skip
        drawn = {case.colours[label]: mask for label, mask in masks.items()}
        st.download_button(
            "Overlay", lambda: pictures.overlay_png(case.pixels, drawn), f"{stem}_overlay.png",
            "image/png", icon=":material/download:", key="segment.download", on_click="ignore",
        )  # fmt: skip


with frame.open_page("Segment", "Outline the tumour on a slice of a dataset or on your own scan."):
    widgets.need_networks()
    source = st.segmented_control(
        "Scan", [SAMPLE, OWN], default=SAMPLE, required=True, key="segment.source",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    if source == SAMPLE:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            catalog = widgets.pick_dataset("segment.dataset")
            sample = widgets.pick_sample("segment.sample", catalog)
            networks = widgets.pick_networks("segment.networks")
        st.caption(cases.facts_of(sample))
        case = cases.of_sample(catalog, sample, networks)
    else:
        case = choose_upload(widgets.pick_networks("segment.networks"))
    if case:
        panels = [cases.network_panel(case, label) for label in case.predictions]
        threshold = viewer.show(
            "segment.viewer", [cases.truth_panel(case), *panels], cases.layers(case),
            truth=cases.truth_of(case), pixel_mm2=case.pixel_mm2,
            values=case.pixels, aspect=case.aspect, scene=case.scene,
        )  # fmt: skip
        say_if_nothing_found(case, threshold)
        offer_downloads(case, threshold)
