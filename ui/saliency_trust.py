"""Whether a map can be trusted: deletion and insertion, stability, sanity. Each on demand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from brainseg.saliency_measures import (
    COPIES,
    LIMIT,
    NOISE,
    Removal,
    SanityCheck,
    Stability,
)
from brainseg.saliency_request import Progress
from ui import charts, saliency_charts, saliency_jobs, saliency_maps
from ui.saliency_charts import Checked, Removed
from ui.saliency_maps import Explained


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measure:
    """Something that asks the networks many times: what it is, how to compute and to show it."""

    name: str
    title: str
    icon: str
    about: str
    compute: Callable[[Explained, Progress], Any]
    draw: Callable[[Sequence[tuple[Explained, Any]]], None]


def show(explained: Sequence[Explained]) -> None:
    """Offer the measures that ask the networks many times, and show those that were asked for."""
    for measure in _MEASURES:
        st.markdown(f"**{measure.title}**")
        st.caption(measure.about)
        found = _found(measure, explained)
        if found:
            measure.draw(found)


def _found(measure: _Measure, explained: Sequence[Explained]) -> list[tuple[Explained, Any]]:
    """Return what is known of each map; computes it when the button was pressed just now."""
    shelf = saliency_jobs.shelf()
    missing = [one for one in explained if shelf.get((measure.name, *one.key)) is None]
    place = st.empty()
    if missing and not place.button(
        f"Compute {measure.title.lower()}", key=f"saliency.{measure.name}",
        icon=f":material/{measure.icon}:",
    ):  # fmt: skip
        return []
    place.empty()
    found = []
    for one in explained:
        result = saliency_jobs.computed(
            (measure.name, *one.key), f"{one.title}: {measure.title.lower()}",
            lambda progress, one=one: measure.compute(one, progress),
        )  # fmt: skip
        if result is not None:
            found.append((one, result))
    return found


def _compute_removal(one: Explained, progress: Progress) -> tuple[Removal, Removal]:
    network = saliency_maps.opened(one.ref)
    from brainseg import saliency

    return saliency.removal(network, one.found, progress)


def _compute_stability(one: Explained, progress: Progress) -> Stability:
    network = saliency_maps.opened(one.ref)
    from brainseg import saliency

    return saliency.stability(network, one.found, progress)


def _compute_sanity(one: Explained, progress: Progress) -> SanityCheck:
    saliency_jobs.open_keras()
    from brainseg import saliency_sanity

    return saliency_sanity.check(
        one.ref.folder, one.found.question, one.found.method, progress=progress
    )


def _removal(found: Sequence[tuple[Explained, tuple[Removal, Removal]]]) -> None:
    drawn = [
        Removed(label=one.ref.label, colour=one.colour, curves=curves, chance=chance)
        for one, (curves, chance) in found
    ]
    for column, part in zip(st.columns(2, gap="large"), ("deletion", "insertion"), strict=True):
        with column:
            figure = saliency_charts.removal(drawn, part)  # type: ignore[arg-type]
            alt = f"{part.capitalize()} curves of the networks' maps and of random order"
            charts.show(figure, f"saliency.{part}", alt)


def _stability(found: Sequence[tuple[Explained, Stability]]) -> None:
    rows = [
        {"Map": one.title, "Sensitivity": f"{result.sensitivity:.2f}",
         "Rank correlation": f"{result.rank_correlation:.2f}"}
        for one, result in found
    ]  # fmt: skip
    st.table(rows, border="horizontal", hide_index=True, alt="Stability of each map")


def _sanity(found: Sequence[tuple[Explained, SanityCheck]]) -> None:
    for one, check in found:
        words = f"{one.title}: {'passes' if check.passes else 'FAILS'}, {_end(check)}"
        icon, colour = ("check", "green") if check.passes else ("close", "red")
        st.badge(words, icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type]
    drawn = [Checked(label=one.ref.label, colour=one.colour, check=check) for one, check in found]
    alt = "Rank correlation of each map with the trained network's, layer by layer"
    charts.show(saliency_charts.sanity(drawn), "saliency.randomised", alt)


def _end(check: SanityCheck) -> str:
    last = check.stages[-1].rank_correlation
    if math.isnan(last):
        return "no map is left when all is random"
    return f"rank correlation {last:.2f} when all is random"


_MEASURES = (
    _Measure(
        name="removal", title="Deletion and insertion", icon="trending_down",
        about="Does the target vanish with the pixels that the map calls important? They turn "
        "black one after the other, or come back into a blurred slice (Petsiuk et al. 2018, RISE). "
        "The deletion of a good map falls early and its insertion rises early; a map is worth what "
        "it is better than pixels in random order.",
        compute=_compute_removal, draw=_removal,
    ),
    _Measure(
        name="stability", title="Stability", icon="vibration",
        about=f"Does faint noise ({NOISE:.0%} of the range, {COPIES} copies) change the map? "
        "Sensitivity is the largest relative change (Yeh et al. 2019), 0 at best; the rank "
        "correlation of the magnitudes is 1 at best.",
        compute=_compute_stability, draw=_stability,
    ),
    _Measure(
        name="sanity", title="Sanity check", icon="shuffle",
        about="Does the map depend on what was learnt? The weights turn random layer by layer, "
        "from the output to the input, and the map is computed anew (Adebayo et al. 2018). A map "
        f"whose magnitudes still correlate above {LIMIT:g} in rank when all is random, beyond what "
        "the distance to the target explains, shows the picture and not the network: it fails.",
        compute=_compute_sanity, draw=_sanity,
    ),
)  # fmt: skip
