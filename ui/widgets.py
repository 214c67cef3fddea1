"""Choices that several screens offer. Keys are ``page.thing``; the address carries their values."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

from brainseg import palette
from brainseg.data.catalog import Catalog
from brainseg.errors import DataError
from brainseg.networks import NetworkRef
from brainseg.types import SALIENCY_INPUTS, Sample
from ui import cache, evaluation, frame, missing

_LAST_DATASET = "app.dataset"


def pick_dataset(key: str) -> Catalog:
    """Let the user choose a dataset; say when it is synthetic. Makes the demo if there is none.

    Raises:
        DataError: there is no dataset and none could be made.
    """
    cache.ensure_demo()
    options = {ref.label: ref for ref in cache.datasets()}
    if not options:
        raise DataError("no dataset was found; run `python -m brainseg demo --to data/demo`")
    last = st.session_state.get(_LAST_DATASET)
    if key not in st.session_state and key not in st.query_params and last in options:
        st.session_state[key] = last
    missing.look(key, list(options))
    chosen = st.selectbox(
        "Dataset", list(options), index=_index_of_default(options), key=key,
        bind="query-params", width=180,
    )  # fmt: skip
    missing.say(key, "dataset", "is not here", chosen)
    st.session_state[_LAST_DATASET] = chosen
    frame.synthetic_notice(options[chosen].synthetic)
    return cache.catalog(options[chosen].root)


def _index_of_default(options: dict[str, cache.DatasetRef]) -> int:
    real = [i for i, ref in enumerate(options.values()) if not ref.synthetic]
    return real[0] if real else 0


def _step(key: str, options: Sequence[int], by: int) -> None:
    now = st.session_state.get(key, options[0])
    place = options.index(now) if now in options else 0
    st.session_state[key] = options[(place + by) % len(options)]


def pick_sample(
    key: str, catalog: Catalog, refs: Sequence[NetworkRef] = (),
    *, truth_only: bool = False, default: int | None = None,
) -> Sample:  # fmt: skip
    """Let the user choose a slice by number, or step with the arrow keys.

    The first one shown is the default, or one that was held out from the networks ``refs``.

    Raises:
        DataError: the dataset has no slice that could be chosen.
    """
    samples = catalog.with_truth if truth_only else catalog.samples
    if not samples:
        wanted = "slice with a mask" if truth_only else "slice"
        raise DataError(f"{catalog.name} has no {wanted} to show; choose another dataset")
    numbers = [sample.number for sample in samples]
    held_out = evaluation.held_out(refs, catalog)
    first = default if default in numbers else first_slice(samples, held_out)
    _follow(key, first)
    missing.look(key, [str(number) for number in numbers])
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall", width="content")
    number = row.selectbox(
        f"Slice ({len(numbers):,})", numbers, index=numbers.index(first), key=key,
        bind="query-params", width=120, filter_mode="prefix",
    )  # fmt: skip
    row.button(
        "Previous", icon=":material/chevron_left:", key=f"{key}.previous", shortcut="Left",
        on_click=_step, args=(key, numbers, -1),
    )  # fmt: skip
    row.button(
        "Next", icon=":material/chevron_right:", key=f"{key}.next", shortcut="Right",
        on_click=_step, args=(key, numbers, 1), icon_position="right",
    )  # fmt: skip
    where = f"is not among the slices of {catalog.name}" + " with a true mask" * truth_only
    missing.say(key, "slice", where, f"slice {number}")
    return catalog.by_number(number)


def _follow(key: str, first: int) -> None:
    """Go along when another slice becomes the first, until one is chosen.

    An address without a slice means the first one: it must bring back what is on screen.
    """
    before = st.session_state.get(f"{key}.first")
    chosen = key in st.query_params or st.session_state.get(key) != before
    if before is not None and not chosen:
        st.session_state[key] = first
    st.session_state[f"{key}.first"] = first


def first_slice(samples: Sequence[Sample], held_out: Collection[int] = ()) -> int:
    """Return the number of the first slice with a true mask and a tumour, else of the first.

    One of those that the networks shown were not trained on comes before all others: what is on
    screen at first should not flatter them.
    """
    fitting = [s.number for s in samples if s.mask is not None and s.tumour != "none"]
    unseen = [number for number in fitting if number in held_out]
    return next(iter(unseen or fitting), samples[0].number)


def need_networks(catalog: Catalog | None = None) -> tuple[NetworkRef, ...]:
    """Return the networks there are; where there is none, say what to do and stop the screen.

    Those that need saliency maps beside the scan are among them where ``catalog`` has such maps.
    """
    found = _seeing(catalog)
    if not found:
        frame.empty_state(
            "**No trained network yet.** Train one: the quick recipe takes minutes on demo data.",
            "Train a network", "train", icon=":material/model_training:",
        )  # fmt: skip
        st.stop()
    return found


def _seeing(catalog: Catalog | None) -> tuple[NetworkRef, ...]:
    return tuple(ref for ref in cache.networks() if _can_see(ref, catalog))


def _can_see(ref: NetworkRef, catalog: Catalog | None) -> bool:
    """Whether a network needs the scan alone, or maps that some slice of the dataset has."""
    wanted = SALIENCY_INPUTS.get(ref.saliency, ())
    samples = () if catalog is None else catalog.samples
    return not wanted or any(all(s.saliency[which - 1] for which in wanted) for s in samples)


def pick_network(
    key: str, label: str = "Network", default: str = "unet", catalog: Catalog | None = None
) -> NetworkRef:
    """Let the user choose one network; stops the screen where there is none."""
    options = {ref.label: ref for ref in need_networks(catalog)}
    names = [ref.name for ref in options.values()]
    start = names.index(default) if default in names else 0
    missing.look(key, list(options))
    chosen = st.selectbox(
        label, list(options), index=start, key=key, bind="query-params", width=170
    )
    missing.say(key, "network", "is not among the networks here", chosen)
    return options[chosen]


def pick_networks(
    key: str,
    label: str = "Networks",
    *,
    with_weights: bool = False,
    catalog: Catalog | None = None,
) -> list[NetworkRef]:
    """Let the user choose one or more networks, the shipped ones at first.

    ``with_weights`` leaves the ensemble out, which only predicts. ``catalog`` is the dataset they
    are for, where they are for nothing else: its maps may be what a network needs.
    """
    options = _several(need_networks(catalog), with_weights)
    missing.look(key, list(options))
    chosen = st.multiselect(
        label, list(options), default=_at_first(options), key=key,
        bind="query-params", max_selections=5, width=300, placeholder="Choose a network",
    )  # fmt: skip
    missing.say(key, "network", "is not among the networks here", " and ".join(chosen) or "none")
    return [options[name] for name in chosen]


def picked_networks(key: str, *, with_weights: bool = False) -> list[NetworkRef]:
    """Return what ``pick_networks`` of this key will return, for what stands above it."""
    options = _several(_seeing(None), with_weights)
    linked = [name for name in st.query_params.get_all(key) if name in options]
    chosen = st.session_state.get(key, linked or _at_first(options))
    return [options[name] for name in chosen if name in options]


def _several(refs: Sequence[NetworkRef], with_weights: bool) -> dict[str, NetworkRef]:
    return {ref.label: ref for ref in refs if not (with_weights and ref.kind == "ensemble")}


def _at_first(options: dict[str, NetworkRef]) -> list[str]:
    shipped = [label for label, ref in options.items() if ref.kind == "shipped"]
    return shipped or list(options)[:2]


def colours(refs: Sequence[NetworkRef]) -> dict[str, str]:
    """Return a colour per network name: its architecture's, and no colour twice in one view."""
    spare = [colour for colour in palette.OTHER_RUNS if colour != palette.TRUTH]
    chosen: dict[str, str] = {}
    for ref in refs:
        own = palette.of_model(ref.name)
        free = [colour for colour in (own, *spare) if colour not in chosen.values()]
        chosen[ref.name] = free[0] if free else own
    return chosen
