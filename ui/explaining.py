"""The Saliency screen's maps: those of the dataset, and the networks' own, on a stated scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from brainseg import overlay, palette
from brainseg.data.catalog import Catalog, upright
from brainseg.networks import NetworkRef
from brainseg.types import BoolArray, ByteArray, FloatArray, Sample, Scan
from ui import cache, frame, pictures

# The names of brainseg.saliency.METHODS, which cannot be read without opening Keras; a test
# compares the two.
METHODS = {
    "gradient": "Gradient",
    "smoothgrad": "SmoothGrad",
    "integrated": "Integrated gradients",
    "gradcam": "Seg-Grad-CAM",
    "occlusion": "Occlusion",
}
MEANINGS = {
    "gradient": "How much a small change of each pixel changes the predicted tumour's logits.",
    "smoothgrad": "The gradient averaged over 16 noisy copies of the slice: less speckle.",
    "integrated": "The gradient gathered on the way from a black image to the slice.",
    "gradcam": "Which places of the deepest layer speak for the predicted tumour: coarse.",
    "occlusion": "How much the logits fall when a patch is blacked out: slow, but plain.",
}
OPENED = "saliency.opened"
_BAR = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[np.newaxis], 10, axis=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """A network's map of one slice, upright, with what it was computed for."""

    ref: NetworkRef
    values: FloatArray
    mask: BoolArray
    target: str


def dataset_maps(catalog: Catalog, sample: Sample) -> None:
    """Show the slice and the two maps that came with it, each on its full scale 0..255."""
    root, number = str(catalog.root), sample.number
    image = upright(cache.sample_image(root, number), catalog)
    truth = cache.sample_mask(root, number)
    grid = st.grid(3, min_column_width=160, gap="small")
    with grid.cell():
        masks = {} if truth is None else {palette.TRUTH: upright(truth, catalog)}
        outlined = " Yellow: true mask." if truth is not None and truth.any() else ""
        st.image(pictures.overlay_png(image, masks), width="stretch", alt=f"Slice {number}")
        st.caption(f"**Slice {number}**.{outlined}")
    for which in (1, 2):
        with grid.cell():
            values = cache.sample_saliency(root, number, which)
            if values is None:
                st.caption(f"**Saliency map {which}**: this slice has none.")
            else:
                _map(upright(values, catalog), 255.0, f"Saliency map {which}", "as given")


def explain(refs: Sequence[NetworkRef], catalog: Catalog, sample: Sample, method: str) -> None:
    """Show each network's own map side by side, on one scale."""
    found = [_explained(ref, catalog, sample, method) for ref in refs]
    if not found:
        return
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    shared = row.segmented_control(
        "Brightest", ("The largest of all", "Each its own largest"), default="The largest of all",
        required=True, key="saliency.scale",
        help="Maps of different networks can only be compared on one scale.",
    )  # fmt: skip
    tops = [float(np.abs(e.values).max()) for e in found]
    top = max(tops) if shared == "The largest of all" else None
    outline = row.toggle("Outline of the prediction", value=True, key="saliency.outline")
    grid = st.grid(max(2, min(3, len(found))), min_column_width=240, gap="small")
    for one, own in zip(found, tops, strict=True):
        with grid.cell():
            mask = one.mask if outline else None
            title = f"{frame.plain(one.ref.label)}, {METHODS[method]}"
            note = f"target: {one.target}"
            colour = palette.of_model(one.ref.name)
            _map(np.abs(one.values), top or own, title, note, one.values, mask, colour)
    st.caption(
        "Brightness is the size of the value, whatever its sign, from 0 (black) to the end of the "
        "bar. The range under each map is of the raw values: if it is near zero, the map says "
        "nothing, however it looks."
    )


def _map(
    values: FloatArray,
    top: float,
    title: str,
    note: str,
    raw: FloatArray | None = None,
    mask: BoolArray | None = None,
    colour: str = palette.TRUTH,
) -> None:
    picture = overlay.heat(values / top if top > 0 else values)
    if mask is not None:
        picture = overlay.outline(picture, mask, colour, max(1, max(mask.shape) // 300))
    st.image(_png(picture), width="stretch", alt=f"{title} as a heat map")
    st.image(_png(overlay.heat(_BAR)), width="stretch", alt=f"Scale from 0 to {top:.3g}")
    shown = values if raw is None else raw
    low, high = float(shown.min()), float(shown.max())
    st.caption(f"**{title}** ({note}). Scale 0 to {top:.3g}. Raw values: {low:.3g} to {high:.3g}.")


def _png(picture: ByteArray) -> bytes:
    return overlay.encode(picture, ".png")


def may_open_keras() -> bool:
    """Ask once before Keras is opened in this server: it takes seconds and memory."""
    if not st.session_state.get(OPENED):
        st.markdown(
            "The networks' own maps need gradients, so this opens **Keras** in the server: once, "
            "about 10 seconds and 700 MB of memory. No other screen needs it."
        )
        st.button(
            "Show where the networks looked", type="primary", icon=":material/flare:",
            key="saliency.open", on_click=lambda: st.session_state.update({OPENED: True}),
        )  # fmt: skip
    return bool(st.session_state.get(OPENED))


def _explained(ref: NetworkRef, catalog: Catalog, sample: Sample, method: str) -> Explained:
    root = str(catalog.root)
    values, target = _values(
        str(ref.folder), (ref.folder / "SHA256SUMS").read_text(), root, catalog.digest,
        sample.number, method,
    )  # fmt: skip
    mask = cache.prediction(ref.name, root, sample.number).mask(0.5)
    return Explained(
        ref=ref,
        values=upright(values, catalog),
        mask=upright(mask, catalog),
        target=target,
    )


@st.cache_resource(max_entries=32, show_spinner="Opening Keras and asking the network (once: 10 s)")
def _values(
    folder: str, sums: str, root: str, digest: str, number: int, method: str
) -> tuple[FloatArray, str]:
    from pathlib import Path

    from brainseg import saliency

    scan = Scan(pixels=cache.sample_image(root, number))
    found = saliency.explain(Path(folder), scan, method)
    found.values.setflags(write=False)
    return found.values, found.target
