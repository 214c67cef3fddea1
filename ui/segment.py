"""Where the Segment screen gets its scan from: a dataset, a file, or the clipboard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from brainseg.networks import NetworkRef
from ui import cases, frame, uploads, widgets
from ui import segment_study as studies
from ui.segment_study import Study

_paste = st.components.v2.component(
    "brainseg_paste", js=(Path(__file__).parent / "viewer" / "paste.js").read_text("utf-8")
)


def choose_sample(refs: Sequence[NetworkRef]) -> Study:
    """Let the user choose a slice of a dataset, and say which of the networks know it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        catalog = widgets.pick_dataset("segment.dataset")
        sample = widgets.pick_sample("segment.sample", catalog, refs)
    st.caption(cases.facts_for(sample, catalog, refs))
    return studies.of_sample(catalog, sample)


def choose_upload() -> Study | None:
    """Let the user drop or paste a scan; None until there is one."""
    upload = uploads.upload_scan("segment.upload")
    _paste(key="segment.paste", data={"into": "st-key-segment-upload"})
    if upload is None:
        frame.empty_state(
            "**Drop a scan above**, several files of a DICOM series, or a zip of them.  \n"
            "A picture in the clipboard can be pasted. It is read on this machine only.",
            icon=":material/upload_file:",
        )
        return None
    study = studies.of_upload(upload)
    st.caption(_facts(study))
    return study


def _facts(study: Study) -> str:
    volume = study.volume
    depth, height, width = volume.voxels.shape
    parts = [
        frame.plain(volume.source),
        f"{depth} slice{'s' * (depth > 1)} of {height} by {width} pixels",
    ]
    if volume.spacing_mm is None:
        parts.append("no pixel size in the file, so areas are in pixels")
    else:
        between, row, column = volume.spacing_mm
        apart = "" if depth == 1 else f", {_apart(between)} from slice to slice"
        parts.append(f"pixels of {row:.2f} by {column:.2f} mm{apart}")
    return " · ".join(parts)


def _apart(between: float) -> str:
    return "an unknown distance" if math.isnan(between) else f"{between:.2f} mm"
