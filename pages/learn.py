"""Learn: a guided tour from the problem to the results, each idea live on one chosen slice."""

from __future__ import annotations

import streamlit as st
from ui import frame, tour
from ui.lessons import TOUR, chosen

with frame.open_page(
    "Learn", "A guided tour on one slice of your choice. Move something and watch what follows."
):
    slice_ = chosen.choose()
    title = tour.choose(list(TOUR))
    st.header(title, anchor=False, divider="gray")
    TOUR[title](slice_)
    st.divider()
    tour.step(list(TOUR), title)
