"""Scores by kind of tumour, plane, size and patient."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from brainseg.report import figures_groups, style, tables
from ui import cache, charts, evaluation
from ui.evaluation import View

TITLES = {
    "kind": "Kind of tumour",
    "plane": "Plane",
    "size": "Size of the tumour",
    "patient": "Patient",
}


def planes(view: View) -> dict[int, str]:
    """Return the estimated plane of the slices of all datasets, by their numbers here."""
    return {
        number + evaluation.number_offset(catalog): plane
        for catalog in view.catalogs
        for number, plane in cache.planes(str(catalog.root)).items()
    }


def show(view: View) -> None:
    """Show the groups that the user asks for: a chart, a table, what they are."""
    by = st.segmented_control(
        "By", list(TITLES), default="kind", required=True, key="evaluate.by",
        format_func=lambda name: TITLES[name], bind="query-params",
    )  # fmt: skip
    found = tables.grouped(view.results, by, planes(view) if by == "plane" else None)
    if not any(found.values()):
        st.caption("These slices do not fall into such groups: nothing is known of them.")
    elif by == "patient":
        _patients(found)
    else:
        figure = figures_groups.mean_dice(found, f"Mean Dice by {TITLES[by].lower()}")
        charts.show(figure, "evaluate.group_means", "Mean Dice of every group with its interval")
        _tables(tables.groups(found, TITLES[by]))
        st.caption(style.GROUPS[by])


def _tables(rows: Sequence[tables.Row]) -> None:
    """Show the scores in two tables: all columns in a row would be wider than a phone."""
    group, network, slices, dice, median, *others = rows[0]
    for what, columns in (
        ("Dice", (group, network, slices, dice, median)),
        ("Distances and errors", (group, network, *others)),
    ):
        st.table(
            [{name: row[name] for name in columns} for row in rows], border="horizontal",
            hide_index=True, alt=f"{what} of each network by group",
        )  # fmt: skip


def _patients(found: tables.Groups) -> None:
    charts.show(figures_groups.patients(found), "evaluate.patients", "Mean Dice of every patient")
    rows = tables.patients(found)
    number = st.column_config.NumberColumn(format="%.3f")
    dices = {name: number for name in rows[0] if name.startswith("Dice, ")}
    st.dataframe(rows, hide_index=True, column_config=dices, key="evaluate.patient_table")
    st.caption(f"{style.GROUPS['patient']} Click a column's head to sort by it.")
