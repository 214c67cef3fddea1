"""One slice on the Dataset screen: its four pictures, what the network sees, its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from brainseg import networks, preprocess
from brainseg.data.catalog import Catalog, upright
from brainseg.types import BoolArray, FloatArray, Sample
from ui import cache, cases, dataset_grid, frame, pictures, viewer
from ui.cases import TRUTH, Case
from ui.dataset_grid import Card
from ui.dataset_rows import Row
from ui.viewer import Layer, Panel

FILES, INPUT = "The files", "What the network sees"
SIDES = (256, 128)


def show(catalog: Catalog, row: Row, open_slice: Callable[[int], None]) -> None:
    """Show a slice with all that is known of it."""
    sample = row.sample
    st.markdown(cases.facts_of(sample) + _more_facts(row))
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "Pictures", [FILES, INPUT], default=FILES, required=True, key="dataset.pictures",
            bind="query-params", label_visibility="collapsed",
        )  # fmt: skip
        side = SIDES[0]
        if view == INPUT:
            side = st.selectbox(
                "Side of the input", _sides(), key="dataset.side", bind="query-params",
                format_func=lambda n: f"{n} x {n}", width=130, label_visibility="collapsed",
            )  # fmt: skip
    case = cases.of_sample(catalog, sample)
    if view == INPUT:
        _network_input(case, int(side or SIDES[0]))
    else:
        _files(catalog, sample, case)
    _links(sample)
    _neighbours(catalog, sample, open_slice)
    st.dataframe(cases.files_of(catalog, sample), hide_index=True, width="content")


def steps(number: int, rows: Sequence[Row], open_slice: Callable[[int], None]) -> None:
    """Show the buttons that step through the filtered slices, in their order."""
    order = [row.sample.number for row in rows]
    place = order.index(number) if number in order else None
    for name, icon, key, by in (
        ("Previous", "chevron_left", "Left", -1),
        ("Next", "chevron_right", "Right", 1),
    ):
        to = -1 if place is None else place + by
        usable = 0 <= to < len(order)
        st.button(
            name, icon=f":material/{icon}:", shortcut=key, key=f"dataset.{name.lower()}",
            disabled=not usable, on_click=open_slice, args=(order[to] if usable else number,),
        )  # fmt: skip
    where = "not among the filtered slices" if place is None else f"{place + 1:,} of {len(order):,}"
    st.caption(where, width="content")


def _more_facts(row: Row) -> str:
    parts = [f"{row.plane} (estimated)" if row.plane else ""]
    parts.append(f"fold {row.fold}" if row.fold is not None else "")
    if row.share:
        parts.append(f"tumour {100 * row.share:.2f} % of the slice")
    parts.append(f"position {row.zone}" if row.zone else "")
    parts.append(f"split: {row.part}" if row.part else "")
    parts.append(f"Dice {row.dice:.3f}" if row.dice is not None else "")
    return "".join(f" · {part}" for part in parts if part)


def _files(catalog: Catalog, sample: Sample, case: Case) -> None:
    maps = _maps(catalog, sample, case)
    layers = [*cases.layers(case), *maps]
    over = tuple(layer.name for layer in layers)
    panels = [Panel(title="Image", picture=case.picture, alt=f"Scan {case.name}", layers=over)]
    if case.truth is not None:
        panels.append(
            Panel(title=TRUTH, picture=_white(case.truth), alt=f"True mask of {case.name}",
                  scored=(TRUTH,))
        )  # fmt: skip
    panels += cases.saliency_panels(catalog, sample)
    viewer.show("dataset.viewer", panels, layers, values=case.pixels, scene=case.scene)


def _white(mask: BoolArray) -> np.ndarray:
    return np.repeat(mask.astype(np.uint8)[..., np.newaxis] * 255, 3, axis=2)


def _maps(catalog: Catalog, sample: Sample, case: Case) -> list[Layer]:
    """Return the saliency maps that fit the image, to be laid over it."""
    found = []
    for which in (1, 2):
        values = cache.sample_saliency(str(catalog.root), sample.number, which)
        if values is not None and values.shape[::-1] in (
            case.pixels.shape,
            case.pixels.shape[::-1],
        ):
            turned = upright(values, catalog)
            if turned.shape == case.pixels.shape:
                found.append(
                    Layer(name=f"Saliency map {which}", colour="", values=turned, heat=True)
                )
    return found


def _sides() -> list[int]:
    """Return the sides of input to choose from: those of the networks there are, and 256."""
    own = set()
    for ref in cache.networks():
        if ref.kind != "ensemble":
            own.add(networks.read_network(ref.folder).size)
    return sorted({SIDES[0], *own}, reverse=True)


def _network_input(case: Case, side: int) -> None:
    """Show the file, fitted into a square, beside both inputs: the same place at the same spot."""
    seen, geometry = preprocess.standardise(case.pixels, side)
    square = np.full((geometry.side, geometry.side), case.pixels.min(), dtype=np.float32)
    rows = slice(geometry.top, geometry.top + geometry.height)
    square[rows, geometry.left : geometry.left + geometry.width] = case.pixels
    height, width = case.pixels.shape
    shown: FloatArray = seen[..., 0]
    panels = [
        Panel(title=f"The file, {width} x {height}", picture=pictures.grey(square),
              alt=f"Scan {case.name}"),
        Panel(title=f"The input, {side} x {side}", picture=pictures.grey(shown),
              alt=f"Scan {case.name} at {side} x {side}"),
        Panel(title="Equalised", picture=pictures.grey(preprocess.equalise(shown)),
              alt=f"Scan {case.name} at {side} x {side}, its grey levels spread evenly"),
    ]  # fmt: skip
    viewer.show("dataset.input", panels, values=square, scene=f"{case.scene}/{side}")
    st.caption(
        "The input: the slice from its darkest value (0) to its brightest (1), padded to a square, "
        "reduced by area. Networks trained with equalised contrast get the third, the head's grey "
        "levels spread evenly; the shipped ones get the second. All are shown upright."
    )


def _links(sample: Sample) -> None:
    query = {"dataset": st.session_state["dataset.dataset"], "sample": sample.number}
    with st.container(horizontal=True):
        for page in ("segment", "compare"):
            values = {f"{page}.{name}": value for name, value in query.items()}
            frame.link(page, f"{page.title()} this slice", query=values,
                       icon=":material/arrow_forward:")  # fmt: skip


def _neighbours(catalog: Catalog, sample: Sample, open_slice: Callable[[int], None]) -> None:
    """Show the slices of the same patient, this one marked."""
    if sample.patient is None:
        return
    survey = cache.survey(str(catalog.root))
    cards = [
        Card(number=one.number, note="this slice" if one is sample else "",
             picture=survey.picture(place))
        for place, one in enumerate(catalog.samples)
        if one.patient == sample.patient
    ]  # fmt: skip
    st.markdown(f"**Patient {frame.plain(sample.patient)}: {len(cards)} slices**")
    if len(cards) > 1:
        dataset_grid.show("dataset.neighbours", cards, label="Slices of the same patient",
                          on_open=open_slice, current=sample.number)  # fmt: skip
