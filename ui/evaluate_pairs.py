"""Two networks slice by slice: who is ahead, by how much, and whether that could be chance."""

from __future__ import annotations

import itertools

import streamlit as st

from brainseg import summary
from brainseg.report import pairs, style, tables
from ui import charts, evaluate_cases, frame
from ui.evaluation import View


def show(view: View) -> None:
    """Show the scatter of all slices and the paired tests of two of the networks."""
    choices = list(itertools.combinations(range(len(view.refs)), 2))
    if not choices:
        st.caption("One network is chosen. Choose a second one to compare them slice by slice.")
        return
    first, second = choices[0]
    if len(choices) > 1:
        first, second = st.selectbox(
            "Which two", choices, key="evaluate.pair", width=420,
            format_func=lambda two: " and ".join(view.refs[place].label for place in two),
        )  # fmt: skip
    a, b = view.results[first], view.results[second]
    points, names = pairs.points(a, b), (a.model, b.model)
    if not points:
        st.caption("No slice here has a tumour, so there is no Dice to compare.")
        return
    st.table(
        tables.comparison(summary.compare(a, b), names), border="horizontal", hide_index=True,
        alt="Paired tests",
    )  # fmt: skip
    st.caption(style.PAIRED)
    st.markdown("**Every slice with a tumour, one dot each**")
    picked = st.plotly_chart(
        pairs.every_slice(points, names), key="evaluate.scatter", on_select="rerun",
        selection_mode="points", config=charts.CONFIG,
        alt=f"Dice of every slice, {names[0]} against {names[1]}",
    )  # fmt: skip
    for point in picked.selection.points[:1]:
        data = point.get("customdata")
        number = int(data[0] if isinstance(data, list) else data)
        frame.go("compare", evaluate_cases.address(view, number, first, second))
    told = frame.plain(pairs.told(a, b, names))
    st.caption(f"Click a dot to open its slice in Compare. {told}")
