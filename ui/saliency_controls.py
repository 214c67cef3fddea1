"""What the Saliency screen asks of the networks: method, target and depth, all in the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from brainseg.data.catalog import Catalog, upright
from brainseg.networks import NetworkRef
from brainseg.saliency_request import DEEPEST, METHODS, Target, depths
from brainseg.types import Sample
from ui import cache

MEANINGS = {
    "gradient": "How much a small change of each pixel changes the target (Simonyan et al. 2014).",
    "smoothgrad": "The gradient averaged over 16 noisy copies of the slice: less speckle "
    "(Smilkov et al. 2017).",
    "integrated": "The gradient gathered on the way from a black image to the slice, times the "
    "slice (Sundararajan et al. 2017): its values must sum to what the target gained on the way.",
    "gradcam": "Which places of one layer speak for the target (Seg-Grad-CAM, Vinogradova et al. "
    "2020): the deeper the layer, the coarser the map.",
    "occlusion": "How much the target falls when a patch of an eighth of the side is blacked out: "
    "256 times, so it takes a while (Zeiler and Fergus 2014).",
}
TARGETS = {"mask": "Predicted mask", "component": "One component", "pixel": "One pixel"}
_ROW, _COLUMN, _KIND = "saliency.row", "saliency.column", "saliency.target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of every network on one slice. A pixel counts as the picture is shown."""

    catalog: Catalog
    sample: Sample
    method: str
    kind: str
    number: int = 1
    row: int = 0
    column: int = 0
    depth: str = DEEPEST

    @property
    def target(self) -> Target:
        """The target, its pixel as the file has it."""
        flipped = self.catalog.orientation != "upright"
        row, column = (self.column, self.row) if flipped else (self.row, self.column)
        return Target(kind=self.kind, number=self.number, row=row, column=column)  # type: ignore[arg-type]

    @property
    def pixel(self) -> tuple[int, int] | None:
        """The chosen pixel as shown, None where another target is chosen."""
        return (self.row, self.column) if self.kind == "pixel" else None


def ask(catalog: Catalog, sample: Sample, refs: Sequence[NetworkRef]) -> Asked:
    """Let the user choose a method and what it explains."""
    method = st.segmented_control(
        "Method", tuple(METHODS), default="gradient", required=True, key="saliency.method",
        bind="query-params", format_func=METHODS.__getitem__,
    )  # fmt: skip
    st.caption(MEANINGS[method])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "What is explained", tuple(TARGETS), default="mask", required=True, key=_KIND,
            bind="query-params", format_func=TARGETS.__getitem__,
            help="The sum of the network's logits over the pixels it calls tumour (probability "
            "from 0.5 on), over one connected part of them, or the logit of one pixel.",
        )  # fmt: skip
        number = _component() if kind == "component" else 1
        row, column = _pixel(catalog, sample) if kind == "pixel" else (0, 0)
        depth = _depth(refs) if method == "gradcam" else DEEPEST
    return Asked(
        catalog=catalog, sample=sample, method=method, kind=kind, number=number, row=row,
        column=column, depth=depth,
    )  # fmt: skip


def _component() -> int:
    chosen = st.number_input(
        "Component, by size", min_value=1, max_value=99, value=1, step=1, width=150,
        key="saliency.component", bind="query-params",
        help="1 is the largest connected part of what a network calls tumour.",
    )  # fmt: skip
    return int(chosen)


def _pixel(catalog: Catalog, sample: Sample) -> tuple[int, int]:
    """Let the user choose a pixel by numbers, the middle at first."""
    shape = upright(cache.sample_image(str(catalog.root), sample.number), catalog).shape
    row, column = map(_number, (_ROW, _COLUMN), ("Row", "Column"), shape)
    return row, column


def _number(key: str, label: str, count: int) -> int:
    if st.session_state.get(key, 0) >= count:  # the slice before was larger
        st.session_state[key] = count // 2
    chosen = st.number_input(
        label, min_value=0, max_value=count - 1, value=count // 2, step=1, key=key,
        bind="query-params", width=130,
    )  # fmt: skip
    return int(chosen)


def choose_pixel(row: int, column: int) -> None:
    """Make one pixel of the picture, as shown, the target.

    Fields that are not there yet do not write their values into the address: they read them there.
    """
    if st.session_state.get(_KIND) != "pixel":
        st.query_params.update({_ROW: str(row), _COLUMN: str(column)})
    st.session_state.update({_KIND: "pixel", _ROW: row, _COLUMN: column})


def _depth(refs: Sequence[NetworkRef]) -> str:
    levels = [cache.segmenter(ref.name).config.depth for ref in refs]
    known = depths(min(levels, default=4))
    return st.selectbox(
        "Depth", known, index=known.index(DEEPEST), key="saliency.depth", bind="query-params",
        width=150, format_func=lambda name: name[0].upper() + name[1:].replace("coder", "coder "),
        help="Encoder 1 and decoder 1 have the slice's full resolution, the bottleneck the least.",
    )  # fmt: skip
