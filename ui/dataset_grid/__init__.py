"""Thumbnails as one component: a button each, arrow keys between them, one click sends a number.

A components-v2 component from the files beside this one. Streamlit's own images and buttons would
be two elements a slice; this is one for all of them, so a page of slices is there at once.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).parent
_mount = st.components.v2.component(
    "brainseg_grid",
    html='<div class="grid" role="group"></div>',
    css=(_FOLDER / "grid.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "grid.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One slice in the grid. Without a picture its file cannot be read."""

    number: int
    note: str  # under the picture, after the number
    picture: bytes | None = None  # WebP

    def sent(self) -> dict[str, str | int | None]:
        """Return the card as the browser takes it."""
        source = (
            self.picture and "data:image/webp;base64," + base64.b64encode(self.picture).decode()
        )
        return {"number": self.number, "note": self.note, "picture": source}


def show(
    key: str,
    cards: Sequence[Card],
    *,
    label: str,
    on_open: Callable[[int], None],
    on_turn: Callable[[int], None] | None = None,
    current: int | None = None,
) -> None:
    """Show the cards; a click or Enter opens one, Page up and Page down turn the page.

    Args:
        key: the widget key.
        cards: what to show, in order.
        label: what the group is, for a screen reader.
        on_open: called with the number of the card.
        on_turn: called with -1 or 1, where there are more pages.
        current: the card that is open already.
    """

    def opened() -> None:
        number = (st.session_state.get(key) or {}).get("open")
        if number is not None:
            on_open(int(number))

    def turned() -> None:
        by = (st.session_state.get(key) or {}).get("turn")
        if by is not None and on_turn is not None:
            on_turn(1 if by > 0 else -1)

    data = {"cards": [card.sent() for card in cards], "label": label, "current": current}
    _mount(key=key, data=data, on_open_change=opened, on_turn_change=turned)
