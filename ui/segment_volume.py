"""Volumes on the Segment screen: all slices in the background, what they measure, the surface."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from brainseg.measure import Measurement, measure
from ui import frame
from ui.segment_study import Finding, Look, Study

AT_ONCE = 64  # slices: a smaller volume is segmented without being asked
_BEGUN = "segment.begun"
_NONE = "\N{EN DASH}"


def start_if_small(study: Study, found: Sequence[Finding]) -> None:
    """Begin with the other slices of a volume of common size, once; a cancel stays a cancel."""
    begun = st.session_state.setdefault(_BEGUN, [])
    for finding in found:
        mark = f"{study.scene} {finding.fingerprint}"
        if 1 < study.depth <= AT_ONCE and mark not in begun:
            begun.append(mark)
            del begun[:-64]
            finding.slices.start(study.middle)


def show(study: Study, found: Sequence[Finding], look: Look) -> None:
    """Show how far the slices are, then what the masks of all of them measure."""
    if not all(finding.slices.complete for finding in found):
        _progress(study, found, look)
        return
    st.markdown("**The whole volume at this threshold**")
    rows = [_row(finding, _measured(study, finding, look), look, study) for finding in found]
    st.dataframe(rows, hide_index=True, width="stretch", row_height=36)
    spacing = study.volume.spacing_mm
    if spacing is None:
        st.caption("The file does not say how large its voxels are: no mm² and no ml.")
    elif math.isnan(spacing[0]):
        st.caption("The file does not say how far apart its slices lie: no ml.")
    if st.toggle("3-D surface", key="segment.surface", help="Turn it with the mouse."):
        from ui import segment_surface

        segment_surface.show(study, found, look)


def _progress(study: Study, found: Sequence[Finding], look: Look) -> None:
    total = sum(finding.slices.depth for finding in found)
    done = sum(finding.slices.done for finding in found)
    running = any(finding.slices.running for finding in found)
    for finding in found:
        if finding.slices.error:
            st.error(frame.plain(finding.slices.error), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center"):
        if running:
            st.progress(done / total, text=f"Segmenting all slices: {done} of {total}")
            st.button(
                "Cancel", key="segment.cancel", icon=":material/close:",
                on_click=lambda: [finding.slices.cancel() for finding in found],
            )  # fmt: skip
            return
        st.caption(f"{done} of {total} slices are segmented: each one when you come to it.")
        if st.button(
            f"Segment all {study.depth} slices", key="segment.all", type="primary",
            icon=":material/play_arrow:",
        ):  # fmt: skip
            for finding in found:
                finding.slices.start(look.index)
            st.rerun(scope="app")


def _measured(study: Study, finding: Finding, look: Look) -> Measurement:
    corrected = tuple(
        (index, look.corrections[finding.label, index].tobytes())
        for index in look.corrected(finding)
    )
    return _measure(
        study.scene, finding.fingerprint, look.threshold, hash(corrected), study, finding, look
    )


@st.cache_data(max_entries=64, show_spinner="Measuring", scope="session")
def _measure(
    scene: str, source: str, threshold: float, corrected: int,
    _study: Study, _finding: Finding, _look: Look,
) -> Measurement:  # fmt: skip
    return measure(_look.masks(_finding), _study.volume.spacing_mm)


def _row(
    finding: Finding, found: Measurement, look: Look, study: Study
) -> dict[str, str | int | None]:
    areas = found.area_px
    largest = max(areas)
    where = f"{areas.index(largest) + 1} ({largest:,} px)" if largest else _NONE
    diameter = _NONE
    if found.largest_diameter_mm is not None and found.largest_diameter_slice is not None:
        diameter = f"{found.largest_diameter_mm:.1f} mm, slice {found.largest_diameter_slice + 1}"
    row = {
        "Network": finding.label,
        "Slices with tumour": f"{sum(area > 0 for area in areas)} of {study.depth}",
        "Largest area on slice": where,
        "Pieces": str(found.components),
    }
    if study.volume.spacing_mm is not None:
        row["Volume"] = _NONE if found.volume_ml is None else f"{found.volume_ml:.1f} ml"
        row["Largest diameter"] = diameter
    if corrected := look.corrected(finding):
        row["Corrected by hand"] = "slice " + ", ".join(str(i + 1) for i in corrected)
    return row
