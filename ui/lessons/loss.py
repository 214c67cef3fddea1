"""Lesson: Dice against cross-entropy against accuracy, by hand and in two real trainings."""

from __future__ import annotations

import numpy as np
import streamlit as st

from brainseg import history, overlay, palette
from brainseg.history import Stage
from ui import charts, charts_learn, learning
from ui.learning import Shrink
from ui.lessons.chosen import Chosen, has_tumour

COLOURS = (palette.OTHER_RUNS[0], palette.OTHER_RUNS[3])


def draw(chosen: Chosen) -> None:
    """Make a perfect prediction worse and watch three scores; then two trainings."""
    st.markdown(
        "Start with a perfect prediction, take some of the tumour away from it, move it aside. "
        "**Accuracy hardly notices**, because nearly all pixels are background. **Dice does.**"
    )
    if has_tumour(chosen):
        _by_hand(chosen)
    st.subheader("Two real trainings: Dice loss, and cross-entropy alone", anchor=False)
    trainings(history.read(history.RECORDED / "losses.json"))


def _by_hand(chosen: Chosen) -> None:
    mask = chosen.truth
    sliders = st.columns(3, gap="medium")
    gone = sliders[0].slider("Taken away", 0, 100, 40, 5, format="%d %%", key="learn.gone")
    most = max(4, mask.shape[1] // 8)
    shift = sliders[1].slider("Moved aside (pixels)", 0, most, 0, key="learn.shift")
    sure = sliders[2].slider(
        "How sure the prediction is", 0.55, 0.99, 0.99, 0.01, key="learn.sure",
        help="The probability it gives to what it says, at every pixel. Only cross-entropy cares.",
    )  # fmt: skip
    kept = 1 - gone / 100
    now, sweep = learning.score(mask, kept, shift, sure), learning.sweep(mask, shift, sure)
    picture, numbers = st.columns([2, 3], gap="large")
    with picture:
        tint = overlay.agreement(mask, learning.shrink(mask, kept, shift))
        alpha = tint[..., 3].astype(np.float32) / 255
        drawn = overlay.blend(chosen.grey, np.ascontiguousarray(tint[..., :3]), alpha)
        said = f"{gone} % taken away, moved by {shift} pixels"
        st.image(drawn, width="stretch", alt=f"{chosen.name}: the mask with {said}")
        st.caption(f"{chosen.name}. Green: found. Blue stripes: missed. Red stripes: invented.")
    with numbers:
        with st.container(horizontal=True):
            st.metric("Dice", f"{now.dice:.3f}")
            st.metric("Accuracy", f"{now.accuracy:.3f}")
            st.metric("Cross-entropy", f"{now.cross_entropy:.3f}")
        figure = charts_learn.shrinking(sweep, kept)
        charts.show(figure, "learn.shrinking", "Dice falls to 0 while accuracy stays high")
    _about_scores(float(mask.mean()), sweep, kept)


def _about_scores(share: float, sweep: tuple[Shrink, ...], kept: float) -> None:
    empty, unsure = sweep[-1], float(np.log(2))
    left, right = st.columns(2, gap="large")
    with left:
        st.latex(r"\text{Dice} = \frac{2\,|A \cap B|}{|A| + |B|} = \frac{2\,TP}{2\,TP + FP + FN}")
        st.latex(r"\text{Accuracy} = \frac{TP + TN}{TP + FP + FN + TN}")
        st.markdown(
            f"Tumour fills {share:.1%} of this slice, so **a mask with nothing in it is "
            f"{empty.accuracy:.1%} accurate**, with a Dice of {empty.dice:.0f}. Dice leaves out "
            "the true negatives (TN), the background that anyone gets right."
        )
        st.markdown("**Why not cross-entropy alone?**")
        st.latex(r"CE = -\frac{1}{N}\sum_i \big[\, y_i \log p_i + (1-y_i)\log(1-p_i) \,\big]")
        st.markdown(
            f"It averages over all pixels alike. A network that knows nothing (0.5 everywhere) "
            f"starts at {unsure:.3f}; one that paints **no tumour at all**, as sure of it as you "
            f"set above, is already at {empty.cross_entropy:.3f}: "
            f"{1 - empty.cross_entropy / unsure:.0%} of the loss is gone before a single tumour "
            "is found."
        )
    with right:
        charts.show(
            charts_learn.cross_entropy(sweep, kept, unsure), "learn.entropy",
            "Cross-entropy of the shrinking mask beside that of an untrained network",
        )  # fmt: skip
        st.markdown("Dice alone has weak gradients where two masks do not touch, so the reference "
                    "recipe adds both:")  # fmt: skip
        st.latex(r"L = (1 - \text{Dice}) + CE")


def trainings(stages: tuple[Stage, ...]) -> None:
    """Draw Dice and accuracy of recorded trainings that differ in their loss alone."""
    curves = [
        charts.Curve(label=stage.name, colour=colour, records=stage.epochs)
        for stage, colour in zip(stages, COLOURS, strict=True)
    ]
    for place, metric in zip(st.columns(2, gap="large"), ("dice", "accuracy"), strict=True):
        with place:
            figure = charts.learning_curves(curves, metric)
            figure.update_layout(height=300, showlegend=True, margin_t=32)
            charts.show(figure, f"learn.losses.{metric}", _alt(stages, metric))
    for stage in stages:
        last = stage.epochs[-1]
        st.markdown(
            f"- **{stage.name}**, after {last.epoch} epochs: validation Dice "
            f"**{last.val_dice:.3f}**, accuracy {last.val_accuracy:.4f}; a mask with nothing in "
            f"it has {last.val_background_accuracy:.4f}."
        )
    st.markdown(
        "By accuracy the two look nearly alike. Solid: validation, dotted: training. The same "
        f"small network ({stages[0].size} px), slices, order and first weights; only the loss "
        "differs. It is one short training of each on a few synthetic slices, and says nothing of "
        "longer ones or of more slices."
    )
    with st.expander("How these two were made"):
        st.caption(
            f"Recorded on {stages[0].date}; demo is what `python -m brainseg demo --to demo` makes."
        )
        st.code("\n".join(stage.command for stage in stages), language="bash", wrap_lines=True)


def _alt(stages: tuple[Stage, ...], metric: str) -> str:
    last = [f"{s.name}: {getattr(s.epochs[-1], 'val_' + metric):.3f}" for s in stages]
    return f"{charts.TITLES[metric]} of two trainings. {'; '.join(last)}"
