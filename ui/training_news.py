"""Runs that ended while somebody was watching, and the doors from a finished run to its use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from brainseg import paths, runs
from brainseg.errors import BrainsegError
from brainseg.types import RunStatus
from ui import cache, frame
from ui.training_words import ALIVE, config_of, name_of

STATES = "train.states"  # run id -> state at the last look
FOLDERS = "train.folders"  # how many run folders there were
ENDED = "train.ended"  # run ids whose end was not announced yet
LINES = "train.news"  # run ids whose line stands until it is dismissed
ASKING = "train.asking"  # whether a dialog is open
_LINES_SHOWN = 3
_NOTHING = 0.01  # Dice under which a network has not learned to find tumours
_SECONDS = 5.0  # between two looks from another screen, or while nothing lives


def look() -> None:
    """See whether a run began, ended or changed; then draw the whole screen again, so it agrees.

    Only what was alive, or is worked on now, is read again, and the list of folders.
    """
    known: dict[str, str] = st.session_state.setdefault(STATES, {})
    same = all(
        _state(run_id) == state
        for run_id, state in known.items()
        if state in ALIVE or runs.is_locked(paths.runs() / run_id)
    )
    if not same or st.session_state.get(FOLDERS) != _folders():
        redraw()


def wait(*, idle: bool = True) -> None:
    """While idle, look whether a run began elsewhere: in a terminal, in another tab.

    Called in any case, so that what follows keeps its place on the screen.
    """
    st.fragment(look, run_every=_SECONDS if idle else None)()


def redraw() -> None:
    """Draw the whole screen again from within a fragment that is polled.

    Not while a dialog is open: it would close. The next poll asks again.
    """
    if not st.session_state.get(ASKING):
        st.rerun(scope="app")


def _state(run_id: str) -> str | None:
    try:
        return runs.status(runs.find(run_id)).state
    except BrainsegError:  # deleted meanwhile
        return None


def _folders() -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in paths.runs().glob("[!.]*/config.json")))


def announce(watched: str | None) -> None:
    """Say once, in passing, what ended since the last look, and keep lines for finished runs.

    The newest comes first; they stand until they are dismissed.
    """
    for run_id in st.session_state.pop(ENDED, []):
        _tell(run_id, _state(run_id))
    lines = [
        run_id
        for run_id in reversed(st.session_state.get(LINES, []))
        if run_id != watched and _state(run_id) == "finished"
    ]
    if not lines:
        return
    with st.container(border=True, gap="small"):
        for run_id in lines[:_LINES_SHOWN]:
            run = runs.find(run_id)
            _line(run, _outcome(run))
        more = len(lines) - _LINES_SHOWN
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"And {more} more, in the list below." if more > 0 else "", width="stretch")
            st.button(
                "Dismiss", icon=":material/close:", type="tertiary", key="train.dismiss",
                on_click=_dismiss,
            )  # fmt: skip


def _tell(run_id: str, state: str | None) -> None:
    if state == "finished":
        st.toast(f"**{frame.plain(name_of(run_id))}** has finished.", icon=":material/check:")
        st.session_state.setdefault(LINES, []).append(run_id)
    elif state in ("failed", "lost"):
        st.toast(f"**{frame.plain(name_of(run_id))}** {state}.", icon=":material/error:")


def pass_by(screen: str) -> None:
    """Say on the other screens, too, what ended of the runs that this session saw alive.

    Called before the screen, in a place that is always there: a poll that comes late finds it.
    """
    known = st.session_state.get(STATES, {})
    with st.container():
        if screen != "Train" and any(state in ALIVE for state in known.values()):
            st.fragment(_pass_by, run_every=_SECONDS)()


def _pass_by() -> None:
    known: dict[str, str | None] = st.session_state[STATES]
    for run_id in [run_id for run_id, state in known.items() if state in ALIVE]:
        known[run_id] = _state(run_id)
        _tell(run_id, known[run_id])


def remember(statuses: Sequence[RunStatus]) -> None:
    """Keep the states as the screen shows them now; what changed since the last time is news.

    Called whenever the whole screen is drawn, which closes any dialog.
    """
    st.session_state[ASKING] = False
    known: dict[str, str] = st.session_state.get(STATES, {})
    for status in statuses:
        if known.get(status.run_id) in ALIVE and status.state not in ALIVE:
            st.session_state.setdefault(ENDED, []).append(status.run_id)
    st.session_state[STATES] = {status.run_id: status.state for status in statuses}
    st.session_state[FOLDERS] = _folders()


def _dismiss() -> None:
    st.session_state[LINES] = []


def finished(run_id: str) -> None:
    """Say how the watched run finished, with the links that open its network elsewhere."""
    run = runs.find(run_id)
    with st.container(border=True):
        _line(run, f"{_outcome(run)}{_surely(run)}")


def _line(run: Path, words: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(words, width="stretch")
        with st.container(horizontal=True, width="content"):  # all in one line, under it or beside
            links(run)


def _outcome(run: Path) -> str:
    """Return in words what came of a finished run."""
    status, tested = runs.status(run), cache.tested(run)
    words = f"**{frame.plain(name_of(run.name))}** has finished"
    if status.best_dice is not None:
        words += f": best validation Dice **{status.best_dice:.3f}**"
    if tested is not None and tested.dice is not None:
        words += f", test **{tested.dice:.3f}**"
    if status.best_dice is None or status.best_dice >= _NOTHING:
        return f":green[:material/check_circle:] {words}."
    more = "It finds no tumours yet: give it more epochs, or a larger network."
    return f":orange[:material/info:] {words}. {more}"


def _surely(run: Path) -> str:
    """Return in words on what the test's mean stands and how sure it is."""
    tested, config = cache.tested(run), config_of(run)
    if tested is None or tested.dice is None:
        return ""
    between = "" if tested.low is None else f", 95 % {tested.low:.3f} to {tested.high:.3f}"
    slices = "one slice" if tested.tumours == 1 else f"{tested.tumours:,} slices"
    same = ", which also chose the best epoch" if config and config.val_is_test else ""
    return f" Test: {slices} with a tumour{same}{between}."


def links(run: Path) -> None:
    """Link to the screens that use the run's network; the address carries run and dataset."""
    refs = {ref.folder: ref for ref in cache.networks()}
    ref = refs.get(run / "network")
    if ref is None:
        return
    config = config_of(run)
    if config is None:
        return
    data = next((d.label for d in cache.datasets() if Path(d.root) == Path(config.data)), None)
    shipped = next((r.label for r in refs.values() if r.name == config.model), None)
    wanted = {
        "segment": ("Segment", ":material/ink_highlighter:", {"networks": ref.label}),
        "compare": ("Compare", ":material/compare:", {"first": ref.label, "second": shipped}),
        "evaluate": ("Evaluate", ":material/leaderboard:", {"networks": ref.label}),
    }
    for page, (label, icon, choices) in wanted.items():
        query = {f"{page}.{k}": v for k, v in {"dataset": data, **choices}.items() if v}
        frame.link(page, label, icon=icon, query=query)
