"""Compare: two networks on one slice, scored as the library scores, moved as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainseg import metrics, palette

pytestmark = pytest.mark.browser

RUNS = ("20260101-000000-unet", "20260101-000001-resunet")
PAIR = "&".join(
    f"compare.{place}=Run+{run}" for place, run in zip(("first", "second"), RUNS, strict=True)
)


@pytest.fixture
def compare(server, page, settled):
    """Open the Compare screen on a slice and wait for the scores."""

    def open_screen(number: int):
        page.goto(f"{server.url}/compare-networks?compare.sample={number}&{PAIR}")
        settled(page)
        page.wait_for_selector(".scores")
        return page

    return open_screen


def expected_line(server, number: int, run: str) -> str:
    """What the library says of a network on a slice, as the screen writes it."""
    from brainseg.data.catalog import read_catalog, read_image, read_mask
    from brainseg.inference import Segmenter
    from brainseg.types import Scan

    sample = read_catalog(Path(server.home) / "data" / "demo").by_number(number)
    segmenter = Segmenter.load(Path(server.home) / "runs" / run / "network")
    found = segmenter.predict(Scan(pixels=read_image(sample)))
    count = metrics.confusion(found.mask(0.5), read_mask(sample))
    dice, iou = metrics.dice(count), metrics.iou(count)
    return f"Dice {dice:.3f} · IoU {iou:.3f} · {found.area_px(0.5):,} px"


def test_scores_and_colours_are_those_of_the_library(compare, server, coloured):
    page = compare(3)
    lines = page.locator(".scores").all_inner_texts()
    assert lines[:2] == [expected_line(server, 3, run) for run in RUNS]
    assert coloured(page, 0, palette.UNET) > 30
    assert coloured(page, 1, palette.RESUNET) > 30
    assert coloured(page, 2, palette.TRUTH) > 30
    assert server.trouble() == []


def test_zooming_one_panel_zooms_all(compare):
    page = compare(3)
    other = page.locator(".stage canvas").nth(1)
    before = other.screenshot()
    page.locator(".stage").first.hover()
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(300)
    assert other.screenshot() != before
    page.locator(".stage").first.dblclick()
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    assert other.screenshot() == before


def test_the_read_out_names_the_place_and_every_value(compare):
    page = compare(3)
    page.locator(".stage").first.hover()
    text = page.locator(".readout")
    page.wait_for_timeout(300)
    assert text.inner_text().startswith("Row 25")
    assert "probability" in text.inner_text()


def test_swipe_puts_two_networks_in_one_panel(compare):
    page = compare(3)
    page.locator("input[name=swipe]").check()
    assert page.locator(".stage").count() == 5
    assert page.get_by_role("slider", name="Divider").is_visible()


def test_keys_step_through_the_slices_and_the_address_follows(compare, settled):
    page = compare(3)
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**compare.sample=4**")
    settled(page)
    after = page.locator(".scores").all_inner_texts()
    page.reload()
    settled(page)
    page.wait_for_selector(".scores")
    assert page.locator(".scores").all_inner_texts() == after
