"""Lesson: the four folders, how they get here, and how their files find each other."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from brainseg import palette
from brainseg.data import kaggle
from ui import cases, frame, learning, pictures
from ui.lessons.chosen import Chosen

ROWS = 6


def draw(chosen: Chosen) -> None:
    """Download, unzip, sort, pair; then the files of the chosen slice."""
    st.markdown(
        "The public dataset is one zip file of 790 MB. Unpacked it is **four folders**; a slice is "
        "one file in each, and its number is in the file's name."
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Download with the Kaggle API, then unzip**: one command does both")
        st.code(f"python -m brainseg download --slug {kaggle.SLUG}", language="bash",
                wrap_lines=True)  # fmt: skip
        st.code("images/1.png\nmasks/1_mask.png\nsaliency_maps_1/1.png\nsaliency_maps_2/1.png",
                language=None)  # fmt: skip
        st.caption(
            "An interrupted download goes on where it stopped; the archive is checked before "
            "anything is unpacked. Then every screen offers it under Dataset, as Kaggle."
        )
    with right:
        _order(chosen)
    st.subheader("Pair by number, never by position", anchor=False)
    _pairing(chosen)
    st.subheader(f"The files of slice {chosen.sample.number}", anchor=False)
    _files(chosen)
    frame.link("dataset", "Browse the whole dataset", icon=":material/photo_library:")


def _order(chosen: Chosen) -> None:
    names = [sample.image.name for sample in chosen.catalog.samples]
    st.markdown(f"**Sorted as text** the {len(names):,} images come in this order")
    st.code("  ".join(sorted(names)[:ROWS]), language=None, wrap_lines=True)
    st.markdown("**In natural order**, by the number in the name")
    st.code("  ".join(names[:ROWS]), language=None, wrap_lines=True)
    st.caption("Text is compared sign by sign, so 10 comes before 2. `natsort` reads the number.")


def _pairing(chosen: Chosen) -> None:
    pairs = [(s.image, s.mask) for s in chosen.catalog.samples if s.mask is not None][:ROWS]
    if len(pairs) < ROWS:
        st.caption("This dataset has too few masks to show it.")
        return
    images, masks = [i.name for i, _ in pairs], [m.name for _, m in pairs]
    lost = st.select_slider(
        "Lose one mask, and pair what is left by position", ["none", *masks], value=masks[1],
        key="learn.lost", width=420,
    )  # fmt: skip
    rows = learning.pair_by_position(images, masks, str(lost))
    wrong = sum(found != right for _, found, right in rows)
    st.table(
        [{"Image": image, "By position": found + (" ✗" if found != right else ""),
          "By number": right} for image, found, right in rows],
        border="horizontal", hide_index=True, width=520, alt="Pairs by position and by number",
    )  # fmt: skip
    st.caption(
        f"By position {wrong} of {len(rows)} images get a wrong mask or none (✗), and nothing "
        "complains. By number one image has none, and the app says which."
    )


def _files(chosen: Chosen) -> None:
    sizes = {str(row["What"]): row for row in cases.files_of(chosen.catalog, chosen.sample)}
    shown = {
        "Image": chosen.grey,
        "True mask": pictures.flat(chosen.truth, palette.TRUTH),
        **{panel.title: panel.picture for panel in
           cases.saliency_panels(chosen.catalog, chosen.sample)},
    }  # fmt: skip
    grid = st.grid(4, min_column_width=150, gap="small")
    for title in ("Image", "True mask", "Saliency map 1", "Saliency map 2"):
        with grid.cell():
            if title in sizes and title in shown:
                st.image(shown[title], width="stretch", alt=f"{title} of {chosen.name}")
                path, size = Path(str(sizes[title]["File"])), int(sizes[title]["Bytes"])
                st.caption(f"**{title}** · `{path}` · {size:,} bytes")
            else:
                st.caption(f"**{title}**: there is no such file for this slice.")
