"""The networks' own maps of one slice, side by side, and what they are worth in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from brainseg import overlay, palette
from brainseg.data.catalog import upright
from brainseg.errors import ConfigError
from brainseg.networks import NetworkRef, fingerprint
from brainseg.saliency_request import METHODS, Progress, Saliency
from brainseg.types import BoolArray, FloatArray, Scan
from ui import (
    cache,
    explaining,
    frame,
    pictures,
    saliency_controls,
    saliency_jobs,
    saliency_pick,
    saliency_table,
    widgets,
)
from ui.saliency_controls import Asked
from ui.saliency_jobs import Key

if TYPE_CHECKING:
    from brainseg.saliency_methods import Opened

HOW_TO_READ = (
    "Brightness is the size of the value, whatever its sign, from 0 (black) to the end of the bar. "
    "The range under each map is of the raw values: if it is near zero, the map says nothing, "
    "however it looks."
)
LEFT_OUT = (
    "Guided backpropagation is left out on purpose: its maps stay the same when the weights are "
    "replaced by random ones (Adebayo et al. 2018), so they show the edges of the picture and not "
    "what the network learnt."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """A network's map of one slice, upright, with what it was computed for."""

    ref: NetworkRef
    found: Saliency
    values: FloatArray  # (H, W)
    mask: BoolArray  # (H, W), what the network calls tumour
    colour: str
    key: Key  # everything that the map depends on

    @property
    def title(self) -> str:
        """Network and method, safe to show as Markdown."""
        return f"{frame.plain(self.ref.label)}, {METHODS[self.found.method]}"


def opened(ref: NetworkRef) -> Opened:
    """Return the network ready to be explained; opens Keras where it is not open yet."""
    saliency_jobs.open_keras()
    from brainseg import saliency

    return saliency.open_network(ref.folder)


def explain(refs: Sequence[NetworkRef], asked: Asked) -> list[Explained]:
    """Compute and show each network's own map, on one scale, beside the slice."""
    shared, outlined = _scale_controls()
    colours = widgets.colours(refs)
    grid = st.grid(1 + min(3, len(refs)), min_column_width=220, gap="small")
    with grid.cell():
        _slice(refs, asked, colours)
    places = [grid.cell().container() for _ in refs]
    found: dict[str, Explained] = {}
    for ref, place in zip(refs, places, strict=True):
        with place:
            one = _explained(ref, asked, colours[ref.name])
        if one is not None:
            found[ref.name] = one
    top = max((_largest(one) for one in found.values()), default=0.0)
    for ref, place in zip(refs, places, strict=True):
        if ref.name in found:
            with place:
                _map(found[ref.name], asked, top if shared else None, outlined=outlined)
    return list(found.values())


def _scale_controls() -> tuple[bool, bool]:
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    choices = ("The largest of all", "Each its own largest")
    chosen = row.segmented_control(
        "Brightest", choices, default=choices[0], required=True, key="saliency.scale",
        bind="query-params", help="Maps of different networks can only be compared on one scale.",
    )  # fmt: skip
    outlined = row.toggle("Outline of the prediction", value=True, key="saliency.outline")
    return chosen == choices[0], outlined


def _slice(refs: Sequence[NetworkRef], asked: Asked, colours: dict[str, str]) -> None:
    """Show the slice with every outline; a click makes a pixel the target."""
    root, number = str(asked.catalog.root), asked.sample.number
    picture = pictures.grey(upright(cache.sample_image(root, number), asked.catalog))
    thickness = max(1, max(picture.shape) // 400)
    for ref in refs:
        mask = _predicted(ref, asked)
        picture = overlay.outline(picture, mask, colours[ref.name], thickness)
    if asked.pixel:
        picture = explaining.crossed(picture, asked.pixel, palette.TRUTH)
    saliency_pick.show(
        "saliency.pick", overlay.encode(picture, ".png"), picture.shape[:2],
        f"Slice {number} with what the networks call tumour; click a pixel to explain it",
        saliency_controls.choose_pixel,
    )  # fmt: skip
    lines = [f"{palette.WORDS.get(colours[r.name], 'other')}: {frame.plain(r.label)}" for r in refs]
    st.caption(f"**Slice {number}**, {', '.join(lines)}. Click a pixel to explain that one.")


def _predicted(ref: NetworkRef, asked: Asked) -> BoolArray:
    prediction = cache.prediction(ref.name, str(asked.catalog.root), asked.sample.number)
    return upright(prediction.mask(0.5), asked.catalog)


def _explained(ref: NetworkRef, asked: Asked, colour: str) -> Explained | None:
    key = (
        fingerprint(ref.name), str(asked.catalog.root), asked.catalog.digest, asked.sample.number,
        asked.method, str(asked.target), asked.depth,
    )  # fmt: skip
    words = f"{frame.plain(ref.label)}: {METHODS[asked.method]}"
    try:
        found = saliency_jobs.computed(
            ("map", *key), words, lambda progress: _ask(ref, asked, progress)
        )
    except ConfigError as error:  # of one network only: the other may have that component
        st.caption(f"**{frame.plain(ref.label)}**: {frame.plain(str(error))}.")
        return None
    if found is None:
        return None
    values, mask = upright(found.values, asked.catalog), _predicted(ref, asked)
    return Explained(ref=ref, found=found, values=values, mask=mask, colour=colour, key=key)


def _ask(ref: NetworkRef, asked: Asked, progress: Progress) -> Saliency:
    network = opened(ref)
    from brainseg import saliency

    pixels = cache.sample_image(str(asked.catalog.root), asked.sample.number)
    return saliency.explain(
        network, Scan(pixels=pixels), asked.method, target=asked.target, depth=asked.depth,
        progress=progress,
    )  # fmt: skip


def _largest(one: Explained) -> float:
    return float(np.abs(one.values).max())


def _map(one: Explained, asked: Asked, top: float | None, *, outlined: bool) -> None:
    top = _largest(one) if top is None else top
    mask = one.mask if outlined else None
    explaining.heat(one.values, top, one.title, mask=mask, colour=one.colour, pixel=asked.pixel)
    st.caption(
        f"**{one.title}**. {explaining.scale_of(one.values, top)} Target: {one.found.target}."
        f"{_completeness(one.found)}"
    )


def _completeness(found: Saliency) -> str:
    if found.difference is None:
        return ""
    error = found.completeness_error
    missed = saliency_table.DASH if error is None else f"{error:.2%}"
    return (
        f" The map sums to {explaining.number(float(found.grid.sum()))}; the target less that of a "
        f"black image is {explaining.number(found.difference)}: completeness is missed by {missed}."
    )


def measure(explained: Sequence[Explained], asked: Asked) -> None:
    """Show what each map is worth in numbers, those of the dataset too."""
    maps = {one.title: one.values for one in explained}
    key = tuple(one.key for one in explained)
    saliency_table.show(maps, key, asked.catalog, asked.sample)
