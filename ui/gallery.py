"""Which slices the Dataset screen shows, and in which order: facets, and sorting by any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from brainseg.data.catalog import Catalog
from brainseg.data.planes import PLANES
from brainseg.types import TUMOURS, Sample
from ui import cache, dataset_scores, frame
from ui.dataset_scores import Scores

NO_TUMOUR = "no tumour"
SIZES = {"under 1 %": 0.01, "1 to 2 %": 0.02, "2 to 4 %": 0.04, "over 4 %": 1.01}
GRADES = {"under 0.5": 0.5, "0.5 to 0.8": 0.8, "over 0.8": 1.01}
MISSED, NO_DICE = "missed", "no Dice"
_ROWS, _COLUMNS = ("upper", "", "lower"), ("left", "", "right")
ZONES = tuple(f"{row} {column}".strip() or "middle" for row in _ROWS for column in _COLUMNS)
_FIRST = {"tumour": "Tumour", "plane": "View plane, estimated"}
_MORE = {
    "size": "Tumour size, share of the slice",
    "zone": "Position of the tumour in the head, as pictured",
    "fold": "Fold",
}  # fmt: skip
_SCORED = {"part": "Split of the network", "grade": "Dice of the network"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A slice with all that it can be chosen and sorted by; None is unknown."""

    sample: Sample
    place: int  # in the survey
    plane: str | None = None
    share: float | None = None
    centre: tuple[float, float] | None = None  # (row, column) in the head's box
    part: str | None = None
    dice: float | None = None
    scored: bool = False

    @property
    def tumour(self) -> str | None:
        """The kind of tumour, in words."""
        return NO_TUMOUR if self.sample.tumour == "none" else self.sample.tumour

    @property
    def fold(self) -> str | None:
        """The fold, in words."""
        return None if self.sample.fold is None else str(self.sample.fold)

    @property
    def size(self) -> str | None:
        """The bin of the tumour's share of the slice."""
        if self.share is None:
            return None
        return _bin(self.share, SIZES) if self.share > 0 else NO_TUMOUR

    @property
    def zone(self) -> str | None:
        """Which ninth of the head's box the middle of the tumour is in."""
        if self.centre is None:
            return None
        down, right = (min(2, int(3 * part)) for part in self.centre)
        return ZONES[3 * down + right]

    @property
    def grade(self) -> str | None:
        """The bin of the Dice, None where the network was not asked."""
        if not self.scored or self.dice is None:
            return NO_DICE if self.scored else None
        return _bin(self.dice, GRADES) if self.dice > 0 else MISSED


def _bin(value: float, below: dict[str, float]) -> str:
    return next(name for name, end in below.items() if value < end)


_ORDER = {
    "tumour": (*TUMOURS[:3], NO_TUMOUR), "plane": PLANES, "size": (*SIZES, NO_TUMOUR),
    "zone": ZONES, "part": tuple(dataset_scores.PARTS.values()),
    "grade": (MISSED, *GRADES, NO_DICE),
}  # fmt: skip
SORTS: dict[str, Callable[[Row], float | str | None]] = {
    "Number": lambda row: row.sample.number,
    "Tumour kind": lambda row: row.tumour,
    "View plane": lambda row: row.plane,
    "Patient": lambda row: row.sample.patient,
    "Fold": lambda row: row.sample.fold,
    "Tumour size": lambda row: row.share,
    "Position, from the top": lambda row: row.centre and row.centre[0],
    "Position, from the left": lambda row: row.centre and row.centre[1],
    "Split": lambda row: row.part,
    "Dice": lambda row: row.dice,
}


def rows_of(catalog: Catalog, scores: Scores | None = None) -> list[Row]:
    """Return every slice of a dataset with what the survey and a network's scores say of it."""
    survey = cache.survey(str(catalog.root))
    planes, known = survey.planes(), scores or Scores()
    shares, centres = survey.share.tolist(), survey.centre.tolist()
    return [
        Row(
            sample=sample, place=place, plane=planes.get(sample.number),
            share=None if shares[place] != shares[place] else shares[place],
            centre=None if centres[place][0] != centres[place][0] else tuple(centres[place]),
            part=known.parts.get(sample.number), dice=known.dice.get(sample.number),
            scored=sample.number in known.dice,
        )
        for place, sample in enumerate(catalog.samples)
    ]  # fmt: skip


def options(rows: Iterable[Row], facet: str) -> list[str]:
    """Return the values of a facet that occur, in their order; unknown is none of them."""
    found = {value for row in rows if (value := getattr(row, facet)) is not None}
    return sorted(
        found, key=lambda v: (_ORDER[facet].index(v) if facet in _ORDER else 0, len(v), v)
    )


def keep(
    rows: Sequence[Row], chosen: dict[str, Sequence[str]], patient: str | None = None
) -> list[Row]:
    """Return the rows that have one of the chosen values in every facet that has a choice."""
    wanted = {facet: set(values) for facet, values in chosen.items() if values}
    return [
        row
        for row in rows
        if patient in (None, row.sample.patient)
        and all(getattr(row, facet) in values for facet, values in wanted.items())
    ]


def in_order(rows: Sequence[Row], by: str, *, down: bool = False) -> list[Row]:
    """Return the rows sorted; where the value is unknown or undefined a slice comes last."""
    value = SORTS[by]
    known = [row for row in rows if value(row) is not None]
    rest = [row for row in rows if value(row) is None]
    return [*sorted(known, key=value, reverse=down), *rest]  # type: ignore[arg-type]


def _to_first_page() -> None:
    """Go back to the first page: another choice of slices has its own."""
    st.session_state["dataset.page"] = 1


def clear() -> None:
    """Take every filter away; the network stays."""
    for facet in (*_FIRST, *_MORE, *_SCORED):
        st.session_state[f"dataset.{facet}"] = []
    st.session_state["dataset.patient"] = None
    _to_first_page()


def choose(catalog: Catalog) -> list[Row]:
    """Let the user filter and sort, and return what is left. The address carries every choice."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        ref = dataset_scores.chosen()
        scores = dataset_scores.of_network(ref, catalog) if ref else None
        rows = rows_of(catalog, scores)
        chosen = {facet: _pills(rows, facet, label) for facet, label in _FIRST.items()}
        with st.popover("More filters", icon=":material/tune:"):
            chosen |= {facet: _pills(rows, facet, label) for facet, label in _MORE.items()}
            patient = _patient(rows)
            dataset_scores.pick()
            chosen |= {facet: _pills(rows, facet, label) for facet, label in _SCORED.items()}
            if ref and not (scores and scores.dice):
                st.caption(f"{frame.plain(ref.label)} has not been scored on these slices yet.")
                frame.link("evaluate", "Score it on the Evaluate screen")
        by, down = _sorting(rows)
    left = in_order(keep(rows, chosen, patient), by, down=down)
    if len(left) < len(rows):
        st.button("Clear filters", icon=":material/filter_alt_off:", key="dataset.clear",
                  type="tertiary", on_click=clear)  # fmt: skip
    return left


def _pills(rows: Sequence[Row], facet: str, label: str) -> Sequence[str]:
    found = options(rows, facet)
    if len(found) < 2:  # one value divides nothing
        return ()
    return st.pills(
        label, found, selection_mode="multi", key=f"dataset.{facet}", bind="query-params",
        on_change=_to_first_page,
    )  # fmt: skip


def _patient(rows: Sequence[Row]) -> str | None:
    names = list(dict.fromkeys(row.sample.patient for row in rows if row.sample.patient))
    if not names:
        return None
    return st.selectbox(
        "Patient", names, index=None, placeholder="All", key="dataset.patient",
        bind="query-params", on_change=_to_first_page,
    )  # fmt: skip


def _sorting(rows: Sequence[Row]) -> tuple[str, bool]:
    known = [name for name, value in SORTS.items() if any(value(row) is not None for row in rows)]
    by = st.selectbox(
        "Sort by", known, key="dataset.order", bind="query-params", width=140,
        on_change=_to_first_page,
    )  # fmt: skip
    down = st.toggle(
        "Descending", key="dataset.down", bind="query-params", on_change=_to_first_page
    )
    return by or "Number", down


def row_of(catalog: Catalog, rows: Sequence[Row], number: int) -> Row:
    """Return the row of a slice, also where the filters leave it out."""
    own = next((row for row in rows if row.sample.number == number), None)
    return own or next(row for row in rows_of(catalog) if row.sample.number == number)
