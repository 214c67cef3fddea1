"""One slice on the Compare screen: the linked pictures, the scores, Dice at every threshold."""

from __future__ import annotations

import numpy as np
import streamlit as st

from brainseg import metrics, overlay, palette, surface
from brainseg.networks import NetworkRef
from brainseg.types import BoolArray
from ui import cases, charts, compare_charts, pictures, viewer
from ui.cases import Case
from ui.compare_charts import Sweep
from ui.viewer import address

OUTLINES, ERRORS = "Outlines", "Right and wrong"
VIEWER, THRESHOLD = "compare.viewer", "compare.threshold"
HAUSDORFF, AREA = "95 % Hausdorff (px)", "Area (px)"
_DASH = "–"  # noqa: RUF001


def slice_view(case: Case, refs: tuple[NetworkRef, NetworkRef]) -> float:
    """Show the slice through both networks and return the threshold that was chosen."""
    first, second = (ref.label for ref in refs)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        errors = case.truth is not None and st.segmented_control(
            "View", [OUTLINES, ERRORS], default=OUTLINES, required=True, key="compare.view",
            bind="query-params", label_visibility="collapsed",
        ) == ERRORS  # fmt: skip
        swipe = st.toggle(
            "Swipe between the networks", key="compare.swipe", bind="query-params",
            help="Both networks share one picture; drag the divider under it.",
        )  # fmt: skip
    start = cases.threshold_of(refs)
    threshold = viewer.show(
        VIEWER, cases.comparison(case, first, second, errors=errors), cases.layers(case),
        truth=cases.truth_of(case), values=case.pixels, scene=case.scene,
        threshold=address.threshold(THRESHOLD) or start, swipe=swipe,
        window=overlay.window_of(case.pixels), linked=True,
    )  # fmt: skip
    address.keep(THRESHOLD, threshold, start)
    return threshold


def numbers(case: Case, threshold: float) -> None:
    """Show Dice, IoU and Hausdorff distance of each network, and of one against the other."""
    masks = {label: found.mask(threshold) for label, found in case.predictions.items()}
    first, second = masks
    rows = []
    if case.truth is not None:
        rows = [_row(label, mask, case.truth) for label, mask in masks.items()]
    rows.append({**_row(f"{first} against {second}", masks[first], masks[second]), AREA: ""})
    st.markdown(f"**Scores of this slice at threshold {threshold:.3g}**")
    st.table(rows, border="horizontal", hide_index=True, alt="Scores of this slice")
    st.caption(
        "95 % Hausdorff: how far apart the two outlines lie, in pixels of the file, leaving out "
        f"the farthest 5 %. {_DASH}: undefined, since a mask is empty."
    )


def _row(name: str, mask: BoolArray, truth: BoolArray) -> dict[str, str]:
    count = metrics.confusion(mask, truth)
    far = surface.hausdorff95(mask, truth)
    return {
        "": name,
        "Dice": _cell(metrics.dice(count)),
        "IoU": _cell(metrics.iou(count)),
        HAUSDORFF: _DASH if far is None else f"{far:.1f}",
        AREA: f"{count.tp + count.fp:,}",
    }


def _cell(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else _DASH


def sweep(case: Case) -> list[Sweep]:
    """Return Dice at the thresholds 0.005, 0.010 .. 0.995, counted from the kept probabilities.

    Each network against the truth where it is known, and the networks against each other.
    """
    levels = {label: pictures.quantise(p.probability) for label, p in case.predictions.items()}
    areas = {label: np.array(pictures.counts(found)) for label, found in levels.items()}
    first, second = levels
    curves = []
    if case.truth is not None:
        whole = int(case.truth.sum())
        for label, found in levels.items():
            hits = np.array(pictures.counts(found, case.truth))
            values = _dices(hits, areas[label] + whole)
            curves.append(Sweep(label=label, colour=case.colours[label], dice=values))
    both = np.array(pictures.counts(np.minimum(levels[first], levels[second])))
    values = _dices(both, areas[first] + areas[second])
    name = f"{first} against {second}"
    return [*curves, Sweep(label=name, colour=palette.REFERENCE, dice=values, dash="dot")]


def _dices(hits: np.ndarray, sizes: np.ndarray) -> tuple[float | None, ...]:
    """Return 2 hits / sizes at the levels 1..199; None where both masks are empty."""
    pairs = zip(hits[1:-1].tolist(), sizes[1:-1].tolist(), strict=True)
    return tuple(2 * hit / size if size else None for hit, size in pairs)


def threshold_curves(case: Case, threshold: float) -> None:
    """Draw the sweep of this slice."""
    thresholds = [level / pictures.STEPS for level in range(1, pictures.STEPS)]
    figure = compare_charts.threshold_sweep(thresholds, sweep(case), present=threshold)
    charts.show(figure, "compare.sweep", "Dice of this slice at every threshold")
