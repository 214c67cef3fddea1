"""Dataset: every slice at a glance, one slice with its maps, statistics, what is wrong."""

import streamlit as st
from brainseg.data.catalog import Catalog
from ui import (
    cache,
    cases,
    dataset_detail,
    dataset_grid,
    dataset_rows,
    dataset_statistics,
    frame,
    gallery,
    missing,
    widgets,
)
from ui.dataset_grid import Card
from ui.dataset_rows import Row

GALLERY, STATISTICS, HEALTH = "Gallery", "Statistics", "Health"
PER_PAGE = 48


def open_slice(number: int | None) -> None:
    """Show one slice, or the gallery again."""
    st.session_state["dataset.slice"] = number


def back(rows: list[Row], number: int) -> None:
    """Show the gallery again, at the page that holds the slice."""
    order = [row.sample.number for row in rows]
    if number in order:
        st.session_state["dataset.page"] = order.index(number) // PER_PAGE + 1
    open_slice(None)


def show_gallery(catalog: Catalog, rows: list[Row]) -> None:
    """Show a page of thumbnails."""
    pages = -(-len(rows) // PER_PAGE)
    page = min(st.session_state.get("dataset.page") or 1, pages)
    survey = cache.survey(str(catalog.root))
    cards = [
        Card(number=row.sample.number, note=row.tumour or "", picture=survey.picture(row.place))
        for row in rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    ]
    st.caption(f"{len(rows):,} of {len(catalog.samples):,} slices. Yellow: the true mask. Arrow "
               "keys move, Enter opens, Page up and Page down turn the page.")  # fmt: skip

    def turn(by: int) -> None:
        st.session_state["dataset.page"] = min(pages, max(1, page + by))

    dataset_grid.show("dataset.grid", cards, label="Slices", on_open=open_slice, on_turn=turn)
    st.pagination(pages, key="dataset.page", bind="query-params")


def show_health(catalog: Catalog) -> None:
    """Show what the folder holds and what is wrong with it."""
    st.dataframe(cases.summary_of(catalog), hide_index=True, width="content")
    problems, checked = list(catalog.problems), st.session_state.get("dataset.checked")
    if st.button("Open and check every file", icon=":material/fact_check:", key="dataset.check"):
        checked = st.session_state["dataset.checked"] = catalog.digest
    if checked == catalog.digest:
        problems += [p for p in cache.inspected(str(catalog.root)) if p not in problems]
    if problems:
        st.subheader(f"Problems found: {len(problems):,}", anchor=False)
        st.dataframe(cases.problems_of(problems), hide_index=True)
    else:
        whole = "Every file opens and" if checked == catalog.digest else "Found by their names:"
        st.success(f"{whole} nothing is missing.", icon=":material/check_circle:")
    if catalog.synthetic:
        st.caption("The real dataset comes with `python -m brainseg download`; a folder of your "
                   "own is shown when BRAINSEG_DATA names it.")  # fmt: skip


with frame.open_page("Dataset", "Look through the slices, their true masks and saliency maps."):
    with st.container(horizontal=True, vertical_alignment="bottom"):
        catalog = widgets.pick_dataset("dataset.dataset")
        view = st.segmented_control(
            "View", [GALLERY, STATISTICS, HEALTH], default=GALLERY, required=True,
            key="dataset.view", bind="query-params",
        )  # fmt: skip
        numbers = [sample.number for sample in catalog.samples]
        missing.look("dataset.slice", [str(one) for one in numbers])
        number = st.selectbox(
            "Slice", numbers, index=None, placeholder="Number",
            key="dataset.slice", bind="query-params", width=140, filter_mode="prefix",
        )  # fmt: skip
    shown = "all of them" if number is None else f"slice {number}"
    missing.say("dataset.slice", "slice", "is not in this dataset", shown)
    if view == HEALTH:
        show_health(catalog)
    else:
        rows = gallery.choose(catalog)
        if view == GALLERY and number is not None:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.button("All slices", icon=":material/arrow_back:", key="dataset.back",
                          shortcut="Escape", on_click=back, args=(rows, number))  # fmt: skip
                dataset_detail.steps(number, rows, open_slice)
            dataset_detail.show(catalog, dataset_rows.row_of(catalog, rows, number), open_slice)
        elif not rows:
            dataset_statistics.nothing_left()
        elif view == STATISTICS:
            dataset_statistics.show(catalog, rows)
        else:
            show_gallery(catalog, rows)
