"""How a run is set up: folded under it, and side by side where runs are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from brainseg.training import recipes
from brainseg.training.recipes import MEANINGS, RunConfig
from ui.training_words import config_of

_SHOWN_ELSEWHERE = ("model", "schema")
_OFF = "none"


def show(run_id: str) -> None:
    """Offer every setting of a run, those that differ from its recipe first, and its command."""
    config = config_of(run_id)
    if config is None or config.recipe not in recipes.RECIPES:  # of another version
        return
    with st.expander(f"Settings: {summary(config)}", icon=":material/tune:", key="train.settings"):
        st.dataframe(
            _rows(config), hide_index=True, placeholder=_OFF, height=280,
            column_config={"Meaning": st.column_config.TextColumn(width="large")},
            alt="Every setting of the run with its value and what it means",
        )  # fmt: skip
        st.caption(
            "First those that differ from the recipe. The same again, from the command line:"
        )
        st.code(recipes.command(config), language="bash", wrap_lines=True)


def summary(config: RunConfig) -> str:
    """Return a run's recipe in a few words, and what differs from it."""
    return f"{config.recipe}, {told_changes(config) or 'as it is'}"


def told_changes(config: RunConfig) -> str:
    """Return in words what differs from the recipe."""
    return ", ".join(f"{_words(name)} {_told(value)}" for name, value in changes(config).items())


def changes(config: RunConfig) -> dict[str, Any]:
    """Return the settings that differ from the recipe's, apart from network and data."""
    usual = recipes.recipe(config.recipe, model=config.model, data=config.data).to_dict()
    return {name: value for name, value in config.to_dict().items() if value != usual[name]}


def differing(run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return, for each readable run, the settings that are not the same in all of them."""
    found = {run_id: c.to_dict() for run_id in run_ids if (c := config_of(run_id)) is not None}
    first, *others = found.values() or [{}]
    names = [name for name in first if name not in _SHOWN_ELSEWHERE and any(
        first[name] != other[name] for other in others)]  # fmt: skip
    return {
        run_id: {_words(name).capitalize(): _told(plain[name]) for name in names}
        for run_id, plain in found.items()
    }


def _rows(config: RunConfig) -> list[dict[str, str]]:
    own = changes(config)
    ordered = own | {name: value for name, value in config.to_dict().items() if name not in own}
    return [
        {
            "Setting": _words(name).capitalize(),
            "Value": _told(value),
            "Meaning": MEANINGS.get(name, ""),
        }
        for name, value in ordered.items()
        if name not in _SHOWN_ELSEWHERE
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value) or _OFF
