"""Dataset: every slice at a glance, one slice with its maps, what is wrong with the files."""

import streamlit as st
from brainseg.data.catalog import Catalog
from brainseg.types import Sample
from ui import cache, cases, frame, gallery, viewer, widgets

GALLERY, FILES = "Gallery", "Files"
PER_PAGE = 24


def open_slice(number: int | None) -> None:
    """Show one slice, or the gallery again."""
    st.session_state["dataset.slice"] = number


def show_gallery(catalog: Catalog) -> None:
    """Show a page of thumbnails."""
    samples = gallery.choose(catalog)
    if not samples:
        frame.empty_state("**No slice fits these filters.** Take one away.",
                          icon=":material/filter_alt_off:")  # fmt: skip
        return
    pages = -(-len(samples) // PER_PAGE)
    shown = f"{len(samples):,} of {len(catalog.samples):,} slices"
    st.caption(f"{shown}. The line is the true mask; open a slice for everything on it.")
    page = min(st.session_state.get("dataset.page") or 1, pages)
    grid = st.grid(6, min_column_width=108, gap="small")
    for sample in samples[(page - 1) * PER_PAGE : page * PER_PAGE]:
        show_thumbnail(grid, catalog, sample)
    st.pagination(pages, key="dataset.page", bind="query-params")


def show_thumbnail(grid: st.delta_generator.DeltaGenerator, catalog: Catalog, s: Sample) -> None:
    """Show one slice of the gallery, with the button that opens it."""
    kind = {"none": "no tumour", None: ""}.get(s.tumour, s.tumour)
    with grid.cell().container(gap=None):
        try:
            picture = cache.thumbnail(str(catalog.root), s.number)
            st.image(picture, width="stretch", alt=f"Slice {s.number}, {kind or 'kind unknown'}")
        except frame.BrainsegError:
            st.caption(":material/broken_image: This file cannot be read.")
        st.button(
            f"{s.number} · {kind}" if kind else f"{s.number}", key=f"dataset.open.{s.number}",
            type="tertiary", on_click=open_slice, args=(s.number,),
        )  # fmt: skip


def show_detail(catalog: Catalog, sample: Sample) -> None:
    """Show a slice, its true mask and both saliency maps, linked."""
    case = cases.of_sample(catalog, sample)
    panels = [cases.scan_panel(case), cases.truth_panel(case)]
    panels += cases.saliency_panels(catalog, sample)
    viewer.show(
        "dataset.viewer", panels[: 2 if case.truth is not None else 1] + panels[2:],
        cases.layers(case), values=case.pixels, scene=case.scene,
    )  # fmt: skip
    st.caption(cases.facts_of(sample))
    st.dataframe(cases.files_of(catalog, sample), hide_index=True, width="content")
    query = {"dataset": st.session_state["dataset.dataset"], "sample": sample.number}
    with st.container(horizontal=True):
        for page in ("segment", "compare"):
            values = {f"{page}.{name}": value for name, value in query.items()}
            frame.link(page, f"{page.title()} this slice", query=values,
                       icon=":material/arrow_forward:")  # fmt: skip


def show_files(catalog: Catalog) -> None:
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
            "View", [GALLERY, FILES], default=GALLERY, required=True, key="dataset.view",
            bind="query-params",
        )  # fmt: skip
        number = st.selectbox(
            "Slice", [s.number for s in catalog.samples], index=None, placeholder="Number",
            key="dataset.slice", bind="query-params", width=140, filter_mode="prefix",
        )  # fmt: skip
    if view == FILES:
        show_files(catalog)
    elif number is None:
        show_gallery(catalog)
    else:
        st.button("All slices", icon=":material/arrow_back:", key="dataset.back",
                  on_click=open_slice, args=(None,))  # fmt: skip
        show_detail(catalog, catalog.by_number(number))
