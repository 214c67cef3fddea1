"""Single slices of an evaluation: galleries, and misses and false alarms to walk through."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from brainseg import palette
from brainseg.report import galleries
from brainseg.report.frame import colours
from brainseg.types import CaseScore
from ui import cache, frame
from ui.evaluation import View

GALLERIES = ("Worst", "Median", "Best")
ERRORS = ("Missed", "False alarms")
ON_A_PAGE = 8
LIST_PX = 388  # what all its columns take, and no more than a phone has
_PLACE = "evaluate.place"


def address(view: View, number: int, first: int, second: int | None = None) -> dict[str, str | int]:
    """Return what the address of Compare must hold to show a slice under these networks."""
    _, dataset, there = view.home(number)
    own = view.refs[first].label
    if second is None:
        others = [ref.label for ref in (*view.refs, *cache.networks()) if ref.label != own]
        other = others[0] if others else own
    else:
        other = view.refs[second].label
    return {
        "compare.dataset": dataset, "compare.sample": there,
        "compare.first": own, "compare.second": other,
    }  # fmt: skip


def gallery(view: View) -> None:
    """Show the worst, the median and the best slices of one network, a click from Compare."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = _pick_network(view, "evaluate.gallery_of")
        kind = st.segmented_control(
            "Which", GALLERIES, default="Worst", required=True, key="evaluate.gallery",
            bind="query-params",
        )  # fmt: skip
    found = galleries.chosen(view.results[place].cases, kind)
    if not found:
        st.caption("No slice here has a tumour: look at the false alarms instead.")
        return
    pages = -(-len(found) // ON_A_PAGE)
    page = 1
    if pages > 1:
        page = st.pagination(pages, key=f"evaluate.page_{kind}", max_visible_pages=5)
    grid = st.grid(4, min_column_width=150, gap="medium")
    for case in found[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]:
        with grid.cell().container(gap="xsmall"):
            _picture(view, case, place)
            st.caption(galleries.words(case))
            query = address(view, case.number, place)
            frame.link("compare", "Compare", icon=":material/compare:", query=query)
    _legend(view, [place])


def errors(view: View) -> None:
    """Show the slices that went wrong altogether: a list, and one of them at a time."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = _pick_network(view, "evaluate.errors_of")
        kind = st.segmented_control(
            "Which", ERRORS, default=_first_kind(view, place), required=True,
            key="evaluate.error_kind", bind="query-params",
            format_func=lambda name: f"{name} ({len(_found(view, place, name)):,})",
        )  # fmt: skip
    found = _found(view, place, kind)
    free = sum(not case.truth_px for case in view.results[place].cases)
    if kind == "False alarms":
        share = f"{len(found):,} of {free:,} tumour-free slices were painted." if free else (
            "There is no tumour-free slice among these, so no false alarm can be counted."
        )  # fmt: skip
    else:
        ill = len(view.results[place].cases) - free
        share = f"{len(found):,} of {ill:,} tumours were missed: no pixel of them was hit."
    st.caption(share)
    if not found:
        return
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=LIST_PX):
            _list(found, (view.refs[place].name, kind))
        with st.container():
            _walk(view, found, place)


def _found(view: View, place: int, kind: str) -> list[CaseScore]:
    return galleries.chosen(view.results[place].cases, kind)


def _first_kind(view: View, place: int) -> str:
    return next((kind for kind in ERRORS if _found(view, place, kind)), ERRORS[0])


def _list(found: Sequence[CaseScore], of: tuple[str, str]) -> None:
    rows = [
        {
            "Slice": case.number, "True px": case.truth_px, "Painted px": case.predicted_px,
            "Kind": "no tumour" if case.tumour == "none" else case.tumour or "",
            "Patient": case.patient or "",
        }
        for case in found
    ]  # numbers first: what is cut where a patient's name is long is that name  # fmt: skip
    key = f"evaluate.list_{'_'.join(of)}"
    st.dataframe(
        rows, hide_index=True, height="auto" if len(rows) < 11 else 420, key=key,
        selection_mode="single-row", on_select=lambda: _choose(key), alt="The slices of this list",
    )  # fmt: skip
    st.caption("Choose a line to see its slice.")


def _choose(key: str) -> None:
    for row in st.session_state[key].selection.rows[:1]:
        st.session_state[_PLACE] = row


def _walk(view: View, found: Sequence[CaseScore], place: int) -> None:
    """Show one slice of the list under every network, with steps to the next."""
    at = st.session_state.get(_PLACE, 0) % len(found)
    case = found[at]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for name, key, by, side in (
            ("Previous", "Left", -1, "left"), ("Next", "Right", 1, "right"),
        ):  # fmt: skip
            st.button(
                name, icon=f":material/chevron_{side}:", icon_position=side, shortcut=key,
                key=f"evaluate.{name.lower()}", on_click=_step, args=(at + by,),
            )  # fmt: skip
        st.markdown(f"{at + 1:,} of {len(found):,}")
    places = [place, *(i for i in range(len(view.refs)) if i != place)][:2]
    for column, shown in zip(st.columns(len(places)), places, strict=True):
        with column:
            _picture(view, case, shown)
            score = next(c for c in view.results[shown].cases if c.number == case.number)
            st.caption(f"{frame.plain(view.refs[shown].label)} · {galleries.words(score)}")
    query = address(view, case.number, *places)
    frame.link("compare", "Open in Compare", icon=":material/compare:", query=query)
    _legend(view, places)


def _step(to: int) -> None:
    st.session_state[_PLACE] = to


def _pick_network(view: View, key: str) -> int:
    if len(view.refs) == 1:
        return 0
    labels = [ref.label for ref in view.refs]
    chosen = st.selectbox("Of which network", labels, key=key, width=260, bind="query-params")
    return labels.index(chosen)


def _picture(view: View, case: CaseScore, place: int) -> None:
    catalog, _, number = view.home(case.number)
    root = str(catalog.root)
    found = cache.prediction(view.refs[place].name, root, number)
    data = galleries.picture(
        cache.sample_image(root, number),
        cache.sample_mask(root, number),
        found.mask(view.results[place].threshold),
        _colours(view)[place],
        orientation=catalog.orientation,
    )
    st.image(data, width="stretch", alt=f"{galleries.words(case)}, truth and prediction")


def _colours(view: View) -> list[str]:
    return colours([e.model for e in view.results])


def _legend(view: View, places: Sequence[int]) -> None:
    drawn = _colours(view)
    names = [
        f"{frame.plain(view.refs[place].label)}: {palette.WORDS[drawn[place]]}"
        for place in places
        if drawn[place] in palette.WORDS
    ]
    st.caption(f"Outlines. Truth: yellow. {'. '.join(names)}{'.' if names else ''}")
