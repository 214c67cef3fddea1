"""The table of the Saliency screen: every map of a slice against the tumour and the others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from brainseg import ranking, saliency_measures
from brainseg.data.catalog import Catalog, upright
from brainseg.types import BoolArray, FloatArray, Sample
from ui import cache
from ui.saliency_jobs import Key

DASH = "–"  # noqa: RUF001
_EXPLAINED = f"""
- **Energy in the tumour**: the share of the map's magnitudes that lies inside the true mask; a map
  that knows nothing has the tumour's share of the area (energy-based pointing game, Wang et al.
  2020, Score-CAM).
- **Peak in the tumour**: whether the largest magnitude lies inside the true mask (pointing game,
  Zhang et al. 2018).
- **AUC of the tumour**: how often a pixel of the tumour outranks another pixel; 0.5 is chance.
- **Correlation** with a map of the dataset: Pearson's, of magnitudes (CC in Bylinskii et al. 2019).
- **AUC** of a map of the dataset: how often one of its brightest
  {saliency_measures.FIXATED:.0%} of pixels outranks another pixel (AUC in Bylinskii et al. 2019).
"""


def show(networks: Mapping[str, FloatArray], key: Key, catalog: Catalog, sample: Sample) -> None:
    """Measure the networks' maps and the dataset's own beside them.

    Args:
        networks: the maps by title, upright.
        key: everything that they depend on.
        catalog: the dataset.
        sample: the slice.
    """
    root = str(catalog.root)
    given = {
        f"Saliency map {which}": upright(values, catalog)
        for which in (1, 2)
        if (values := cache.sample_saliency(root, sample.number, which)) is not None
    }
    truth = cache.sample_mask(root, sample.number)
    tumour = None if truth is None or not truth.any() else upright(truth, catalog)
    rows = _rows(repr(key), {**networks, **given}, given, tumour)
    st.table(rows, border="horizontal", hide_index=True, alt="What each map is worth in numbers")
    if tumour is None:
        st.caption("No tumour is known on this slice, so nothing is measured against one.")
    if not given:
        st.caption("This slice came without saliency maps, so nothing is measured against them.")
    with st.expander("What the numbers mean", icon=":material/help:"):
        st.markdown(_EXPLAINED)


@st.cache_data(max_entries=64, show_spinner=False)
def _rows(
    key: str,
    _maps: Mapping[str, FloatArray],
    _given: Mapping[str, FloatArray],
    _tumour: BoolArray | None,
) -> list[dict[str, str]]:
    """Return one row a map; ranking all pixels a dozen times takes a moment."""
    return [
        {"Map": name, **_on_tumour(values, _tumour), **_on_maps(name, values, _given)}
        for name, values in _maps.items()
    ]


def _on_tumour(values: FloatArray, tumour: BoolArray | None) -> dict[str, str]:
    if tumour is None:
        return {}
    on = saliency_measures.region(values, tumour)
    return {
        "Energy in the tumour": _shown(on.energy, ".1%"),
        "Its share of the area": _shown(on.area, ".1%"),
        "Peak in the tumour": {True: "yes", False: "no", None: DASH}[on.hit],
        "AUC of the tumour": _shown(on.auc),
    }


def _on_maps(name: str, values: FloatArray, given: Mapping[str, FloatArray]) -> dict[str, str]:
    """Compare a map with those of the dataset, but none with itself."""
    row = {}
    for other, target in given.items():
        correlation = auc = None
        if other != name:
            correlation = ranking.pearson(np.abs(values), np.abs(target))
            auc = ranking.auroc(np.abs(values), saliency_measures.brightest(target))
        row[f"Correlation, {other[9:]}"] = _shown(correlation)
        row[f"AUC, {other[9:]}"] = _shown(auc)
    return row


def _shown(value: float | None, form: str = ".2f") -> str:
    return DASH if value is None or np.isnan(value) else format(value, form)
