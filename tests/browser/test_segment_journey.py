"""Segment: a slice of the demo, then a scan of one's own; the outline is there and it moves."""

from __future__ import annotations

import base64

import cv2
import nibabel
import numpy as np
import pytest
from playwright.sync_api import expect

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


@pytest.fixture
def grey_of():
    """The mean grey of a panel as it is on screen."""

    def mean(page, panel: int) -> float:
        shot = page.locator(".stage canvas").nth(panel).screenshot()
        return float(cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_GRAYSCALE).mean())

    return mean


def test_the_outline_of_a_sample_is_drawn_in_the_networks_colour(segment, server, coloured):
    page = segment(f"segment.sample=3&{UNET}")
    page.wait_for_selector(".scores")
    assert coloured(page, 1, palette.UNET) > 30
    assert coloured(page, 0, palette.UNET) == 0
    assert "Dice" in page.locator("figcaption").nth(1).inner_text()
    assert server.trouble() == []


def test_the_outline_can_be_hidden_and_filled_without_the_server(segment, coloured, set_slider):
    page = segment(f"segment.sample=3&{UNET}")
    page.wait_for_selector(".scores")
    outlined = coloured(page, 1, palette.UNET)
    page.locator("input[name=outline]").uncheck()
    page.wait_for_timeout(200)
    assert coloured(page, 1, palette.UNET) == 0
    set_slider(page, "fill", 100)
    page.wait_for_timeout(200)
    assert coloured(page, 1, palette.UNET) > outlined


def test_an_uncertainty_that_is_asked_for_is_shown_at_once_until_another_heat_is_chosen(segment):
    page = segment(f"segment.sample=3&{UNET}")
    page.wait_for_selector(".scores")
    heat = page.locator("select[name=heat]")
    expect(heat).to_have_value("")
    page.get_by_text("Compute the uncertainty of this slice").click()
    expect(heat).to_have_value("uncertainty")
    page.get_by_text("more uncertain than 0.5").wait_for()
    heat.select_option("")
    page.get_by_role("button", name="Next").click()
    page.get_by_text("Slice 4 ").first.wait_for()
    expect(heat).to_have_value("")


def test_a_threshold_that_nothing_reaches_says_so(segment, coloured, set_slider):
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
    page.get_by_role("button", name="Segment it all the same").click()  # a ramp is no head
    page.wait_for_selector(".scores")
    set_slider(page, "threshold", 199)
    page.wait_for_timeout(200)
    assert page.locator(".scores").last.inner_text() == "No tumour found"
    page.get_by_text("no tumour found on this slice").wait_for()
    assert coloured(page, 1, palette.UNET) == 0


@pytest.fixture
def volume(segment, settled, real_data, set_slider):
    """The Segment screen with a real volume, every slice segmented."""
    page = segment(f"segment.source=My+own+scan&{UNET}")
    page.set_input_files("input[type=file]", real_data / "scans" / "tcga_fg_6692_t1c.nii.gz")
    page.wait_for_selector(".scores")
    page.get_by_text("The whole volume at this threshold").wait_for()
    settled(page)
    set_slider(page, "threshold", 1)
    page.wait_for_timeout(300)
    return page


def place_on(page, panel: int, right: float = 0.5, down: float = 0.5) -> tuple[float, float]:
    box = page.locator(".stage").nth(panel).bounding_box()
    return box["x"] + right * box["width"], box["y"] + down * box["height"]


def expect_slice(page, number: int) -> None:
    expect(page.locator(".stack output")).to_have_text(f"{number} of 26")


def test_a_volume_is_walked_by_slider_wheel_and_keys_without_the_server(
    volume, settled, coloured, server
):
    assert "mm²" in volume.locator(".scores").last.inner_text()
    assert coloured(volume, 1, palette.UNET) > 30
    settled(volume)
    volume.context.set_offline(True)  # nothing that follows asks the server
    expect_slice(volume, 13)
    volume.get_by_role("slider", name="Slice of the volume").press("ArrowRight")
    expect_slice(volume, 14)
    volume.mouse.move(*place_on(volume, 1))
    volume.mouse.wheel(0, -100)
    expect_slice(volume, 13)
    volume.locator(".stage").nth(1).press("PageUp")
    expect_slice(volume, 8)
    volume.locator(".stage").nth(1).press("ArrowRight")
    expect_slice(volume, 9)
    strip = volume.locator(".strip canvas").bounding_box()
    volume.mouse.click(strip["x"] + strip["width"] * 12.5 / 26, strip["y"] + 20)
    expect_slice(volume, 13)
    assert coloured(volume, 1, palette.UNET) > 30
    volume.context.set_offline(False)
    assert server.trouble() == []


def test_the_scan_is_drawn_through_the_window_and_heat_on_its_own_scale(volume, grey_of):
    auto = grey_of(volume, 0)
    volume.get_by_role("button", name="Full", exact=True).click()
    volume.wait_for_timeout(200)
    assert grey_of(volume, 0) < auto  # a few very bright voxels darken the rest
    volume.mouse.move(*place_on(volume, 0))
    volume.mouse.down(button="right")
    volume.mouse.move(*place_on(volume, 0, down=0.3), steps=3)
    volume.mouse.up(button="right")
    volume.wait_for_timeout(200)
    assert grey_of(volume, 0) > auto  # upwards brightens
    volume.locator("select[name=heat]").select_option("probability")
    assert volume.locator(".scale").inner_text().split() == ["probability", "0", "1"]
    volume.mouse.move(*place_on(volume, 1))
    assert "probability" in volume.locator(".readout").inner_text()


def test_a_brush_adds_erases_and_takes_back_and_the_export_carries_it(volume, settled, tmp_path):
    scores = volume.locator(".scores").last
    before = scores.inner_text()
    volume.locator("input[name=correct]").check()
    volume.mouse.move(*place_on(volume, 1, 0.1, 0.1))
    volume.mouse.down()
    volume.mouse.move(*place_on(volume, 1, 0.3, 0.1), steps=4)
    volume.mouse.up()
    expect(scores).to_contain_text("corrected by hand")
    added = scores.inner_text()
    volume.get_by_role("button", name="Undo").click()
    expect(scores).to_have_text(before)
    volume.mouse.move(*place_on(volume, 1, 0.1, 0.1))
    volume.mouse.down()
    volume.mouse.move(*place_on(volume, 1, 0.3, 0.1), steps=4)
    volume.mouse.up()
    expect(scores).to_have_text(added)
    volume.get_by_text("Masks that were corrected by hand are exported").wait_for()
    settled(volume)
    with volume.expect_download() as waiting:
        volume.get_by_role("button", name="NIfTI mask").click()
    waiting.value.save_as(tmp_path / "mask.nii.gz")
    mask = np.asarray(nibabel.load(tmp_path / "mask.nii.gz").dataobj)
    area = int(added.split(" px")[0].replace(",", ""))
    assert area in [int(count) for count in (mask > 0).sum(axis=(0, 1))]


def test_a_volume_is_as_it_was_left_after_a_look_elsewhere(volume, settled):
    volume.get_by_role("slider", name="Slice of the volume").press("ArrowRight")
    expect_slice(volume, 14)
    volume.locator("input[name=correct]").check()
    volume.mouse.move(*place_on(volume, 1, 0.1, 0.1))
    volume.mouse.down()
    volume.mouse.move(*place_on(volume, 1, 0.3, 0.1), steps=4)
    volume.mouse.up()
    scores = volume.locator(".scores").last
    expect(scores).to_contain_text("corrected by hand")
    volume.get_by_text("Masks that were corrected by hand are exported").wait_for()
    volume.get_by_text("Compute the uncertainty of this slice").click()
    heat = volume.locator("select[name=heat]")
    expect(heat).to_have_value("uncertainty")
    settled(volume)
    left = scores.inner_text()
    for screen in ("Learn", "Segment"):
        volume.get_by_test_id("stSidebarNavLink").filter(has_text=screen).click()
        volume.locator("h1").get_by_text(screen).wait_for()
    volume.get_by_text("tcga_fg_6692_t1c.nii.gz is still here").wait_for()
    expect_slice(volume, 14)
    expect(volume.locator(".threshold output")).to_have_text("0.005")
    expect(scores).to_have_text(left)
    expect(heat).to_have_value("uncertainty")


def test_a_pasted_picture_is_read_as_if_it_had_been_dropped(segment):
    page = segment(f"segment.source=My+own+scan&{UNET}")
    grey = np.tile(np.linspace(0, 110, 128, dtype=np.uint8), (128, 1))
    picture = base64.b64encode(cv2.imencode(".png", grey)[1].tobytes()).decode()
    page.wait_for_function("() => globalThis.brainsegPaste")
    page.evaluate(
        """text => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const carrier = new DataTransfer();
            carrier.items.add(new File([bytes], "image.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carrier }));
        }""",
        picture,
    )
    page.get_by_text("1 slice of 128 by 128 pixels").wait_for()
    page.get_by_role("button", name="Segment it all the same").click()  # a ramp is no head
    page.wait_for_selector(".scores")


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
