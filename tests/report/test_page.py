"""The report is one file: escaped, complete, and without a request."""

from __future__ import annotations

import html
import re

import pytest

from brainseg.report import page

NASTY = '</script><img src=x onerror="alert(1)"> & "UNet"'


def own_part(text: str) -> str:
    """The page without Plotly's script."""
    return text[: text.rindex("<script>", 0, text.index("plotly.js v"))]


def test_every_section_is_there_and_every_number_of_the_tables(make):
    both = [make("UNet"), make("ResUNet", 0.1)]
    extras = page.Extras(
        planes={1: "axial", 2: "coronal"}, orientations={"upright": both, "mirrored": both},
        draw=lambda place, case: f"picture {place} {case.number}".encode(), part="Test slices",
        synthetic=True, warnings=("UNet saw <3> of these",),
    )  # fmt: skip
    text = own_part(page.render(both, extras))
    for title in (
        "Scores", "By kind of tumour", "By plane", "By size", "By patient", "Thresholds",
        "UNet against ResUNet", "Calibration", "The eight symmetries", "Slices, ResUNet",
        "Misses and false alarms",
    ):  # fmt: skip
        assert f"<h2>{title}</h2>" in text, title
    assert "0.450 (" in text
    assert "6: Test slices" in text
    assert "made (synthetic)" in text
    assert "UNet saw &lt;3&gt; of these" in text
    assert text.count("<img ") == 2 * (4 + 4 + 4 + 1 + 1)
    assert "not a medical device" in text


def test_names_are_escaped_and_no_data_ends_a_script(make):
    text = own_part(page.render([make(NASTY), make("ResUNet")]))
    assert NASTY not in text
    assert html.escape(NASTY) in text
    assert "onerror=" not in re.sub(r"&quot;|&lt;.*?&gt;", "", text)
    for spec in re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL):
        assert "<" not in spec


def test_the_page_asks_nobody_for_anything(make):
    text = page.render([make()])
    assert "default-src 'none'" in text
    assert not re.findall(
        r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']?http", own_part(text)
    )
    assert text.count("plotly.js v") == 1


def test_what_is_not_known_is_left_out(make):
    text = own_part(page.render([make(cases=[])]))
    for absent in ("By plane", "The eight symmetries", "<img ", "Where the mean comes from"):
        assert absent not in text
    with pytest.raises(ValueError, match="at least one"):
        page.render([])
