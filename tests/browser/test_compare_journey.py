"""Compare: two networks on one slice, scored as the library scores, moved as one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from brainseg import metrics, palette

pytestmark = pytest.mark.browser

RUNS = ("20260101-000000-unet", "20260101-000001-resunet")
PAIR = "&".join(
    f"compare.{place}=Run+{run}" for place, run in zip(("first", "second"), RUNS, strict=True)
)
# Every dot of the scatter: the number of its slice, where it is on screen, how far the next one is.
DOTS = """plot => {
  const { xaxis, yaxis } = plot._fullLayout;
  const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
  const dots = plot._fullData.filter((t) => t.mode === 'markers' && t.hoverinfo !== 'skip')
    .flatMap((t) => t.customdata.map((d, i) => ({ number: d[0],
      x: box.left + xaxis.l2p(t.x[i]), y: box.top + yaxis.l2p(t.y[i]) })));
  for (const dot of dots) dot.room = Math.min(...dots.filter((other) => other !== dot)
    .map((other) => Math.hypot(other.x - dot.x, other.y - dot.y)));
  return dots;
}"""


@pytest.fixture
def compare(server, page, settled):
    """Open the Compare screen on a slice and wait for the scores."""

    def open_screen(number: int, query: str = ""):
        page.goto(f"{server.url}/compare-networks?compare.sample={number}&{PAIR}{query}")
        settled(page)
        page.wait_for_selector(".scores")
        return page

    return open_screen


def found_and_truth(server, number: int, run: str):
    """What the library finds on a slice, and the true mask, as the screen shows them: upright."""
    from brainseg.data.catalog import read_catalog, read_image, read_mask, upright
    from brainseg.inference import Segmenter
    from brainseg.types import Scan

    catalog = read_catalog(Path(server.home) / "data" / "demo")
    sample = catalog.by_number(number)
    segmenter = Segmenter.load(Path(server.home) / "runs" / run / "network")
    found = segmenter.predict(Scan(pixels=read_image(sample))).mask(0.5)
    return upright(found, catalog), upright(read_mask(sample), catalog)


def expected_line(server, number: int, run: str) -> str:
    """What the library says of a network on a slice, as the screen writes it."""
    found, truth = found_and_truth(server, number, run)
    count = metrics.confusion(found, truth)
    dice, iou = metrics.dice(count), metrics.iou(count)
    return f"Dice {dice:.3f} · IoU {iou:.3f} · {count.tp + count.fp:,} px"


def shown(page, panel: int, shape: tuple[int, int]) -> np.ndarray:
    """The picture of a panel as (H, W, 3) RGB at the size of the scan."""
    shot = np.frombuffer(page.locator(".stage canvas").nth(panel).screenshot(), dtype=np.uint8)
    picture = cv2.cvtColor(cv2.imdecode(shot, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_NEAREST).astype(int)


def well_inside(mask: np.ndarray) -> np.ndarray:
    """The mask without a rim, where the screen's own pixels mix two kinds."""
    return cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0


def test_scores_and_colours_are_those_of_the_library(compare, server, coloured):
    page = compare(3)
    lines = page.locator(".scores").all_inner_texts()
    assert lines[:2] == [expected_line(server, 3, run) for run in RUNS]
    assert coloured(page, 0, palette.UNET) > 30
    assert coloured(page, 1, palette.RESUNET) > 30
    assert server.trouble() == []


def test_right_and_wrong_pixels_have_their_colours_where_the_library_says(compare, server):
    page = compare(3, "&compare.view=Right+and+wrong")
    found, truth = found_and_truth(server, 3, RUNS[0])
    picture = shown(page, 0, truth.shape)
    kinds = {
        palette.TRUE_POSITIVE: found & truth,
        palette.FALSE_POSITIVE: found & ~truth,
        palette.FALSE_NEGATIVE: truth & ~found,
    }
    background = well_inside(~found & ~truth)
    assert np.abs(np.ptp(picture[background], axis=1)).max() <= 24  # grey: nothing is painted there
    for colour, mask in kinds.items():
        inside = well_inside(mask)
        assert inside.sum() > 50, f"slice 3 has too few pixels of {colour} to judge"
        mean = picture[inside].mean(axis=0)
        tint = mean - mean.mean()  # what remains is colour, the grey of the scan taken away
        wanted = np.array(palette.rgb(colour)) - np.mean(palette.rgb(colour))
        likeness = tint @ wanted / np.linalg.norm(tint) / np.linalg.norm(wanted)
        assert likeness > 0.95, f"{colour} is not what is painted on its pixels"
    lightness = picture[well_inside(kinds[palette.FALSE_POSITIVE])].std()
    assert lightness > 10  # hatched, not flat


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


def test_swipe_puts_two_networks_in_one_panel_and_in_the_address(compare):
    page = compare(3)
    page.get_by_text("Swipe between the networks").click()
    page.wait_for_url("**compare.swipe=true**")
    page.get_by_role("slider", name="Divider").wait_for()
    assert page.locator(".stage").count() == 2
    told = page.locator("figcaption").first.inner_text()
    assert [told.count(f"Run {run}") for run in RUNS] == [1, 1]  # whose scores are whose
    assert told.count("the true mask") == 1


def test_keys_step_through_the_slices_and_the_address_follows(server, compare, settled):
    page = compare(3)
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**compare.sample=4**")
    answers = [expected_line(server, 4, run) for run in RUNS]
    expect(page.locator(".scores")).to_have_text(answers)
    page.reload()
    settled(page)
    expect(page.locator(".scores")).to_have_text(answers)


def test_a_moved_threshold_is_in_the_link_and_the_link_brings_it_back(
    compare, page, settled, set_slider
):
    before = compare(3, "#fill=40").locator(".scores").all_inner_texts()
    set_slider(page, "threshold", 20)
    page.wait_for_url("**compare.threshold=0.1#fill=40")
    moved = page.locator(".scores").all_inner_texts()
    assert moved != before
    page.reload()
    settled(page)
    page.wait_for_selector(".scores")
    assert page.locator(".scores").all_inner_texts() == moved


def test_how_it_is_looked_at_is_in_the_link_and_the_link_brings_it_back(compare, set_slider):
    page = compare(3)
    untouched = shown(page, 1, (128, 128))
    set_slider(page, "window", 700)
    set_slider(page, "level", 250)
    set_slider(page, "fill", 40)
    page.locator(".stage").first.hover(position={"x": 60, "y": 80})
    page.mouse.wheel(0, -500)
    page.wait_for_function("/^#view=.*&window=.*&level=.*&fill=40$/.test(location.hash)")
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    before = shown(page, 1, (128, 128))
    told = page.evaluate("location.hash")
    page.goto("about:blank")
    page = compare(3, told)  # the slice it starts with: Streamlit cuts such an address
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    assert np.abs(shown(page, 1, (128, 128)) - before).mean() < 1
    page.locator(".stage").first.dblclick()
    page.wait_for_function("location.hash.startsWith('#window=')")
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    assert np.abs(shown(page, 1, (128, 128)) - before).mean() > 5
    page.evaluate("location.hash = ''")  # a link pasted over this one
    page.wait_for_timeout(300)
    assert np.abs(shown(page, 1, (128, 128)) - untouched).mean() < 1


def test_a_click_on_a_dot_of_the_scatter_opens_its_slice(compare, server, settled):
    page = compare(3)
    plot = page.locator(".js-plotly-plot").filter(has=page.locator(".scatterlayer")).last
    page.get_by_role("button", name="Differ most").and_(page.locator(":enabled")).wait_for()
    plot.scroll_into_view_if_needed()
    dots = [dot for dot in plot.evaluate(DOTS) if dot["number"] not in (0, 3)]
    chosen = max(dots, key=lambda dot: dot["room"])
    page.mouse.move(chosen["x"], chosen["y"])
    page.mouse.click(chosen["x"], chosen["y"])
    page.wait_for_url(f"**compare.sample={chosen['number']}**")
    settled(page)
    page.get_by_text(f"Slice {chosen['number']} · ").wait_for()
    assert server.trouble() == []
