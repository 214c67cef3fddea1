"""Which runs there are, which one is watched, and which lie over it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import streamlit as st

from brainseg import paths, runs
from brainseg.errors import RunError
from brainseg.types import RunStatus
from ui import cache, missing, training_settings
from ui.training_words import ALIVE, NETWORKS, config_of, name_of, unreadable

RUN, WITH = "train.run", "train.with"  # in the address
WATCHED = "train.watched"  # the field beside that of WITH; both have a turn in their keys
TURN = "train.turn"  # how often the fields were filled in by a program
CHOSEN = "train.chosen"  # the run to watch, and those over it, when the screen is drawn next
CLICKED = "train.clicked"  # the run of a row that was clicked, until the screen is drawn for it
LISTS = "train.lists"  # how often a run was chosen elsewhere: the table then begins anew
LAST = "train.last"  # what this session saw last: another screen drops widgets and address
_TESTED = " from training and choice (the recipe document chooses by them, too)"
_SECONDS = 5  # between two looks at the table while something lives


def choose(run_id: str, *others: str) -> None:
    """Watch this run, with others over it, from the next time the screen is drawn."""
    st.session_state[CHOSEN] = [run_id, *others]


def pick_runs(statuses: Sequence[RunStatus]) -> tuple[str, list[str]]:
    """Let the user choose the run to watch and runs to lay over it.

    The address always names them, chosen here or not: a reload after a newer run has started shows
    the same. A bound widget would leave its default out of the address, and what a program chose.
    """
    names = [status.run_id for status in statuses]
    last, *last_over = st.session_state.get(LAST, [None])
    clicked = st.session_state.pop(CLICKED, None)
    if clicked is not None:
        choose(clicked, *_over(last_over))
    wanted = st.session_state.pop(CHOSEN, None)
    if wanted is None and st.session_state.get(_keys()[0]) not in names:
        asked = st.query_params.get(RUN, last)
        if asked != last:  # which may have been deleted just now
            missing.look(RUN, names)
        over = st.query_params.get_all(WITH) if RUN in st.query_params else last_over
        wanted = [asked if asked in names else _newest(statuses), *_over(over)]
    if wanted is not None:
        _fill_in(*wanted)
    watched, over_it = _keys()
    left, right = st.columns(2)
    run_id = left.selectbox("Run", names, key=watched, format_func=name_of)
    others = [name for name in names if name != run_id]
    st.session_state[over_it] = [name for name in _over([]) if name in others]
    chosen = right.multiselect(
        "Compare with", others, key=over_it, format_func=name_of, placeholder="Choose runs",
        disabled=not others, help="Their curves lie over those of the run, in other colours.",
    )  # fmt: skip
    if st.query_params.get(RUN) != run_id:
        st.query_params[RUN] = run_id
    if st.query_params.get_all(WITH) != chosen:
        st.query_params[WITH] = chosen
    if run_id not in (last, clicked):
        st.session_state[LISTS] = st.session_state.get(LISTS, 0) + 1
    st.session_state[LAST] = [run_id, *chosen]
    missing.say(RUN, "run", "is not here", name_of(run_id))
    return run_id, list(chosen)


def _keys() -> tuple[str, str]:
    turn = st.session_state.get(TURN, 0)
    return f"{WATCHED}.{turn}", f"{WITH}.{turn}"


def _over(otherwise: Sequence[str]) -> list[str]:
    """Return the runs that the field lays over the watched one, or these where it is not there."""
    return list(st.session_state.get(_keys()[1], otherwise))


def _fill_in(run_id: str, *over: str) -> None:
    """Show a choice that is no hand's, in new fields.

    A poll may bring what the browser held before; under the same key it would look like a hand that
    chose the earlier run again, and the buttons would act on that.
    """
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
    watched, over_it = _keys()
    st.session_state[watched], st.session_state[over_it] = run_id, list(over)


def _newest(statuses: Sequence[RunStatus]) -> str:
    """Return the newest run, or the one at work where newer ones wait for it."""
    at_work = [one.run_id for one in statuses if one.state in ("running", "stopping")]
    return at_work[0] if at_work and statuses[0].state == "queued" else statuses[0].run_id


def show(statuses: Sequence[RunStatus]) -> None:
    """List every run; while one lives, the list follows it."""
    st.subheader("All runs", anchor=False)
    alive = any(status.state in ALIVE for status in statuses)
    st.fragment(_table, run_every=_SECONDS if alive else None)()


def _table() -> None:
    statuses = runs.list_runs()
    run_ids = [status.run_id for status in statuses]
    watched = [n for n, run_id in enumerate(run_ids) if run_id == st.session_state[LAST][0]]
    # Another list, or a run chosen elsewhere: a table that begins with the watched run ticked.
    key = f"train.table.{hash(tuple(run_ids))}.{st.session_state.get(LISTS, 0)}"
    st.dataframe(
        [_row(status) for status in statuses],
        hide_index=True,
        key=key,
        on_select=partial(_click, key, run_ids),
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": watched}},
        column_config={
            "Run": st.column_config.TextColumn(width="medium"),
            "Epoch": st.column_config.TextColumn(width="small"),
            "Best Dice": st.column_config.NumberColumn(format="%.3f", width="small"),
            "Test Dice": st.column_config.NumberColumn(format="%.3f", width="small"),
            "Best epoch": st.column_config.NumberColumn(width="small"),
            "Created": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        },
        placeholder="-",
        alt="Every run with its state, network, recipe, data, epochs, best Dice and note",
    )
    st.caption(
        "Tick a run to watch it: it is the one to name, resume, download or delete. A click on a "
        "column's name sorts by it. Best Dice: validation, of the best epoch. Test Dice: of its "
        f"network, on slices held out{_TESTED}."
    )
    if CLICKED in st.session_state:  # drawn before, so that it keeps its order and its place
        st.rerun()


def _click(key: str, run_ids: Sequence[str]) -> None:
    rows = st.session_state[key].selection.rows
    if rows and run_ids[rows[0]] != st.session_state[LAST][0]:
        st.session_state[CLICKED] = run_ids[rows[0]]


def _row(status: RunStatus) -> dict[str, object]:
    run = paths.runs() / status.run_id  # perhaps deleted meanwhile
    config, label, tested = config_of(run), runs.label(run), cache.tested(run)
    return {
        "Run": label.title or status.run_id,
        "State": _state(status),
        "Best Dice": status.best_dice,
        "Test Dice": tested.dice if tested else None,
        "Network": NETWORKS[config.model] if config else None,
        "Recipe": config.recipe if config else None,
        "Data": config.data.rstrip("/").rsplit("/", 1)[-1] if config else None,
        "Epoch": f"{status.epoch} / {status.epochs}",
        "Best epoch": status.best_epoch,
        "Created": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(status.created)),
        "Note": label.note if config else unreadable(run),
    }


def _state(status: RunStatus) -> str:
    place = status.queue_place
    return status.state if place is None else f"{status.state}, place {place}"


def side_by_side(run_ids: Sequence[str]) -> None:
    """Put the numbers of the runs whose curves lie over each other into one table."""
    apart = training_settings.differing(run_ids)
    rows = [row | apart.get(run_id, {}) for run_id in run_ids if (row := _numbers(run_id))]
    if len(rows) < 2:
        return
    st.dataframe(
        rows,
        hide_index=True,
        key="train.side_by_side",
        column_config={
            "Run": st.column_config.TextColumn(width="medium"),
            "Training Dice": st.column_config.NumberColumn(format="%.4f"),
        }
        | {
            name: st.column_config.NumberColumn(format="%.4f", width="small")
            for name in ("Best Dice", "Test Dice", "Accuracy", "Loss")
        },
        placeholder="-",
        alt="The runs above with their scores, epochs, time and the settings that differ",
    )
    st.caption(
        f"Best Dice: validation, at the epoch beside it. Test Dice: on slices held out{_TESTED}. "
        "The rest: validation (training Dice apart) after the last epoch. Last come the settings "
        "that differ."
    )


def _numbers(run_id: str) -> dict[str, object] | None:
    try:
        history, config = runs.history(runs.find(run_id)), config_of(run_id)
    except RunError:
        return None
    if not history:
        return None
    last, tested = history[-1], cache.tested(runs.find(run_id))
    best = next((record for record in reversed(history) if record.best), last)
    return {
        "Run": name_of(run_id),
        "Best Dice": best.val_dice,
        "at epoch": best.epoch,
        "Test Dice": tested.dice if tested else None,
        "Network": NETWORKS[config.model] if config else None,
        "Epochs": last.epoch,
        "Training Dice": last.dice,
        "Accuracy": last.val_accuracy,
        "Loss": last.val_loss,
        "Minutes": round(last.elapsed / 60, 1),
        "Slices/s": round(last.slices_per_second, 1),
    }
