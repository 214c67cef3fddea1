"""What every screen has: title, disclaimer, empty states, and one place for errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException

from brainseg.errors import BrainsegError

DISCLAIMER = "For research and teaching only: not a medical device."
SYNTHETIC = "Synthetic demo data"
_notices: ContextVar[DeltaGenerator | None] = ContextVar("notices", default=None)


@contextmanager
def open_page(title: str, caption: str) -> Iterator[None]:
    """Open a screen: its title, one line of what it is for, the disclaimer.

    A BrainsegError raised in the body becomes one message, without a traceback.
    """
    st.title(title, anchor=False)
    st.markdown(caption)
    st.caption(f":material/info: {DISCLAIMER}")
    before = _notices.set(st.container())
    try:
        yield
    except BrainsegError as error:
        refuse(error)
    finally:
        _notices.reset(before)


def notice(text: str) -> None:
    """Say something above everything else on the screen, its text taken literally."""
    place = _notices.get()
    (st if place is None else place).warning(plain(text), icon=":material/link_off:")


def refuse(error: BrainsegError) -> None:
    """Show the message of an error that is the user's to mend, its text taken literally."""
    st.error(plain(str(error)), icon=":material/error:")


def plain(text: str) -> str:
    """Escape what Markdown would read as markup, so that a file name shows as it is."""
    escaped = "".join(f"\\{c}" if c in r"\`*_{}[]()<>#+-.!|~$:&" else c for c in text)
    return escaped.replace("\n", " ").replace("\r", " ")


def synthetic_notice(synthetic: bool) -> None:
    """Say that the chosen data is synthetic, wherever it is."""
    if synthetic:
        st.badge(SYNTHETIC, icon=":material/science:", color="orange")


def link(
    page: str,
    label: str,
    *,
    icon: str | None = None,
    query: Mapping[str, str | int | list[str]] | None = None,
) -> None:
    """Link to a screen by its file's name (``"train"``), with widget values for its address."""
    values = {k: v if isinstance(v, list) else str(v) for k, v in (query or {}).items()}
    try:
        st.page_link(f"pages/{page}.py", label=label, icon=icon, query_params=values or None)
    except StreamlitAPIException:  # this screen runs alone: there is nowhere to go
        st.caption(label)


def go(page: str, query: Mapping[str, str | int] | None = None) -> None:
    """Leave for another screen at once."""
    values = {key: str(value) for key, value in (query or {}).items()}
    st.switch_page(f"pages/{page}.py", query_params=values or None)


def empty_state(
    text: str,
    action_label: str | None = None,
    action: str | Callable[[], None] | None = None,
    icon: str = ":material/inbox:",
) -> None:
    """Show what is missing and the one thing to do: ``action`` is a screen's name or a callback."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown(f"### {icon}", width="content")
        st.markdown(text, width="content", text_alignment="center")
        if action_label and callable(action):
            st.button(action_label, on_click=action, type="primary", key=f"empty.{action_label}")
        elif action_label and isinstance(action, str):
            link(action, action_label, icon=":material/arrow_forward:")
        st.space("small")
