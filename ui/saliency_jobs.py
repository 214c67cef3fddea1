"""What takes the networks a moment: computed once, under a bar that can be cancelled, then kept.

What is kept is shared between sessions and keyed by names and digests. A rerun of the script for
any reason ends a computation at its next step: that is what Cancel does, and every other widget.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from brainseg.errors import BrainsegError
from brainseg.saliency_request import Progress

T = TypeVar("T")
Key = tuple[object, ...]
_CANCELLED = "saliency.cancelled"


class Shelf:
    """The results used last, by key. May be shared by threads."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._held: OrderedDict[Key, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Any | None:
        """Return what is kept under ``key``, None where nothing is."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: Key, value: object) -> None:
        """Keep ``value``, and forget what was not asked for longest."""
        with self._lock:
            self._held[key] = value
            while len(self._held) > self._places:
                self._held.popitem(last=False)


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """Return the server's one shelf; a map of 512 x 512 takes 1 MB."""
    return Shelf(96)


def computed(key: Key, words: str, make: Callable[[Progress], T]) -> T | None:
    """Return what is kept under ``key``, else make it now under a bar; None if it was cancelled.

    Args:
        key: everything that the result depends on.
        words: what is being computed, beside the bar.
        make: computes it, and tells its progress.

    Raises:
        BrainsegError: as ``make``.
    """
    found = shelf().get(key)
    if found is not None:
        return found  # type: ignore[no-any-return]
    place, name = st.empty(), f"{zlib.crc32(repr(key).encode()):08x}"
    with place.container():
        if st.session_state.get(_CANCELLED) == name:
            st.caption(f"{words}: cancelled.")
            st.button("Compute it", key=f"saliency.again.{name}", icon=":material/refresh:",
                      on_click=_cancel, args=("",))  # fmt: skip
            return None
        bar = st.progress(0.0, text=words)
        st.button("Cancel", key=f"saliency.cancel.{name}", icon=":material/close:",
                  on_click=_cancel, args=(name,))  # fmt: skip

    def told(done: int, total: int) -> None:
        bar.progress(min(1.0, done / total), text=words)

    try:
        result = make(told)
    except BrainsegError:  # a stop or a rerun is none, and must not be answered with a message
        place.empty()
        raise
    shelf().put(key, result)
    place.empty()
    return result


def _cancel(name: str) -> None:
    st.session_state[_CANCELLED] = name


def open_keras() -> None:
    """Import what computes gradients, under a spinner that says so; at once the second time."""
    with st.spinner("Opening Keras: once for this server, about 10 seconds", show_time=True):
        import brainseg.saliency
        import brainseg.saliency_sanity  # noqa: F401
