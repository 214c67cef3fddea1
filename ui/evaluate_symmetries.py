"""The same slices in all eight symmetries of the square, on demand: eight times the work."""

from __future__ import annotations

import streamlit as st

from brainseg.report import figures_groups, style, tables
from brainseg.scores import SYMMETRY_NAMES
from brainseg.types import Evaluation
from ui import charts, evaluate_progress, evaluation
from ui.evaluation import View


def kept(view: View) -> dict[str, list[Evaluation]] | None:
    """Return the scores of all networks in every orientation by its words; None until all are."""
    found = {}
    for name in SYMMETRY_NAMES:
        scores = [evaluation.kept(r, view.catalogs, view.numbers, name) for r in view.refs]
        if None in scores:
            return None
        found[style.ORIENTATIONS[name]] = [e for e in scores if e is not None]
    return found


def show(view: View) -> None:
    """Show the table and the spread, or how to get them."""
    found = kept(view)
    if found is None:
        tasks = [
            evaluation.task(ref, view.catalogs, view.numbers, name)
            for name in SYMMETRY_NAMES
            for ref in view.refs
            if evaluation.kept(ref, view.catalogs, view.numbers, name) is None
        ]
        evaluate_progress.get(
            tasks, "evaluate.symmetries", "Score all eight symmetries", style.SYMMETRIES, ask=True
        )
        return
    groups = {
        e.model: {words: same[place].summary for words, same in found.items()}
        for place, e in enumerate(view.results)
    }
    if any(e.summary["dice"] is not None for e in view.results):
        figure = figures_groups.mean_dice(groups, "Mean Dice in every orientation", zoomed=True)
        charts.show(figure, "evaluate.orientations", "Mean Dice in every orientation")
    st.table(
        tables.orientations(found), border="horizontal", hide_index=True,
        alt="Scores of each network in every orientation",
    )  # fmt: skip
    st.caption(style.SYMMETRIES)
