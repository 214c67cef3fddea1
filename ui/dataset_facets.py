"""The facets of the Dataset screen: what can be chosen, how many slices each choice leaves.

The address is where a choice lives: a change of a widget is written there, and before every drawing
the widgets are set to what stands there. So what is chosen is known before anything is drawn, and
counts can stand beside the choices without getting into the link.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from brainseg.data.planes import PLANES
from brainseg.types import TUMOURS
from ui import dataset_scores
from ui.dataset_rows import NO_TUMOUR, Row

Span = tuple[float, float]
Wanted = frozenset[str] | Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A facet with a handful of values; None is unknown."""

    label: str
    value: Callable[[Row], str | None]
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A facet along a scale; None is unknown, and outside every range but the whole one."""

    label: str
    value: Callable[[Row], float | None]
    form: str  # of a value on the slider
    step: float
    top: float | None = None  # of the scale; without one, a whole number above all values


CHOICES = {
    "tumour": Choice(label="Tumour", value=lambda row: row.tumour,
                     order=(*TUMOURS[:3], NO_TUMOUR)),
    "plane": Choice(label="View plane, estimated", value=lambda row: row.plane, order=PLANES),
    "fold": Choice(label="Fold", value=lambda row: row.fold),
    "patient": Choice(label="Patient", value=lambda row: row.sample.patient),
    "part": Choice(label="Split of the network", value=lambda row: row.part,
                   order=tuple(dataset_scores.PARTS.values())),
}  # fmt: skip
RANGES = {
    "size": Range(label="Tumour size, share of the slice", form="%.1f %%", step=0.1,
                  value=lambda row: row.share and 100 * row.share),
    "top": Range(label="Middle of the tumour, from the top of the head", form="%d %%", step=1.0,
                 top=100.0, value=lambda row: row.centre and 100 * row.centre[0]),
    "left": Range(label="Middle of the tumour, from the left of the head", form="%d %%", step=1.0,
                  top=100.0, value=lambda row: row.centre and 100 * row.centre[1]),
    "dice": Range(label="Dice of the network", form="%.2f", step=0.01, top=1.0,
                  value=lambda row: row.dice),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """What the slices can be divided by, what is chosen, and what that leaves."""

    options: Mapping[str, Sequence[str]]  # of the choices that divide anything
    scales: Mapping[str, Span]  # of the ranges that divide anything
    wanted: Mapping[str, Wanted]
    left: Sequence[Row]
    counts: Mapping[str, Counter[str]]  # of each choice, given the other facets
    unknown: Mapping[str, int]  # slices without a value, by range

    def describe(self, name: str) -> str:
        """Return in words what is wanted of a facet."""
        wanted = self.wanted[name]
        if isinstance(wanted, frozenset):
            chosen = ", ".join(value for value in self.options[name] if value in wanted)
            return f"{CHOICES[name].label}: {chosen}"
        one, other = (RANGES[name].form % end for end in wanted)
        return f"{RANGES[name].label}: {one} to {other}"


def of(rows: Sequence[Row]) -> Facets:
    """Return the facets of these slices, with what the address asks of them."""
    options = {name: found for name in CHOICES if len(found := _options(rows, name)) > 1}
    values = {name: [one.value(row) for row in rows] for name, one in RANGES.items()}
    scales = {name: found for name in RANGES if (found := _scale(name, values[name]))}
    asked = {name: _chosen(name, found) for name, found in options.items()}
    spans = {name: _span(name, scale) for name, scale in scales.items()}
    wanted = {**asked, **spans}
    wanted = {name: one for name, one in wanted.items() if one and one != scales.get(name)}
    left, counts = sift(rows, wanted)
    return Facets(options=options, scales=scales, wanted=wanted, left=left, counts=counts,
                  unknown={name: values[name].count(None) for name in scales})  # fmt: skip


def sift(
    rows: Iterable[Row], wanted: Mapping[str, Wanted]
) -> tuple[list[Row], dict[str, Counter[str]]]:
    """Return the rows that fit every facet, and how many fit all the others, by choice."""
    left: list[Row] = []
    counts: dict[str, Counter[str]] = {name: Counter() for name in CHOICES}
    for row in rows:
        failed = [name for name, one in wanted.items() if not _fits(row, name, one)]
        if not failed:
            left.append(row)
        for name, facet in CHOICES.items():
            if failed in ([], [name]) and (value := facet.value(row)) is not None:
                counts[name][value] += 1
    return left, counts


def _fits(row: Row, name: str, wanted: Wanted) -> bool:
    if isinstance(wanted, frozenset):
        return CHOICES[name].value(row) in wanted
    value = RANGES[name].value(row)
    return value is not None and wanted[0] <= value <= wanted[1]


def _options(rows: Iterable[Row], name: str) -> list[str]:
    facet = CHOICES[name]
    found = {value for row in rows if (value := facet.value(row)) is not None}
    return sorted(found, key=lambda v: (facet.order.index(v) if facet.order else 0, len(v), v))


def _scale(name: str, values: Iterable[float | None]) -> Span | None:
    known = {value for value in values if value is not None}
    top = RANGES[name].top or math.ceil(max(known, default=0.0))
    return (0.0, float(top)) if len(known) > 1 else None


def _chosen(name: str, options: Sequence[str]) -> frozenset[str]:
    return frozenset(st.query_params.get_all(_key(name))) & frozenset(options)


def _span(name: str, scale: Span) -> Span:
    """Return the range that the address asks for, within the scale; else the whole of it."""
    try:
        low, high = sorted(map(float, st.query_params.get_all(_key(name))))
    except ValueError:
        return scale
    ends = (max(low, scale[0]), min(high, scale[1]))
    return ends if ends[0] <= ends[1] else scale


def _key(name: str) -> str:
    return f"dataset.{name}"


def _changed(scales: Mapping[str, Span]) -> None:
    """Write all facets to the address: two quick changes arrive as one."""
    for name in (*CHOICES, *RANGES):
        value = st.session_state.get(_key(name))
        if name == "patient" and value is not None:
            value = [value]
        if not value or tuple(value) == scales.get(name):
            st.query_params.pop(_key(name), None)
        else:
            st.query_params[_key(name)] = [
                one if isinstance(one, str) else f"{one:g}" for one in value
            ]
    to_first_page()


def to_first_page() -> None:
    """Go back to the first page: another choice of slices has its own."""
    st.session_state["dataset.page"] = 1


def clear() -> None:
    """Take every filter away; the network stays."""
    for name in (*CHOICES, *RANGES):
        st.query_params.pop(_key(name), None)
    to_first_page()


def pills(facets: Facets, name: str) -> None:
    """Draw a choice, with how many slices each of its values would leave."""
    if name not in facets.options:  # one value divides nothing
        return
    wanted = facets.wanted.get(name, frozenset())
    chosen = [value for value in facets.options[name] if value in wanted]
    st.session_state[_key(name)] = chosen
    st.pills(
        CHOICES[name].label, facets.options[name], selection_mode="multi", key=_key(name),
        format_func=partial(_counted, facets, name), on_change=_changed, args=(facets.scales,),
        wrap=True, help="In brackets: how many slices a choice leaves, given all other filters.",
    )  # fmt: skip


def _counted(facets: Facets, name: str, value: str) -> str:
    return f"{value} ({facets.counts[name][value]:,})"


def patient(facets: Facets) -> None:
    """Draw the choice of one patient."""
    if "patient" not in facets.options:
        return
    st.session_state[_key("patient")] = next(iter(facets.wanted.get("patient", ())), None)
    st.selectbox(
        CHOICES["patient"].label, facets.options["patient"], index=None, placeholder="All",
        key=_key("patient"), format_func=partial(_counted, facets, "patient"),
        on_change=_changed, args=(facets.scales,),
    )  # fmt: skip


def slider(facets: Facets, name: str) -> None:
    """Draw a range, and say how many slices have no place on it."""
    if name not in facets.scales:
        return
    low, high = facets.scales[name]
    st.session_state[_key(name)] = facets.wanted.get(name, (low, high))
    st.slider(
        RANGES[name].label, low, high, step=RANGES[name].step, format=RANGES[name].form,
        key=_key(name), on_change=_changed, args=(facets.scales,),
    )  # fmt: skip
    if facets.unknown[name]:
        st.caption(f"{facets.unknown[name]:,} slices have no such value: any narrower range "
                   "leaves them out.")  # fmt: skip
