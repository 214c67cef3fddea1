"""The five lessons of the Learn screen. Each draws itself and owns its widgets (``learn.*``)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from brainseg import overlay, palette, runs
from brainseg.data import catalog as catalogs
from brainseg.errors import BrainsegError
from brainseg.types import BoolArray
from ui import cache, charts, charts_learn, charts_network, frame, learning

MODELS = {"unet": "UNet", "resunet": "ResUNet"}
DRAWN_SIZE, DRAWN_BASE = 256, 64


def mask_as_numbers() -> None:
    """Turn a small mask into a matrix, a flat list and indices, and back."""
    st.markdown(
        "A mask is an image of the scan's size in which a pixel is **1 where there is tumour** "
        "and **0 where there is none**. Click the cells: everything below follows."
    )
    sides = st.segmented_control(
        "Size of the mask",
        (2, 3, 4, 6),
        default=2,
        required=True,
        format_func=lambda n: f"{n} x {n}",
        key="learn.side",
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        mask = _grid(int(sides or 2))
    with right:
        _forms(mask)
    st.divider()
    _and_back(mask)


def _grid(side: int) -> BoolArray:
    start = np.zeros((side, side), dtype=np.bool_)
    start[0, 1] = start[1, 0] = True
    table = pd.DataFrame(start, columns=[f"col {c}" for c in range(side)])
    table.index = pd.Index([f"row {r}" for r in range(side)])
    fixed = {"_index": st.column_config.Column(disabled=True)}
    key, alt = f"learn.grid.{side}", "The mask as boxes: tick a pixel to make it tumour"
    edited = st.data_editor(table, key=key, column_config=fixed, alt=alt)
    mask = np.asarray(edited.to_numpy(), dtype=np.bool_)
    st.image(_squares(mask), width=200, caption="The same as a picture", alt="The mask drawn")
    return mask


def _squares(mask: BoolArray) -> np.ndarray:
    side = 240 // mask.shape[0]
    big = np.kron(mask, np.ones((side, side), dtype=np.bool_))
    picture = np.where(big[..., None], palette.rgb(palette.TRUTH), (38, 38, 38)).astype(np.uint8)
    picture[::side] = picture[:, ::side] = 90
    return picture


def _forms(mask: BoolArray) -> None:
    flat, places = [int(v) for v in mask.ravel()], learning.indices(mask)
    rows = r" \\ ".join(" & ".join(str(int(v)) for v in row) for row in mask)
    st.markdown("**As a matrix**")
    st.latex(rf"M = \begin{{pmatrix}} {rows} \end{{pmatrix}}")
    st.markdown("**Flattened**, read row by row: what a loss function compares")
    st.code(f"{flat}", language=None, wrap_lines=True)
    st.markdown("**Index form**: only the places of the ones, counted from 0")
    st.code(f"{places}", language=None, wrap_lines=True)
    columns = mask.shape[1]
    st.caption(
        f"The pixel in row r and column c has index r x {columns} + c. {len(places)} of "
        f"{len(flat)} pixels are tumour. On a 512 x 512 slice the flat list has 262,144 numbers, "
        "about 2 % of them ones, which is why the index form is the shorter one."
    )


def _and_back(mask: BoolArray) -> None:
    side = mask.shape[0]
    text = st.text_input(
        f"And back: which indices are tumour in a {side} x {side} mask?",
        ", ".join(str(i) for i in learning.indices(mask)),
        key=f"learn.indices.{side}.{learning.indices(mask)}",
    )
    try:
        back = learning.from_indices(learning.parse_indices(text), side, side)
    except BrainsegError as error:
        frame.refuse(error)
        return
    drawn = r" \\ ".join(" & ".join(map(str, row)) for row in back)
    same = "the mask above" if back == mask.astype(int).tolist() else "another mask"
    st.latex(rf"\begin{{pmatrix}} {drawn} \end{{pmatrix}}")
    st.caption(f"That is {same}.")


def why_dice() -> None:
    """Shrink a perfect prediction to nothing and watch three scores."""
    image, mask, source = _example()
    st.markdown(
        "Start with a perfect prediction and take the tumour away from it, pixel by pixel. "
        "**Accuracy hardly notices**, because nearly all pixels are background. **Dice does.**"
    )
    gone = st.slider(
        "Taken away from a perfect prediction", 0, 100, 40, 5, format="%d %%", key="learn.gone"
    )
    kept = 1 - gone / 100
    now, sweep = learning.score(mask, kept), learning.sweep(mask)
    picture, numbers = st.columns([2, 3], gap="large")
    with picture:
        drawn = _shrunk(image, mask, kept)
        st.image(drawn, width="stretch", caption=source, alt=f"A mask that lacks {gone} %")
        st.caption("Green: found. Blue stripes: missed.")
    with numbers:
        with st.container(horizontal=True):
            st.metric("Dice", f"{now.dice:.3f}")
            st.metric("Accuracy", f"{now.accuracy:.3f}")
            st.metric("Cross-entropy", f"{now.cross_entropy:.3f}")
        figure = charts_learn.shrinking(sweep, kept)
        charts.show(figure, "learn.shrinking", "Dice falls to 0 while accuracy stays high")
    _about_scores(mask, sweep, kept)


def _example() -> tuple[np.ndarray | None, BoolArray, str]:
    """Return a slice with its mask of a dataset that is here, else an ellipse; and which it is."""
    for dataset in cache.datasets():
        listed = cache.catalog(dataset.root)
        number = next((s.number for s in listed.samples if s.mask and s.tumour != "none"), None)
        if number is None:
            continue
        image, mask = (
            cache.sample_image(dataset.root, number),
            cache.sample_mask(dataset.root, number),
        )
        if mask is not None and mask.any() and mask.shape == image.shape:
            made = " (synthetic demo data)" if dataset.synthetic else ""
            turned = [catalogs.upright(a, listed.orientation) for a in (image, mask)]
            return turned[0], turned[1], f"Slice {number} of {dataset.label}{made}"
    return None, learning.ellipse(), "An ellipse drawn for this page: there is no dataset here yet"


def _shrunk(image: np.ndarray | None, mask: BoolArray, kept: float) -> np.ndarray:
    base = np.full(mask.shape, 40, dtype=np.float32) if image is None else image
    rgb = overlay.grey(base, 0, 255) if image is None else overlay.grey(base)
    tint = overlay.agreement(mask, learning.shrink(mask, kept))
    alpha = tint[..., 3].astype(np.float32) / 255
    return overlay.blend(rgb, np.ascontiguousarray(tint[..., :3]), alpha)


def _about_scores(mask: BoolArray, sweep: tuple[learning.Shrink, ...], kept: float) -> None:
    empty, half = sweep[-1], float(np.log(2))
    st.latex(r"\text{Dice} = \frac{2\,|A \cap B|}{|A| + |B|} = \frac{2\,TP}{2\,TP + FP + FN}")
    st.latex(r"\text{Accuracy} = \frac{TP + TN}{TP + FP + FN + TN}")
    st.markdown(
        f"Tumour fills {mask.mean():.1%} of this slice, so **a mask with nothing in it is "
        f"{empty.accuracy:.1%} accurate**, with a Dice of {empty.dice:.0f}. Dice leaves out the "
        "true negatives (TN), the background that anyone gets right."
    )
    st.subheader("Why not cross-entropy alone?", anchor=False)
    st.latex(r"CE = -\frac{1}{N}\sum_i \big[\, y_i \log p_i + (1-y_i)\log(1-p_i) \,\big]")
    charts.show(
        charts_learn.cross_entropy(sweep, kept, half),
        "learn.entropy",
        "Cross-entropy of the shrinking mask stays far below that of an untrained network",
    )
    st.markdown(
        f"Cross-entropy averages over all pixels alike. A network that knows nothing (0.5 "
        f"everywhere) starts at {half:.3f}; one that paints **no tumour at all**, 99 % sure of "
        f"it, is already at {empty.cross_entropy:.3f}: {1 - empty.cross_entropy / half:.0%} of "
        "the loss is gone before a single tumour is found. Dice alone has weak gradients "
        "where the two masks do not touch, so the reference recipe adds the two:"
    )
    st.latex(r"L = (1 - \text{Dice}) + CE")


def early_stopping() -> None:
    """Move the patience and see where a training would have stopped."""
    st.markdown(
        "A training watches the **validation Dice loss** (1 - Dice of its probabilities, on "
        "slices it does not learn from). When it has not fallen for *patience* epochs in a row, "
        "training stops and the weights of the best epoch are kept."
    )
    losses, note = _losses()
    left, right = st.columns(2)
    patience = left.slider("Patience (epochs)", 1, 100, 5, key="learn.patience")
    limit = right.segmented_control(
        "At most", (75, 300), default=300, required=True, key="learn.limit",
        format_func=lambda n: f"{n} epochs",
    )  # fmt: skip
    shown = losses[: int(limit or 300)]
    found = learning.stop_early(shown, patience)
    figure = charts_learn.early_stopping(shown, found)
    charts.show(figure, "learn.stopping", f"Training stops after epoch {found.stopped_at}")
    why = "patience ran out" if found.stopped_at < len(shown) else "the last epoch was reached"
    st.markdown(
        f"Stops after epoch **{found.stopped_at}** ({why}); the weights of epoch "
        f"**{found.best_epoch}** are kept, with a loss of {shown[found.best_epoch - 1]:.3f}. "
        f"The lowest loss of all {len(shown)} epochs is {min(shown):.3f}."
    )
    st.caption(note)
    _epochs()


def _losses() -> tuple[list[float], str]:
    known = {s.run_id: s for s in runs.list_runs() if s.epoch > 2}
    made = "Illustration"
    chosen = st.selectbox("Curve", [made, *known], key="learn.curve") if known else made
    if chosen == made:
        return learning.illustration(), (
            "An illustration drawn from a formula (a cold start, two plateaus, noise, late "
            "overfitting), not a measurement."
        )
    records = runs.history(runs.find(str(chosen)))
    return [r.val_dice_loss for r in records], "Measured: the validation Dice loss of this run."


def _epochs() -> None:
    st.subheader("75 epochs or 300?", anchor=False)
    st.markdown(
        "- **75 epochs, patience 5** is the source document's choice. It is quick, and a plateau "
        "of six epochs ends it. ResUNet suffers most: its batch-norm averages start cold, its "
        "first validation scores are near zero, and patience 5 can run out before it warms up.\n"
        "- **300 epochs, patience 40 or more** suits training with augmentation: no epoch shows "
        "the same pictures again, so the network learns more slowly and keeps learning for "
        "longer. The learning rate follows a cosine down to zero, and the last third, where it "
        "is small, brings much of the gain.\n"
        "- Without augmentation, 300 epochs mostly learn the training slices by heart: training "
        "Dice goes on rising while validation Dice stands still."
    )


def architectures() -> None:
    """Draw both networks from the built models, and what tells them apart."""
    st.markdown(
        "Both networks share one skeleton: an **encoder** that halves the picture and doubles "
        "the features, a **bottleneck**, and a **decoder** that comes back up and takes the fine "
        "detail from the encoder through **skips**. Point at a block to see its layers."
    )
    name = st.segmented_control(
        "Network", tuple(MODELS), default="unet", required=True, key="learn.model",
        format_func=MODELS.__getitem__,
    )  # fmt: skip
    model = str(name or "unet")
    layers = _built(model)
    total = sum(int(layer["parameters"]) for layer in layers)
    st.caption(
        f"Read from the built network: input {DRAWN_SIZE} x {DRAWN_SIZE}, {DRAWN_BASE} features "
        f"at the first level, {total:,} parameters. Under each block: side² and channels (ch) of "
        "its output, and its parameters."
    )
    figure = charts_network.architecture(layers, model)
    charts.show(figure, f"learn.architecture.{model}", f"The U of {MODELS[model]}, {total:,}")
    st.subheader("The one difference: the unit", anchor=False)
    left, right = st.columns(2)
    with left:
        charts.show(charts_network.unit(residual=False), "learn.plain", "Plain unit")
    with right:
        charts.show(charts_network.unit(residual=True), "learn.residual", "Residual unit")
    st.markdown(
        "The shortcut carries the unit's input around both convolutions and adds it back, so the "
        "unit learns a **correction** to its input, and gradients reach the early layers "
        "undamped. The 1x1 convolution only matches the number of features."
    )
    st.latex(r"\text{plain: } y = F(x)")
    st.latex(r"\text{residual: } y = \text{ReLU}(F(x) + W x)")


def _built(model: str) -> list[dict[str, object]]:
    ready = learning.architecture_is_kept(model, size=DRAWN_SIZE, base=DRAWN_BASE)
    if ready:
        return learning.architecture(model, size=DRAWN_SIZE, base=DRAWN_BASE)
    with st.spinner(f"Building {MODELS[model]} once in a process of its own (about 10 s)"):
        return learning.architecture(model, size=DRAWN_SIZE, base=DRAWN_BASE)


def saliency() -> None:
    """Say what a saliency map is and is not."""
    st.markdown(
        "A saliency map gives every pixel a number: **how much it matters**. There are two "
        "kinds on the other screens, and they answer different questions.\n"
        "- **Maps of the picture** stand out from their surroundings: bright, dark or odd "
        "places that draw the eye. They know nothing of tumours. The dataset's `saliency_maps_1` "
        "and `saliency_maps_2` are of this kind as far as anyone can tell: nobody documents how "
        "they were made. The demo data computes its own, spectral residual and fine-grained.\n"
        "- **Maps of the network** ask which pixels would change its answer. The simplest is "
        "the gradient of the predicted tumour with respect to the input."
    )
    st.latex(r"S_{ij} = \left|\frac{\partial}{\partial x_{ij}} \sum_{k \in \hat{M}} z_k(x)\right|")
    st.markdown(
        "Here $x$ is the scan, $z_k$ the network's output before the sigmoid and $\\hat{M}$ the "
        "pixels that it calls tumour.\n\n"
        "**Three cautions.** A map explains the network, not the disease. A map divided by its "
        "own maximum makes nothing look like something, so this app prints the raw range beside "
        "every map. And before a map is fed to a network as an input, ask how well it alone "
        "gives the mask away: that would be leakage, not learning."
    )
    frame.link("saliency", "See the maps of a slice", icon=":material/flare:")
