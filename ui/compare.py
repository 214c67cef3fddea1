"""What the Compare screen is steered with: the pair, the tour of the slices, the scatter of all."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from brainseg.data.catalog import Catalog
from brainseg.networks import NetworkRef
from brainseg.report import pairs
from brainseg.types import Sample
from ui import (
    cache,
    cases,
    charts,
    compare_scores,
    evaluate_progress,
    evaluation,
    evaluation_view,
    frame,
    widgets,
)
from ui.compare_scores import Pair

SAMPLE, PART = "compare.sample", "compare.part"
DATASET = "compare.dataset"
_TOUR = "compare.tour"
_ORDERS = (  # name, label, key, icon, the slices in this order, what the key does
    ("differ", "Differ most", "D", "alt_route", compare_scores.most_different,
     "leads to where the networks differ most"),
    ("worst", "Worst", "W", "trending_down", compare_scores.worst, "leads to the worst"),
)  # fmt: skip


def pick_pair(catalog: Catalog) -> tuple[NetworkRef, NetworkRef]:
    """Let the user choose two networks; stops the screen where there are none to choose from."""
    names = [ref.name for ref in widgets.need_networks(catalog)]
    other = "resunet" if "resunet" in names else names[min(1, len(names) - 1)]
    return (
        widgets.pick_network("compare.first", "First network", "unet", catalog),
        widgets.pick_network("compare.second", "Second network", other, catalog),
    )


def need_two(first: NetworkRef, second: NetworkRef) -> None:
    """Stop the screen, with the way out, where both are the same network."""
    if first != second:
        return
    text = "**That is the same network twice.** Two are needed to compare."
    others = [ref for ref in cache.networks() if ref != first]
    if others:
        frame.empty_state(
            text, f"Compare with {others[0].label}", lambda: _choose_second(others[0]),
            icon=":material/compare:",
        )  # fmt: skip
    else:
        frame.empty_state(text, "Train another", "train", icon=":material/compare:")
    st.stop()


def _choose_second(ref: NetworkRef) -> None:
    st.session_state["compare.second"] = ref.label


def choose_slices(refs: Sequence[NetworkRef], catalog: Catalog) -> evaluation.Numbers:
    """Return the slices that the scatter and the tour go over: held-out ones where known."""
    parts = evaluation.choices(refs, [catalog])
    if not parts:
        return ()
    chosen = st.session_state.get(PART, st.query_params.get(PART))  # the link is there first
    return parts.get(chosen) or next(iter(parts.values()))


def first_slice(catalog: Catalog, refs: Sequence[NetworkRef]) -> int:
    """Return the slice to start with: a glioma, since there the networks differ most.

    It is one that was held out from both, where that is known.
    """
    held_out = evaluation.held_out(refs, catalog)
    gliomas = [sample for sample in catalog.with_truth if sample.tumour == "glioma"]
    unseen = [sample for sample in gliomas if not held_out or sample.number in held_out]
    return widgets.first_slice(unseen or catalog.samples, held_out)


def tour(pair: Pair | None) -> None:
    """Show the buttons that lead to where the networks differ most, and to the worst slices."""
    why = None if pair else "Score the slices first: below the pictures."
    for name, label, key, icon, order, _ in _ORDERS:
        ranked = order(pair) if pair else []
        st.button(
            label, icon=f":material/{icon}:", shortcut=key, key=f"compare.{name}",
            disabled=not ranked, on_click=_tour, args=(name, ranked),
            help=why or f"Go to the next slice in this order; {len(ranked):,} slices",
        )  # fmt: skip


def why_not(
    refs: Sequence[NetworkRef], catalog: Catalog, chosen: evaluation.Numbers, pair: Pair | None
) -> None:
    """Say why the buttons of the tour wait, where they do, and lead to where scores are made."""
    if pair:
        return
    if not chosen:
        st.caption("Differ most and Worst go by Dice, and no slice here has a known mask.")
        return
    parts = evaluation.choices(refs, [catalog])
    query: dict[str, str | int | list[str]] = {
        "evaluate.dataset": st.session_state[DATASET],
        "evaluate.networks": [ref.label for ref in refs],
        "evaluate.part": next(part for part, numbers in parts.items() if numbers == chosen),
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption("Differ most and Worst go by the scores of all slices.", width="content")
        label = "Evaluate these networks first"
        frame.link("evaluate", label, icon=":material/leaderboard:", query=query)


def keys(pair: Pair | None) -> str:
    """Return what the keys do: those of the tour only where it leads anywhere."""
    told = ["Arrow keys step through the slices"]
    told += [f"{key} {goes}" for *_, key, _, order, goes in _ORDERS if pair and order(pair)]
    return ", ".join(told) + "."


def _tour(name: str, ranked: Sequence[int]) -> None:
    """Go on with the order where this tour stands; from its start after anything else."""
    at = st.session_state.get(_TOUR, {})
    here = at.get("place", -1) if at.get("name") == name else -1
    stands = 0 <= here < len(ranked) and ranked[here] == st.session_state.get(SAMPLE)
    place = (here + 1) % len(ranked) if stands else 0
    st.session_state[_TOUR] = {"name": name, "place": place}
    st.session_state[SAMPLE] = ranked[place]


def facts(sample: Sample, catalog: Catalog, refs: Sequence[NetworkRef], pair: Pair | None) -> str:
    """Return what is known of the slice, who was trained on it, where it stands in both orders."""
    known = cases.facts_for(sample, catalog, refs)
    for order, words in (
        (compare_scores.most_different, "difference rank {} of {}"),
        (compare_scores.worst, "worst rank {} of {}"),
    ):
        ranked = order(pair) if pair else []
        if sample.number in ranked:
            known += f" · {words.format(ranked.index(sample.number) + 1, len(ranked))}"
    return known


def all_slices(
    refs: tuple[NetworkRef, NetworkRef], catalog: Catalog, chosen: evaluation.Numbers,
    pair: Pair | None, present: int,
) -> None:  # fmt: skip
    """Show every slice as a dot, or how to get there; never waits for a network."""
    parts = list(evaluation.choices(refs, [catalog]))
    if not chosen:
        st.caption("No slice here has a known mask, so there is no Dice to plot.")
        return
    st.markdown("**Every slice, one dot each**")
    if len(parts) > 1:
        evaluation_view.choose_part(PART, parts)
    evaluation_view.warn_of_training(refs, [catalog], chosen)
    if pair:
        _scatter(pair, (refs[0].label, refs[1].label), present)
        return
    evaluate_progress.get(
        evaluate_progress.tasks_of(refs, [catalog], chosen), "compare",
        f"Score {len(chosen):,} slices with both networks",
        "It shows every slice as a dot, and leads to those on which the networks differ most.",
    )  # fmt: skip


def _scatter(pair: Pair, names: tuple[str, str], present: int) -> None:
    shown = pairs.points(*pair)
    if not shown:
        st.caption("No slice here has a tumour, so there is no Dice to plot.")
        return
    figure = pairs.every_slice(shown, names, present=present)
    st.plotly_chart(
        figure, key="compare.scatter", on_select=_open_clicked, selection_mode="points",
        config=charts.CONFIG, alt=f"Dice of every slice, {names[0]} against {names[1]}",
    )  # fmt: skip
    own = " and ".join(f"{e.threshold:g}" for e in pair)
    st.caption(
        f"Click a dot to open its slice. {frame.plain(pairs.told(*pair, names))} "
        f"At the networks' own thresholds ({own})."
    )


def _open_clicked() -> None:
    clicked = st.session_state["compare.scatter"].selection.points
    for point in clicked[:1]:
        data = point.get("customdata")
        st.session_state[SAMPLE] = int(data[0] if isinstance(data, list) else data)
