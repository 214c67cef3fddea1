"""The Saliency screen's study: how well the dataset's own maps alone find the tumour."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from brainseg import palette
from brainseg import saliency_study as studies
from brainseg.data.catalog import Catalog
from brainseg.saliency_study import MAPS, Study, words
from ui import charts, frame

LINES = {
    "map 1": {"color": palette.OTHER_RUNS[0], "width": 2.2},
    "map 2": {"color": palette.OTHER_RUNS[1], "width": 2.2},
    "brightness": {"color": palette.REFERENCE, "width": 1.6},
    "centre": {"color": palette.REFERENCE, "width": 1.6, "dash": "dash"},
}
MEANING = (
    "**AUROC**: how often a pixel of the tumour is brighter than another one of the same slice: 1 "
    "always, 0.5 a coin, below 0.5 the tumour is darker. Near 1 a map could only have been made by "
    "something that knew the tumour. **Dice** of what is at or above a threshold, chosen on these "
    "very slices, so it is the best case. **Pointing game**: how often the brightest pixel lies in "
    "the tumour. **Brightness** (the slice itself) and **Centre** (nearness to its centre) know "
    "nothing of tumours: what a map has beyond them is its own. Intervals: 95 %, patients drawn "
    "again."
)


def without_maps(catalog: Catalog) -> str:
    """Return what to say of a slice without maps."""
    if studies.has_maps(catalog):
        return "This slice came without saliency maps."
    return (
        "This dataset came without saliency maps: they would lie in folders `saliency_maps_1` and "
        "`saliency_maps_2` beside `images`."
    )


def show(catalog: Catalog) -> None:
    """Show the study of a dataset's maps, where it has any; made first where it is not on disk."""
    if not studies.has_maps(catalog):
        return
    st.subheader("How well the dataset's maps alone find the tumour", anchor=False)
    place = st.empty()
    found = _kept(str(studies.place(catalog))) or _made(catalog, place)
    if found is not None:
        place.empty()
        _report(found)


def _made(catalog: Catalog, place: st.delta_generator.DeltaGenerator) -> Study | None:
    """Study under a bar with a button that stops it; None where nobody asked for it yet."""
    with place.container():
        if not st.button(
            f"Study all {len(catalog.samples):,} slices", icon=":material/query_stats:",
            key="saliency.study",
        ):  # fmt: skip
            st.caption("Reads every slice, mask and map once; the result is kept on disk.")
            return None
    with place.container(horizontal=True, vertical_alignment="bottom"):
        bar = st.progress(0.0, text="Reading the maps")
        st.button("Stop", icon=":material/stop_circle:", key="saliency.study.stop")  # by a rerun
    found = studies.study(
        catalog,
        lambda done, total: bar.progress(done / total, text=f"Slice {done:,} of {total:,}"),
    )
    studies.keep(catalog, found)
    return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(path: str, written_ns: int) -> Study | None:
    return studies.read(Path(path))


def _kept(path: str) -> Study | None:
    try:
        return _read(path, Path(path).stat().st_mtime_ns)
    except OSError:
        return None


def _report(found: Study) -> None:
    grid = st.grid(2, min_column_width=300, gap="medium")
    for name in (name for name in MAPS if name in found.summaries):
        with grid.cell().container(gap="xsmall"):
            st.markdown(f"**{words.TITLES[name]}: {words.headline(name, found)}.**")
            st.markdown(frame.plain(words.of_map(name, found)))
    follows = [words.of_agreement(found), f"**{words.of_feeding(found)}**"]
    st.markdown("\n\n".join(sentence for sentence in follows if sentence))
    with st.expander("Every measure", icon=":material/query_stats:"):
        _details(found)


def _details(found: Study) -> None:
    rows = words.table(found)
    st.table(
        [dict(zip(rows[0], row, strict=True)) for row in rows[1:]], border="horizontal",
        hide_index=True, alt="How well each map and each baseline finds the tumour",
    )  # fmt: skip
    st.caption(f"{MEANING} {words.left_out(found)}")
    left, right = st.columns(2)
    with left:
        alt = "Mean Dice of each map and baseline at every threshold"
        charts.show(dice_by_threshold(found), "saliency.study.curves", alt)
    with right:
        alt = "AUROC of every slice, for each map and baseline"
        charts.show(auroc_of_slices(found), "saliency.study.auroc", alt)
    st.download_button(
        "Study of every slice (JSON)", lambda: json.dumps(asdict(found), indent=1),
        "saliency-study.json", "application/json", key="saliency.study.json",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def dice_by_threshold(found: Study) -> go.Figure:
    """Draw the mean Dice of what is at or above each of the 256 grey levels."""
    figure = go.Figure()
    for name, curve in found.curves.items():
        figure.add_scatter(
            y=list(curve), name=words.TITLES[name], mode="lines", line=LINES[name],
            hovertemplate="from level %{x}: Dice %{y:.3f}",
        )  # fmt: skip
    charts.layout(
        figure, title="Mean Dice at every threshold", height=300, x="Grey level", y="Dice"
    )
    figure.update_yaxes(rangemode="tozero")
    return figure


def auroc_of_slices(found: Study) -> go.Figure:
    """Draw the AUROC of every slice: one dot a slice, a box a picture; 0.5 is a coin."""
    figure = go.Figure()
    for name, scores in found.scores.items():
        colour = LINES[name]["color"]
        figure.add_box(
            y=[score.auroc for score in scores], name=words.TITLES[name],
            customdata=[score.number for score in scores], boxpoints="all", jitter=0.6,
            pointpos=0, line={"color": colour, "width": 1.4}, fillcolor="rgba(0,0,0,0)",
            marker={"size": 3.5, "opacity": 0.5, "color": colour}, showlegend=False,
            hovertemplate="slice %{customdata}: AUROC %{y:.3f}",
        )  # fmt: skip
    figure.add_hline(y=0.5, line={"color": palette.REFERENCE, "width": 1, "dash": "dot"})
    charts.layout(figure, title="AUROC of every slice", height=300, y="AUROC")
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure
