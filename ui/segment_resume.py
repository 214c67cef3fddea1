"""Where a scan of one's own was left: its slice and threshold, kept for the session by its digest.

A dataset's slice needs none of this: the address of the screen brings its view back.
"""

from __future__ import annotations

import streamlit as st

from ui.segment_study import Study

_KEPT = "segment.left"
_SCENES = 4  # studies that are remembered in a session


def keep(study: Study, index: int, threshold: float, start: float) -> None:
    """Remember where an upload is looked at; a threshold where it starts is not worth it."""
    if study.sample is not None:
        return
    kept: dict[str, dict[str, float | None]] = st.session_state.setdefault(_KEPT, {})
    kept.pop(study.scene, None)
    moved = None if threshold == start else threshold
    kept[study.scene] = {"index": index, "threshold": moved}
    for old in list(kept)[:-_SCENES]:
        del kept[old]


def index(study: Study) -> int | None:
    """Return the slice that was shown last, None where the study is new."""
    told = st.session_state.get(_KEPT, {}).get(study.scene)
    return None if told is None else min(study.depth - 1, int(told["index"]))


def threshold(study: Study) -> float | None:
    """Return the threshold that was chosen last, None where it was not moved."""
    told = st.session_state.get(_KEPT, {}).get(study.scene)
    return None if told is None else told["threshold"]
