"""The result on the Segment screen: the panels, and beneath them what follows from the masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from brainseg import palette
from brainseg.errors import BrainsegError
from brainseg.networks import NetworkRef
from brainseg.types import FloatArray
from ui import cache, frame, pictures, segment_corrections, viewer
from ui import segment_doubt as doubt
from ui import segment_exports as exports
from ui import segment_gate as heads
from ui import segment_resume as resume
from ui import segment_study as studies
from ui import segment_volume as volumes
from ui.segment_study import Finding, Look, Study
from ui.viewer import Layer, Panel, address
from ui.viewer.stack import Stack, StackLayer

KEY, THRESHOLD = "segment.viewer", "segment.threshold"
UNCERTAINTY = "segment.uncertainty"
TRUTH = "True mask"
_LOOK_AGAIN = "0.8s"  # while slices are segmented in the background


def show(study: Study, refs: Sequence[NetworkRef]) -> None:
    """Show the study with what the networks found; one slice at once, the others as they come."""
    if not refs:
        frame.empty_state("**Choose a network** to segment the scan with.", icon=":material/hub:")
        return
    found = studies.findings(study, refs)
    volumes.start_if_small(study, found)
    running = any(finding.slices.running for finding in found)
    st.fragment(_result, run_every=_LOOK_AGAIN if running else None)(study, found, running)


def _result(study: Study, found: Sequence[Finding], was_running: bool) -> None:
    try:
        look = _panels(study, found)
        heads.say_if_no_head(study, [finding.ref for finding in found], look.index)
        doubt.say_if_nothing_found(look, found)
        if study.depth > 1:
            volumes.show(study, found, look)
        doubt.show(study, found, look, _uncertainties(study, found, look.index))
        exports.offer(study, found, look)
    except BrainsegError as error:
        frame.refuse(error)
    if was_running and not any(finding.slices.running for finding in found):
        st.rerun(scope="app")  # everything is known: no more looking again


def _held() -> dict[str, Any]:
    return dict(st.session_state.get(KEY) or {})


def _wants_uncertainty() -> bool:
    """Whether the toggle below is on, or about to be: the link is there before it."""
    linked = st.query_params.get(UNCERTAINTY) == "true"
    return bool(st.session_state.get(UNCERTAINTY, linked))


def _index(study: Study) -> int:
    told = _held().get("slice")
    if isinstance(told, dict) and told.get("scene") == study.scene:
        return min(study.depth - 1, max(0, int(told.get("index", 0))))
    left = resume.index(study)
    return study.middle if left is None else left


def _panels(study: Study, found: Sequence[Finding]) -> Look:
    index = _index(study)
    for finding in found:
        finding.slices.of(index)
    packed = segment_corrections.keep(study.scene, _held().get("corrections"))
    scale, window = studies.grey_of(study.scene, study)
    unsure = _uncertainties(study, found, index)
    options: dict[str, Any] = {}
    if study.depth == 1:
        options["values"] = study.volume.voxels[0]
        layers = [
            *_truth_layer(study),
            *(_layer(one) for one in found),
            *_unsure_layers(found, unsure),
        ]
    else:
        layers = []
        options["stack"] = Stack(
            index=index, values=study.volume.voxels, scale=scale,
            layers=[_stack_layer(one) for one in found],
            extra=[viewer.slice_layer(one, index) for one in _unsure_layers(found, unsure)],
        )  # fmt: skip
    start = found[0].threshold
    threshold = viewer.show(
        KEY, _specs(study, found), layers, truth=TRUTH if study.truth is not None else None,
        threshold=address.threshold(THRESHOLD) or resume.threshold(study) or start,
        pixel_mm2=study.pixel_mm2,
        aspect=study.aspect, scene=study.scene, window=window, tools=("heat", "brush"),
        corrections=packed, linked=study.sample is not None, **options,
    )  # fmt: skip
    address.keep(THRESHOLD, threshold, start)
    resume.keep(study, index, threshold, start)
    corrections = segment_corrections.unpack(
        packed, [finding.label for finding in found], study.volume.voxels.shape
    )
    return Look(index=index, threshold=threshold, corrections=corrections)


def _specs(study: Study, found: Sequence[Finding]) -> list[Panel]:
    known = study.truth is not None
    first = Panel(
        title=TRUTH if known else "Scan", alt="The scan" + (" with its true mask" * known),
        layers=(TRUTH,) * known, scored=(TRUTH,) * known, colour=palette.TRUTH if known else None,
    )  # fmt: skip
    return [first] + [
        Panel(
            title=finding.label, alt=f"The scan with the tumour {finding.label} found",
            layers=(finding.label,), scored=(finding.label,), colour=finding.colour,
        )
        for finding in found
    ]  # fmt: skip


def _truth_layer(study: Study) -> list[Layer]:
    if study.truth is None:
        return []
    return [Layer(name=TRUTH, colour=palette.TRUTH, values=study.truth)]


def _layer(finding: Finding) -> Layer:
    values = finding.slices.of(0).astype(np.float32) / np.float32(pictures.STEPS)
    return Layer(name=finding.label, colour=finding.colour, values=values)


def _stack_layer(finding: Finding) -> StackLayer:
    return StackLayer(
        name=finding.label, colour=finding.colour, source=finding.fingerprint,
        levels=finding.slices.levels, known=finding.slices.known.copy(),
    )  # fmt: skip


def _unsure_layers(found: Sequence[Finding], unsure: dict[str, FloatArray]) -> list[Layer]:
    return [
        Layer(
            name=f"{finding.label} uncertainty", colour=finding.colour,
            values=unsure[finding.label], uncertainty_of=finding.label,
        )
        for finding in found
    ]  if unsure else []  # fmt: skip


def _uncertainties(study: Study, found: Sequence[Finding], index: int) -> dict[str, FloatArray]:
    if not _wants_uncertainty():
        return {}
    return {
        one.label: _uncertainty(study.scene, one.ref.name, one.fingerprint, index, study)
        for one in found
    }


@st.cache_resource(max_entries=24, show_spinner="Measuring the uncertainty", scope="session")
def _uncertainty(scene: str, name: str, fingerprint: str, index: int, _study: Study) -> FloatArray:
    segmenter = cache.segmenter(name)
    if _study.sample is None:
        return segmenter.uncertainty(_study.volume.slice(index))
    from brainseg.data.catalog import upright
    from brainseg.types import Scan

    catalog, number = _study.sample
    filed = Scan(pixels=cache.sample_image(str(catalog.root), number))
    return upright(segmenter.uncertainty(filed), catalog)
