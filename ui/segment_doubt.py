"""How sure the result is, in plain numbers: what was found, what nearly was, and what is known."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import streamlit as st

from brainseg import metrics
from brainseg.networks import NetworkRef
from brainseg.types import FloatArray
from ui import frame, pictures
from ui.segment_gate import verdict_of
from ui.segment_study import Finding, Look, Study

_LOW, _HIGH = 0.3, 0.7
_UNSURE = 0.5  # of 1, which is no better than a coin


def say_if_nothing_found(look: Look, found: Sequence[Finding]) -> None:
    """Say which networks see no tumour on this slice, and how far from one they are."""
    silent = []
    for finding in found:
        if look.mask(finding).any() or look.index in look.corrected(finding):
            continue
        highest = int(finding.slices.of(look.index).max()) / pictures.STEPS
        hint = (
            f"is {highest:.3f}: a threshold of that or less would show something"
            if highest > 0
            else f"is below {1 / pictures.STEPS}: no threshold would show anything"
        )
        silent.append(
            f"**{frame.plain(finding.label)}: no tumour found on this slice** at threshold "
            f"{look.threshold:.3f}. Its highest probability {hint}."
        )
    if silent:
        silent.append("That nothing was found is no finding: the networks miss tumours too.")
        st.info("  \n".join(silent), icon=":material/search_off:")


def show(
    study: Study, found: Sequence[Finding], look: Look, unsure: Mapping[str, FloatArray]
) -> None:
    """Say what speaks for and against this result, all of it computed from this slice.

    ``unsure`` holds the uncertainties (0..1) of the slice by network, where they were asked for.
    """
    with st.container(border=True):
        st.markdown("**How sure is this?**")
        lines = [_border(finding, look) for finding in found]
        single = [finding for finding in found if finding.ref.kind != "ensemble"]  # not its members
        lines += [_agreement(first, second, look) for first, second in combinations(single, 2)]
        lines += _gate_line(study, [finding.ref for finding in found], look.index)
        lines += [line for finding in found if (line := _card_line(finding.ref))]
        st.markdown("\n".join(f"- {line}" for line in lines))
        st.toggle(
            "Compute the uncertainty of this slice", key="segment.uncertainty", bind="query-params",
            help="Entropy of the mean over eight views of the slice (mirrored, tilted, enlarged), "
            "0 to 1.",
        )  # fmt: skip
        if unsure:
            told = [_unsure(label, values) for label, values in unsure.items()]
            st.markdown("\n".join(f"- {line}" for line in told))
            st.caption("Drawn over the pictures above where Heat says uncertainty.")


def _unsure(label: str, values: FloatArray) -> str:
    many, highest = int(np.count_nonzero(values > _UNSURE)), float(values.max())
    if not many:
        return (
            f"{frame.plain(label)}: no pixel more uncertain than {_UNSURE}; at most {highest:.2f}"
        )
    return f"{frame.plain(label)}: {many:,} px more uncertain than {_UNSURE}, at most {highest:.2f}"


def _border(finding: Finding, look: Look) -> str:
    """How much the area depends on where the threshold stands: little where the border is sharp."""
    levels = finding.slices.of(look.index)
    wide, narrow = (
        int(np.count_nonzero(levels >= round(t * pictures.STEPS))) for t in (_LOW, _HIGH)
    )
    name = frame.plain(finding.label)
    highest = int(levels.max())
    told = f"{highest / pictures.STEPS:.3f}" if highest else f"below {1 / pictures.STEPS}"
    if not wide:
        return f"{name}: highest probability {told}, so nothing even at threshold {_LOW}"
    return (
        f"{name}: highest probability {told}; from threshold {_LOW} to {_HIGH} its area "
        f"goes from {wide:,} to {narrow:,} px"
    )


def _agreement(first: Finding, second: Finding, look: Look) -> str:
    names = f"{frame.plain(first.label)} and {frame.plain(second.label)}"
    score = metrics.dice(metrics.confusion(look.mask(first), look.mask(second)))
    if math.isnan(score):
        return f"{names} agree that nothing is there at this threshold"
    if score == 0:
        return f"{names} mark no pixel in common on this slice (Dice 0)"
    return f"{names} agree with a Dice of {score:.3f} on this slice"


def _gate_line(study: Study, refs: Sequence[NetworkRef], index: int) -> list[str]:
    verdict = verdict_of(study, refs, index)
    if verdict is None or verdict.distance is None or verdict.limit is None:
        return []
    how = "within" if verdict.accepted else "beyond"
    return [
        f"This slice lies {verdict.distance:.1f} standard deviations from those that the networks "
        f"were trained on, {how} the limit of {verdict.limit:.1f}"
    ]


def _card_line(ref: NetworkRef) -> str | None:
    """What the model card says of misses and false alarms; None where nothing was measured."""
    known = _card(str(ref.folder))
    misses, alarms = known.get("misses"), known.get("false_alarms")
    if misses is None or alarms is None:
        return None
    return (
        f"{frame.plain(ref.label)} on patients it never saw: missed {misses:.0%} of the slices "
        f"with a tumour, painted one on {alarms:.0%} of the tumour-free ones (model card)"
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _card(folder: str) -> dict[str, Any]:
    from pathlib import Path

    try:
        told = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
        return {
            "misses": told["upright"]["all"]["misses"],
            "false_alarms": told["tumour-free"]["all"]["false_alarms"],
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
