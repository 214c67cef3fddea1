"""Where one is on the guided tour: numbered lessons, the one before and the one after."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

LESSON = "learn.lesson"


def choose(titles: Sequence[str]) -> str:
    """Let the user go to a lesson; the address keeps it."""
    named = [f"{number}. {title}" for number, title in enumerate(titles, start=1)]
    chosen = st.pills(
        "Lesson", named, default=named[0], required=True, key=LESSON, bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    return titles[named.index(chosen)]


def step(titles: Sequence[str], present: str) -> None:
    """Offer the lesson before and the one after by name."""
    place = titles.index(present)
    with st.container(horizontal=True, horizontal_alignment="distribute" if place else "right"):
        for by, icon in ((-1, "arrow_back"), (1, "arrow_forward")):
            if 0 <= place + by < len(titles):
                other = place + by
                st.button(
                    f"{other + 1}. {titles[other]}", icon=f":material/{icon}:",
                    icon_position="left" if by < 0 else "right", key=f"{LESSON}.{by}",
                    type="primary" if by > 0 else "secondary",
                    on_click=_go, args=(f"{other + 1}. {titles[other]}",),
                )  # fmt: skip


def _go(name: str) -> None:
    st.session_state[LESSON] = name
