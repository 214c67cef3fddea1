"""The Evaluate screen: what is scored, the headline, and the sections of which one is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from brainseg.networks import NetworkRef
from brainseg.report import figures, style, tables
from brainseg.types import Evaluation
from ui import (
    cache,
    charts,
    evaluate_cases,
    evaluate_exports,
    evaluate_groups,
    evaluate_pairs,
    evaluate_symmetries,
    evaluation,
    frame,
    missing,
)
from ui.evaluation import View


def choose_catalogs(catalog: evaluation.Catalog) -> tuple[tuple, tuple[str, ...]]:
    """Return the catalogs to score on and their names: the dataset, perhaps tumour-free slices.

    Slices without a mask can be scored where the user vouches that none of them has a tumour.
    """
    names = {ref.root: ref.label for ref in cache.datasets()}
    root = str(catalog.root.resolve())
    own = names.get(root, catalog.name)
    if not catalog.with_truth:
        sure = st.checkbox(
            "None of these slices has a tumour", key="evaluate.free_itself",
            help="Then everything painted on them is a false alarm, and can be counted.",
        )  # fmt: skip
        return ((cache.tumour_free(root),) if sure else (catalog,)), (own,)
    others = {
        label: folder
        for folder, label in names.items()
        if folder != root and not cache.catalog(folder).with_truth
    }
    if not others:
        return (catalog,), (own,)
    added = st.selectbox(
        "Tumour-free slices of", list(others), index=None, key="evaluate.free",
        bind="query-params", placeholder="None", width=180,
        help="A dataset without masks, of which you know that no slice has a tumour: everything "
        "painted on it is a false alarm.",
    )  # fmt: skip
    if added is None:
        return (catalog,), (own,)
    return (catalog, cache.tumour_free(others[added])), (own, added)


def choose_part(key: str, parts: Sequence[str]) -> str:
    """Let the user choose which slices are scored; the address carries it, by its label."""
    missing.look(key, parts)
    part = st.selectbox("Slices", parts, key=key, bind="query-params", width=420)
    missing.say(key, "the slices", "cannot be chosen here", part)
    return part


def warn_of_training(
    refs: Sequence[NetworkRef], catalogs: evaluation.Catalogs, numbers: Sequence[int]
) -> None:
    """Say in one line when a network saw some of these slices while it was trained."""
    told = evaluation.told_of_training(refs, catalogs, tuple(numbers))
    if told:
        st.warning(frame.plain(told), icon=":material/school:")


def headline(evaluations: Sequence[Evaluation]) -> None:
    """Show the one number of each network, with what it is."""
    ill = any(e.summary["dice"] is not None for e in evaluations)
    key = "dice" if ill else "false_alarms"
    with st.container(horizontal=True):
        for e in evaluations:
            value, _, spread = tables.cell(key, e.summary).partition(" (")
            interval = f"95 %: {spread.partition(')')[0]}" if spread else None
            st.metric(
                e.model, value, interval, delta_color="off", delta_arrow="off", width=200,
            )  # fmt: skip
    _told_errors(evaluations)
    first = evaluations[0].summary
    of = f"{first['slices']:,} slices"
    if first["patients"]:
        of += f", {first['patients']:,} patients with a tumour"
    what = (
        "Mean Dice per slice: 2 |A ∩ B| / (|A| + |B|) of each slice with a tumour, at the file's "
        "own size, then averaged; a missed tumour counts 0."
        if ill
        else "Share of these tumour-free slices on which something was painted."
    )
    st.caption(f"{of}. {what} The 95 % interval resamples patients.")


def _told_errors(evaluations: Sequence[Evaluation]) -> None:
    """Say in one line each how many tumours were missed and how many healthy slices painted."""
    for key, of, words in (
        ("misses", "tumour_slices", "Tumours missed altogether"),
        ("false_alarms", "tumour_free_slices", "Tumour-free slices with a tumour painted on"),
    ):
        told = [
            f"{frame.plain(e.model)} {round(e.summary[key] * e.summary[of]):,}"
            for e in evaluations
            if e.summary[key] is not None
        ]
        if told:
            st.markdown(f"{words}, of {evaluations[0].summary[of]:,}: **{', '.join(told)}**")


def sections(view: View) -> None:
    """Let the user open one section, and compute that one only."""
    parts: dict[str, Callable[[View], None]] = {
        "Scores": _scores,
        "Groups": evaluate_groups.show,
        "Distribution": _distribution,
        "Head to head": evaluate_pairs.show,
        "Probabilities": _probabilities,
        "Gallery": evaluate_cases.gallery,
        "Misses and false alarms": evaluate_cases.errors,
        "Symmetries": evaluate_symmetries.show,
        "Export": evaluate_exports.show,
    }
    chosen = st.segmented_control(
        "Section", list(parts), default="Scores", required=True, key="evaluate.section",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    parts[chosen or "Scores"](view)


def _scores(view: View) -> None:
    st.table(
        tables.scores(view.results), border="horizontal", hide_index=True,
        alt="Scores of each network",
    )  # fmt: skip
    st.caption(style.SCORES)


def _distribution(view: View) -> None:
    if not any(case.truth_px for e in view.results for case in e.cases):
        st.caption("No slice here has a tumour, so there is no Dice to draw.")
        return
    figure = figures.dice_by(view.results, lambda case: case.tumour, style.BY_KIND)
    charts.show(figure, "evaluate.kinds", "Dice of every slice by kind")
    left, right = st.columns(2)
    with left:
        figure = figures.dice_histogram(view.results)
        charts.show(figure, "evaluate.histogram", "How many slices reach which Dice")
    with right:
        figure = figures.dice_by_size(view.results)
        charts.show(figure, "evaluate.sizes", "Dice against the size of the tumour")
    st.caption("A dot is a slice with a tumour; a box holds the middle half of them.")


def _probabilities(view: View) -> None:
    left, right = st.columns(2)
    with left:
        figure = figures.threshold_dice(view.results)
        charts.show(figure, "evaluate.thresholds", "Mean Dice at every threshold")
    with right:
        figure = figures.threshold_errors(view.results)
        charts.show(figure, "evaluate.errors", "Misses and false alarms at every threshold")
    st.caption(style.THRESHOLDS)
    if any(e.calibration and any(e.calibration.pixels) for e in view.results):
        figure = figures.reliability(view.results)
        charts.show(figure, "evaluate.calibration", "Calibration near the tumours")
        errors = ", ".join(
            f"{frame.plain(e.model)} {tables.cell('ece', e.summary)}" for e in view.results
        )
        st.caption(f"Calibration error: {errors}. {style.CALIBRATION}")
