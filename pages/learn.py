"""Learn: what the numbers on the other screens mean, with everything live."""

from __future__ import annotations

import streamlit as st
from ui import frame, lessons

LESSONS = {
    "Mask as numbers": lessons.mask_as_numbers,
    "Why Dice": lessons.why_dice,
    "Early stopping": lessons.early_stopping,
    "The networks": lessons.architectures,
    "Saliency maps": lessons.saliency,
}

with frame.open_page("Learn", "Five short lessons. Move something and watch what follows from it."):
    tabs = st.tabs(list(LESSONS), key="learn.lesson", bind="query-params")
    for tab, lesson in zip(tabs, LESSONS.values(), strict=True):
        if tab.open:
            with tab:
                lesson()
