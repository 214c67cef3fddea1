"""What one network has to do with the slices of a dataset: its split, and its Dice where scored."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from brainseg import networks, paths
from brainseg.data.catalog import Catalog
from brainseg.networks import NetworkRef
from ui import cache, evaluation

PARTS = {"train": "training", "val": "validation", "test": "test", "none": "none of these"}
_KEY = "dataset.network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """By slice number: the part of the network's split, and its Dice (None: undefined)."""

    parts: dict[int, str] = field(default_factory=dict)
    dice: dict[int, float | None] = field(default_factory=dict)


def pick() -> None:
    """Let the user choose a network, or none."""
    names = [ref.label for ref in cache.networks()]
    if names:
        st.selectbox(
            "Network, for its split and its Dice", names, index=None, placeholder="None",
            key=_KEY, bind="query-params",
        )  # fmt: skip


def chosen() -> NetworkRef | None:
    """Return the network that was chosen: before its widget is drawn, also by a fresh link."""
    label = st.session_state.get(_KEY, st.query_params.get(_KEY))
    return next((ref for ref in cache.networks() if ref.label == label), None)


def of_network(ref: NetworkRef, catalog: Catalog) -> Scores:
    """Return what is known on disk of a network on the slices of a dataset; nothing is computed."""
    kept = paths.cache() / "evaluations"  # changes when scores come
    stamp = kept.stat().st_mtime_ns if kept.is_dir() else 0
    return _of_network(
        ref.name, networks.fingerprint(ref.name), catalog.digest, stamp, (ref, catalog)
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _of_network(
    name: str, fingerprint: str, digest: str, stamp: int, _asked: tuple[NetworkRef, Catalog]
) -> Scores:
    ref, catalog = _asked
    known = evaluation.known_parts(ref, [catalog])
    parts: dict[int, str] = {}
    if known:
        parts = {sample.number: PARTS["none"] for sample in catalog.samples}
        for part in ("train", "val", "test"):
            parts |= dict.fromkeys(known.get(part, ()), PARTS[part])
    dice: dict[int, float | None] = {}
    for numbers in evaluation.choices([ref], [catalog]).values():
        found = evaluation.kept(ref, [catalog], numbers)
        dice |= {case.number: case.dice for case in found.cases} if found else {}
    return Scores(parts=parts, dice=dice)
