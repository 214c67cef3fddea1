"""Segment: a slice of the demo, then a scan of one's own; the outline is there and it moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from brainseg import palette

pytestmark = pytest.mark.browser

UNET = "segment.networks=Run+20260101-000000-unet"


@pytest.fixture
def segment(server, page, settled):
    """Open the Segment screen with an address of one's own and wait for the panels."""

    def open_screen(query: str):
        page.goto(f"{server.url}/segment-a-scan?{query}")
        settled(page)
        return page

    return open_screen


def set_slider(page, name: str, value: int) -> None:
    """Move a slider of the viewer as a hand does: input while moving, change at the end."""
    page.locator(f"input[name={name}]").evaluate(
        "(slider, value) => { slider.value = value;"
        "slider.dispatchEvent(new Event('input')); slider.dispatchEvent(new Event('change')); }",
        value,
    )


def test_the_outline_of_a_sample_is_drawn_in_the_networks_colour(segment, server, coloured):
    page = segment(f"segment.sample=3&{UNET}")
    page.wait_for_selector(".scores")
    assert coloured(page, 1, palette.UNET) > 30
    assert coloured(page, 0, palette.UNET) == 0
    assert "Dice" in page.locator("figcaption").nth(1).inner_text()
    assert server.trouble() == []


def test_the_outline_can_be_hidden_and_filled_without_the_server(segment, coloured):
    page = segment(f"segment.sample=3&{UNET}")
    page.wait_for_selector(".scores")
    outlined = coloured(page, 1, palette.UNET)
    page.locator("input[name=outline]").uncheck()
    page.wait_for_timeout(200)
    assert coloured(page, 1, palette.UNET) == 0
    set_slider(page, "fill", 100)
    page.wait_for_timeout(200)
    assert coloured(page, 1, palette.UNET) > outlined


def test_a_threshold_that_nothing_reaches_says_so(segment, coloured):
    page = segment(f"segment.source=My+own+scan&{UNET}")
    grey = np.tile(np.linspace(0, 110, 128, dtype=np.uint8), (128, 1))
    grey[0, 0] = 255  # one bright pixel: smoothed away, so that nothing reaches a high threshold
    page.set_input_files(
        "input[type=file]",
        {
            "name": "dim.png",
            "mimeType": "image/png",
            "buffer": cv2.imencode(".png", grey)[1].tobytes(),
        },
    )
    page.wait_for_selector(".scores")
    set_slider(page, "threshold", 199)
    page.wait_for_timeout(200)
    assert page.locator(".scores").last.inner_text() == "No tumour found"
    page.get_by_text("found no tumour on this slice").wait_for()
    assert coloured(page, 1, palette.UNET) == 0


def test_a_nifti_volume_is_outlined_slice_by_slice_and_measured(
    segment, settled, coloured, real_data
):
    page = segment(f"segment.source=My+own+scan&{UNET}")
    page.set_input_files("input[type=file]", real_data / "scans" / "tcga_fg_6692_t1c.nii.gz")
    page.wait_for_selector(".scores")
    set_slider(page, "threshold", 1)
    page.wait_for_timeout(500)
    settled(page)
    assert "mm²" in page.locator(".scores").last.inner_text()
    assert coloured(page, 1, palette.UNET) > 30
    before = page.locator(".scores").last.inner_text()
    page.get_by_role("slider", name="Slice of the volume").press("ArrowRight")
    page.wait_for_function(
        "before => [...document.querySelectorAll('*')].some(e => e.shadowRoot"
        " && [...e.shadowRoot.querySelectorAll('.scores')].some(s => s.textContent !== before))",
        arg=before,
    )


def test_the_downloaded_mask_has_the_size_of_the_scan(segment, tmp_path):
    page = segment(f"segment.sample=3&{UNET}")
    page.wait_for_selector(".scores")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="mask").click()
    waiting.value.save_as(tmp_path / "mask.png")
    mask = cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_GRAYSCALE)
    assert mask.shape == (512, 512)
    area = page.locator(".scores").last.inner_text().split(" · ")[-1]
    assert f"{int((mask > 0).sum()):,} px" == area
