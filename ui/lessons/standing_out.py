"""Lesson: what a saliency map is and is not, on the maps of the chosen slice."""

from __future__ import annotations

import streamlit as st

from brainseg.data import static_saliency
from brainseg.data.catalog import upright
from brainseg.types import FloatArray
from ui import cache, frame, learning, pictures
from ui.lessons.chosen import Chosen


def draw(chosen: Chosen) -> None:
    """Show the two maps of the slice and how far they alone give the mask away."""
    st.markdown(
        "A saliency map gives every pixel a number: **how much it matters**. There are two "
        "kinds, and they answer different questions. **Maps of the picture** stand out from their "
        "surroundings: bright, dark or odd places that draw the eye. They know nothing of tumours. "
        "**Maps of a network** ask which pixels would change its answer."
    )
    maps, top, origin = _maps(chosen)
    grid = st.grid(3, min_column_width=200, gap="small")
    with grid.cell():
        st.image(chosen.outlined(), width="stretch", alt=f"{chosen.name} with its true mask")
        st.caption(f"**{chosen.name}**. Yellow: the true mask.")
    for title, values in maps.items():
        with grid.cell():
            st.image(pictures.heat(values, top), width="stretch", alt=f"{title} as a heat map")
            low, high = float(values.min()), float(values.max())
            st.caption(f"**{title}**. Black: 0, white: {top:g}. Values: {low:.3g} to {high:.3g}.")
    st.caption(origin)
    if chosen.truth.any():
        _leak(chosen, maps)
    st.subheader("And of a network", anchor=False)
    _of_networks()


def _maps(chosen: Chosen) -> tuple[dict[str, FloatArray], float, str]:
    """Return the maps by title, what is white in them, and where they come from."""
    given = {
        f"Saliency map {which}": upright(values, chosen.catalog)
        for which in (1, 2)
        if (values := cache.sample_saliency(chosen.root, chosen.sample.number, which)) is not None
    }
    if given and chosen.catalog.synthetic:
        return given, 255, "Made with the demo data: spectral residual (1) and fine-grained (2)."
    if given:
        return given, 255, "Shown as given: nobody documents how the dataset's two maps were made."
    made = (static_saliency.spectral_residual, static_saliency.fine_grained)
    names = ("Spectral residual", "Fine-grained")
    return (
        {name: method(chosen.pixels) for name, method in zip(names, made, strict=True)},
        1,
        "This dataset came without maps. These two were computed just now from the slice alone, by "
        "two classical methods.",
    )


def _leak(chosen: Chosen, maps: dict[str, FloatArray]) -> None:
    st.markdown("**How far does such a map alone give the mask away?**")
    rows = []
    for title, values in maps.items():
        inside, outside, chance = learning.gives_away(values, chosen.truth)
        rows.append(
            {"Map": title, "Mean in the tumour": f"{inside:.3g}", "Mean elsewhere":
             f"{outside:.3g}", "A tumour pixel is the brighter of two": f"{chance:.1%}"}
        )  # fmt: skip
    st.table(rows, border="horizontal", hide_index=True, alt="Maps inside and outside the tumour")
    st.caption(
        "Last column: a tumour pixel and another one, both drawn by chance; 50 % is guessing, "
        "100 % would be the mask itself (the area under the ROC curve, ties count half). One slice "
        "proves nothing, but ask this of a whole dataset before a map becomes an input of a "
        "network: where it is near 100 %, that would be leakage, not learning."
    )


def _of_networks() -> None:
    st.latex(r"S_{ij} = \left|\frac{\partial}{\partial x_{ij}} \sum_{k \in \hat{M}} z_k(x)\right|")
    st.markdown(
        "Here $x$ is the scan, $z_k$ the network's output before the sigmoid and $\\hat{M}$ the "
        "pixels that it calls tumour: how much would its answer change if this pixel did? Such a "
        "map explains the network, not the disease. And a map divided by its own maximum makes "
        "nothing look like something, so this app prints the raw range beside every one."
    )
    frame.link("saliency", "See where the networks looked", icon=":material/flare:")
