"""A link that asks for what is not here: said in one sentence, until something else is chosen."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui import frame

_LONGEST = 60  # characters of a link's own words that are repeated


def look(key: str, options: Sequence[str]) -> None:
    """Remember what the link asks for in vain; called before the field corrects the address."""
    if key in st.session_state:
        return
    asked = [text[:_LONGEST] for text in st.query_params.get_all(key) if text not in options]
    st.session_state[_place(key)] = {"asked": [text for text in asked if text], "shown": None}


def say(key: str, what: str, where: str, shown: str) -> None:
    """Say above everything what the link asks for in vain, until the field shows something else.

    Args:
        key: of the field, as in ``look``.
        what: the kind of thing, as in "slice".
        where: how it is missing, as in "is not here": the sentence goes on with "which".
        shown: the choice that stands in its place, for people.
    """
    told = st.session_state.get(_place(key))
    if not told or not told["asked"]:
        return
    if told["shown"] not in (None, shown):  # something else was chosen: it is old news
        del st.session_state[_place(key)]
        return
    st.session_state[_place(key)] = {**told, "shown": shown}
    asked = " and ".join(told["asked"])
    frame.notice(f"The link asks for {what} {asked}, which {where}; shown instead: {shown}.")


def _place(key: str) -> str:
    return f"{key}.missing"
