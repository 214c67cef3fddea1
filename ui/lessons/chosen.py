"""The slice of the tour: chosen once, used by every lesson."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from brainseg import palette
from brainseg.data.catalog import Catalog, upright
from brainseg.types import BoolArray, ByteArray, FloatArray, Sample
from ui import cache, frame, pictures, widgets

SAMPLE = "learn.sample"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """A slice of a dataset with its true mask, both upright, (H, W)."""

    catalog: Catalog
    sample: Sample
    pixels: FloatArray
    truth: BoolArray

    @property
    def root(self) -> str:
        """The dataset's folder, as the caches want it."""
        return str(self.catalog.root)

    @property
    def name(self) -> str:
        """What the slice is called in a sentence."""
        return f"Slice {self.sample.number} of {self.catalog.name}"

    def outlined(self) -> bytes:
        """Return the slice with the outline of its true mask, as PNG."""
        return pictures.overlay_png(self.pixels, {palette.TRUTH: self.truth})

    @property
    def grey(self) -> ByteArray:
        """The slice as (H, W, 3) grey in its display window."""
        return pictures.grey(self.pixels)


def choose() -> Chosen:
    """Let the user choose dataset and slice.

    Raises:
        DataError: there is no slice with a known mask.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        catalog = widgets.pick_dataset("learn.dataset")
        sample = widgets.pick_sample(SAMPLE, catalog, truth_only=True)
    root, number = str(catalog.root), sample.number
    mask = cache.sample_mask(root, number)  # known: only such slices can be chosen
    return Chosen(
        catalog=catalog,
        sample=sample,
        pixels=upright(cache.sample_image(root, number), catalog),
        truth=upright(mask, catalog),
    )


def has_tumour(chosen: Chosen) -> bool:
    """Whether there is something to see; where there is not, offer the first slice that has it."""
    if chosen.truth.any():
        return True
    first = widgets.first_slice(chosen.catalog.with_truth)
    frame.empty_state(
        "**This slice has no tumour**, and this lesson needs one.", f"Take slice {first}",
        lambda: st.session_state.update({SAMPLE: first}), icon=":material/radiology:",
    )  # fmt: skip
    return False
