"""Lesson: a mask is numbers; a small one to click on, then the real one and its sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from brainseg import palette
from brainseg.errors import BrainsegError
from brainseg.types import BoolArray
from ui import frame, learning, pictures
from ui.lessons.chosen import Chosen

RUNS_SHOWN = 6


def draw(chosen: Chosen) -> None:
    """Turn a small mask into a matrix, a flat list and indices, and back; then a real one."""
    st.markdown(
        "A mask is an image of the scan's size in which a pixel is **1 where there is tumour** "
        "and **0 where there is none**. Click the cells: everything below follows."
    )
    sides = st.segmented_control(
        "Size of the mask", (2, 3, 4, 6), default=2, required=True,
        format_func=lambda n: f"{n} x {n}", key="learn.side",
    )  # fmt: skip
    left, right = st.columns([2, 3], gap="large")
    with left:
        mask = _grid(int(sides or 2))
    with right:
        _forms(mask)
    _and_back(mask)
    st.subheader("And a real one", anchor=False)
    _real(chosen)


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
    picture = pictures.flat(np.kron(mask, np.ones((side, side), dtype=np.bool_)), palette.TRUTH)
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
    st.caption(
        f"The pixel in row r and column c has index r x {mask.shape[1]} + c. {len(places)} of "
        f"{len(flat)} pixels are tumour."
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


def _real(chosen: Chosen) -> None:
    mask = chosen.truth
    height, width = mask.shape
    runs = learning.run_lengths(mask)
    left, right = st.columns([2, 3], gap="large")
    with left:
        picture = pictures.flat(mask, palette.TRUTH)
        st.image(picture, width="stretch", alt=f"The true mask of {chosen.name}")
        st.caption(f"The true mask of {chosen.name}, upright: {height} x {width}.")
    with right:
        st.markdown("**Run lengths**: where each row of ones starts, and how many there are")
        first = ", ".join(f"({start}, {length})" for start, length in runs[:RUNS_SHOWN])
        more = f", and {len(runs) - RUNS_SHOWN:,} more" if len(runs) > RUNS_SHOWN else ""
        st.code(first + more if runs else "no pair: the mask is empty", language=None,
                wrap_lines=True)  # fmt: skip
        sizes = learning.mask_sizes(mask)
        flat = sizes[0].size_bytes
        st.table(
            [{"This mask as": s.form, "Bytes": f"{s.size_bytes:,}",
              "of the flat list": f"{s.size_bytes / flat:.2%}", "counted as": s.how}
             for s in sizes],
            border="horizontal", hide_index=True, alt="Sizes of the mask in five forms",
        )  # fmt: skip
        st.caption(
            f"{int(mask.sum()):,} of {mask.size:,} pixels are tumour, in {len(runs):,} runs. All "
            "five are the same mask, and each gives it back exactly."
        )
