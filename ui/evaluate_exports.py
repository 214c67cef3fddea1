"""The evaluation as files: every slice and every table as CSV, all of it as JSON, a report."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import streamlit as st

from brainseg.report import exports, galleries
from ui import cache, evaluate_groups, evaluate_symmetries, evaluation
from ui.evaluation import View


def show(view: View) -> None:
    """Offer the files; each is made when it is asked for."""
    stem = f"evaluation-{re.sub(r'[^A-Za-z0-9]+', '-', view.results[0].data).strip('-').lower()}"
    planes = evaluate_groups.planes(view)
    files: tuple[tuple[str, str, str, Callable[[], str], str], ...] = (
        ("Report (HTML)", "html", "text/html", _report(view, planes),
         "One file with every table, figure and gallery. It opens in any browser, without a "
         "network."),
        ("Every slice (CSV)", "slices.csv", "text/csv",
         lambda: exports.cases_csv(view.results, planes), "One line a slice and network."),
        ("Every table (CSV)", "tables.csv", "text/csv",
         lambda: exports.summaries_csv(view.results, planes),
         "One line a score: of all slices, and of each kind, plane, size and patient."),
        ("Everything (JSON)", "json", "application/json",
         lambda: exports.as_json(view.results),
         "Slices, summaries, the bins of the calibration and the counts at every threshold."),
    )  # fmt: skip
    for label, ending, mime, make, what in files:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.download_button(
                label, make, f"{stem}.{ending}", mime, key=f"evaluate.{ending}", width=220,
                icon=":material/download:", on_click="ignore",
                type="primary" if ending == "html" else "secondary",
            )  # fmt: skip
            st.caption(what)


def _report(view: View, planes: dict[int, str]) -> Callable[[], str]:
    """Return what makes the page; it runs outside the screen, so all it needs is fetched now."""
    from brainseg.report import page

    segmenters = [cache.segmenter(ref.name) for ref in view.refs]
    orientations = evaluate_symmetries.kept(view)
    draw = galleries.drawer(segmenters, view.catalogs, view.results)
    seen = evaluation.told_of_training(view.refs, view.catalogs, view.numbers)

    def make() -> str:
        extras = page.Extras(
            draw=draw, planes=planes, orientations=orientations, part=view.part,
            synthetic=any(catalog.synthetic for catalog in view.catalogs),
            warnings=(seen,) if seen else (),
            written=time.strftime("%Y-%m-%d %H:%M"),
        )  # fmt: skip
        return page.render(view.results, extras)

    return make
