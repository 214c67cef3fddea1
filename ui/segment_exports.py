"""What can be taken away from the Segment screen; nothing is made before the click."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from brainseg import __version__
from brainseg.data import masks as files
from brainseg.gate import Verdict
from brainseg.measure import measure
from ui import frame, pictures
from ui.segment_gate import verdict_of
from ui.segment_study import Finding, Look, Study


def offer(study: Study, found: Sequence[Finding], look: Look) -> None:
    """Offer pictures of this slice, masks of the whole study in its own geometry, and a report."""
    st.markdown("**Take it with you**")
    refs = [finding.ref for finding in found]
    verdict = verdict_of(study, refs, look.index)  # not known after the click
    stem = study.name if study.depth == 1 else f"{study.name}_slice-{look.index + 1}"
    with st.container(horizontal=True):
        for finding in found:
            _button(
                f"{finding.label} PNG mask", lambda one=finding: files.png_mask(look.mask(one)),
                f"{stem}_{finding.ref.name}_mask.png", "image/png",
            )  # fmt: skip
        _button(
            "PNG overlay", lambda: _overlay(study, found, look), f"{stem}_overlay.png",
            "image/png",
        )  # fmt: skip
        _button(
            "JSON report", lambda: report(study, found, look, verdict), f"{study.name}_report.json",
            "application/json",
        )  # fmt: skip
    if study.files:
        _offer_volumes(study, found, look)
    if any(look.corrected(finding) for finding in found):
        st.caption("Masks that were corrected by hand are exported as corrected.")


def _offer_volumes(study: Study, found: Sequence[Finding], look: Look) -> None:
    """Offer NIfTI and DICOM where the upload was one; when every slice is segmented."""
    with st.container(horizontal=True):
        for finding in found:
            wait = None if finding.slices.complete else "Segment all slices first."
            if study.volume.geometry_from == "NIfTI":
                _button(
                    f"{finding.label} NIfTI mask",
                    lambda one=finding: files.nifti_mask(study.files[0][1], look.masks(one)),
                    f"{study.name}_{finding.ref.name}_mask.nii.gz", "application/gzip", wait,
                )  # fmt: skip
            elif study.volume.geometry_from == "DICOM":
                _button(
                    f"{finding.label} DICOM SEG",
                    lambda one=finding: _segmentation(study, one, look),
                    f"{study.name}_{finding.ref.name}_seg.dcm", "application/dicom",
                    _lacking(study) or wait,
                )  # fmt: skip


def _segmentation(study: Study, finding: Finding, look: Look) -> bytes:
    return files.dicom_seg(
        [data for _, data in study.files], look.masks(finding),
        model=finding.label, volume_index=study.volume_index,
        corrected=bool(look.corrected(finding)),
    )  # fmt: skip


def _lacking(study: Study) -> str | None:
    """Say before the click why there can be no Segmentation: afterwards there is no place to."""
    if not study.volume.lacks:
        return None
    named = ", ".join(study.volume.lacks)
    return f"A DICOM Segmentation cannot refer to these images: their headers lack {named}."


def _button(
    label: str, make: Callable[[], bytes], name: str, mime: str, wait: str | None = None
) -> None:
    st.download_button(
        frame.plain(label), make, name, mime, icon=":material/download:",
        key=f"segment.download.{label}", on_click="ignore", disabled=wait is not None, help=wait,
    )  # fmt: skip


def _overlay(study: Study, found: Sequence[Finding], look: Look) -> bytes:
    drawn = {finding.colour: look.mask(finding) for finding in found}
    return pictures.overlay_png(study.volume.voxels[look.index], drawn, study.volume.window)


def report(
    study: Study, found: Sequence[Finding], look: Look, verdict: Verdict | None = None
) -> bytes:
    """Return what was found and how, as JSON: no number in it that was not computed or read."""
    told: dict[str, Any] = {
        "brainseg": __version__,
        "disclaimer": frame.DISCLAIMER,
        "scan": {
            "source": study.volume.source,
            "files": [
                {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for name, data in study.files
            ],
            "shape": list(study.volume.voxels.shape),
            "spacing_mm": _known(study.volume.spacing_mm),
            "slice_shown": look.index + 1,
        },
        "gate": None if verdict is None else asdict(verdict),
        "threshold": look.threshold,
        "results": [_result(study, finding, look) for finding in found],
    }
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()


def _known(spacing_mm: tuple[float, float, float] | None) -> list[float | None] | None:
    """Return the spacing for JSON, which knows no NaN: what is not told is null."""
    return spacing_mm and [None if math.isnan(mm) else mm for mm in spacing_mm]


def _result(study: Study, finding: Finding, look: Look) -> dict[str, Any]:
    known = [int(i) + 1 for i in finding.slices.known.nonzero()[0]]
    corrected = [index + 1 for index in look.corrected(finding)]
    measured = asdict(measure(look.masks(finding), study.volume.spacing_mm))
    if not finding.slices.complete:  # of a part nobody asked for
        for name in ("volume_ml", "largest_diameter_mm", "largest_diameter_slice", "components"):
            measured[name] = None
    if measured["largest_diameter_slice"] is not None:
        measured["largest_diameter_slice"] += 1
    return {
        "network": finding.ref.name,
        "network_checksum": finding.fingerprint,
        "slices_segmented": known,
        "slices_corrected_by_hand": corrected,
        "highest_probability": int(finding.slices.levels.max()) / pictures.STEPS,
        **measured,
    }
