"""What is segmented: a slice of a dataset or an upload, and what each network says of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import streamlit as st

from brainseg import networks as network_folders
from brainseg import overlay
from brainseg.data.catalog import Catalog, upright
from brainseg.networks import NetworkRef
from brainseg.types import BoolArray, Prediction, Sample, Volume
from ui import cache, pictures, uploads, widgets
from ui.segment_levels import SliceLevels
from ui.viewer import address

_WINDOW_VALUES = 2**24  # so many raw values tell the window of a large scan well enough


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """A scan of one or many slices, where it came from, and its truth where that is known."""

    name: str  # begins the names of exported files
    scene: str  # identity: the digest of what was uploaded, or place and state of a dataset
    volume: Volume
    truth: BoolArray | None = None  # (H, W)
    files: tuple[tuple[str, bytes], ...] = ()  # what was uploaded, for exports in its geometry
    volume_index: int | None = None  # which volume of the files
    sample: tuple[Catalog, int] | None = None

    @property
    def depth(self) -> int:
        """Number of slices."""
        return self.volume.depth

    @property
    def middle(self) -> int:
        """The slice that is shown first."""
        return (self.depth - 1) // 2

    @property
    def pixel_mm2(self) -> float | None:
        """Area of one pixel, None where the file does not say."""
        spacing = self.volume.spacing_mm
        return None if spacing is None else spacing[1] * spacing[2]

    @property
    def aspect(self) -> float:
        """Height of a pixel in widths."""
        spacing = self.volume.spacing_mm
        return 1.0 if spacing is None else spacing[1] / spacing[2]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """What one network says of a study, as far as it has been asked."""

    ref: NetworkRef
    colour: str
    fingerprint: str
    slices: SliceLevels

    @property
    def threshold(self) -> float:
        """The threshold that was chosen with the network, on the grid of the slider."""
        return address.on_grid(cache.segmenter(self.ref.name).config.threshold)

    @property
    def label(self) -> str:
        """The network's name for people."""
        return self.ref.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the study is looked at now."""

    index: int
    threshold: float
    corrections: dict[tuple[str, int], BoolArray] = field(default_factory=dict)

    def mask(self, finding: Finding, index: int | None = None) -> BoolArray:
        """Return the mask (H, W) of a slice, of this one unless told: corrected where it was."""
        at = self.index if index is None else index
        corrected = self.corrections.get((finding.label, at))
        if corrected is not None:
            return corrected
        return finding.slices.of(at) >= round(self.threshold * pictures.STEPS)

    def masks(self, finding: Finding) -> BoolArray:
        """Return the masks (D, H, W) of all slices; those not segmented yet are empty."""
        found = finding.slices.mask(self.threshold)
        for (label, index), mask in self.corrections.items():
            if label == finding.label:
                found[index] = mask
        return found

    def corrected(self, finding: Finding) -> tuple[int, ...]:
        """Return the slices whose mask was corrected by hand."""
        return tuple(sorted(i for label, i in self.corrections if label == finding.label))


def of_sample(catalog: Catalog, sample: Sample) -> Study:
    """Return a slice of a dataset, upright."""
    root = str(catalog.root)
    mask = cache.sample_mask(root, sample.number)
    pixels = upright(cache.sample_image(root, sample.number), catalog)
    return Study(
        name=_stem(f"{catalog.name}-{sample.number}"),
        scene=f"{root}/{sample.number} {catalog.digest}",
        volume=Volume(voxels=pixels[np.newaxis], source=f"{catalog.name} {sample.number}"),
        truth=None if mask is None else upright(mask, catalog),
        sample=(catalog, sample.number),
    )


def of_upload(upload: uploads.Upload) -> Study:
    """Return an upload as a study; the truth too, where the file brings it."""
    volume = upload.volume
    truth = volume.truth[0] if volume.truth is not None and volume.depth == 1 else None
    return Study(
        name=_stem(volume.source), scene=upload.digest, volume=volume, truth=truth,
        files=upload.files, volume_index=upload.volume_index,
    )  # fmt: skip


def _stem(name: str) -> str:
    """Return what exported files begin with: plain letters, whatever the upload was called."""
    bare = re.sub(r"(\.nii)?\.\w{1,5}$", "", name.split(" and ")[0])
    return re.sub(r"[^A-Za-z0-9_-]+", "-", bare).strip("-")[:60] or "scan"


def findings(study: Study, refs: Sequence[NetworkRef]) -> tuple[Finding, ...]:
    """Return what each network says of the study: kept for the session, network by network."""
    colours = widgets.colours(refs)
    found = []
    for ref in refs:
        print_of, slices = network_folders.fingerprint(ref.name), slices_of(study, ref)
        found.append(
            Finding(ref=ref, colour=colours[ref.name], fingerprint=print_of, slices=slices)
        )
    return tuple(found)


def slices_of(study: Study, ref: NetworkRef) -> SliceLevels:
    """Return the slices of a study as one network sees them: kept for the session."""
    return _slices(study.scene, ref.name, network_folders.fingerprint(ref.name), study)


@st.cache_resource(
    max_entries=8, show_spinner=False, scope="session", on_release=SliceLevels.cancel
)
def _slices(scene: str, name: str, fingerprint: str, _study: Study) -> SliceLevels:
    if _study.sample is not None:
        catalog, number = _study.sample

        def from_dataset(_: Sequence[int]) -> list[Prediction]:
            raw = cache.prediction(name, str(catalog.root), number)
            return [replace(raw, probability=upright(raw.probability, catalog))]

        return SliceLevels(_study.volume.voxels.shape, from_dataset)
    segmenter = cache.segmenter(name)

    def from_volume(part: Sequence[int]) -> list[Prediction]:
        return segmenter.predict_many([_study.volume.slice(i) for i in part])

    return SliceLevels(_study.volume.voxels.shape, from_volume)


@st.cache_data(max_entries=16, show_spinner=False, scope="session")
def grey_of(scene: str, _study: Study) -> tuple[dict[str, Any], tuple[float, float]]:
    """Return how the raw values are sent, and the window that the eye gets first."""
    voxels = _study.volume.voxels
    part = voxels if voxels.shape[0] < 4 else voxels[voxels.shape[0] // 4 :: 2]
    every = int(np.ceil((part.size / _WINDOW_VALUES) ** 0.5))
    part = part[:, ::every, ::every]
    return pictures.value_scale(voxels), _study.volume.window or overlay.window_of(part)
