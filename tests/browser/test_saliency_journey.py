"""From the dataset's maps to the networks' own, and from a click in the picture to that pixel."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_the_networks_explain_themselves_and_the_pixel_that_was_clicked(
    start_server, page, settled
):
    server = start_server()  # of its own: Keras stays open in it
    page.goto(f"{server.url}/why-it-looked-there?saliency.method=Seg-Grad-CAM")
    settled(page)
    page.get_by_role("button", name="Show where the networks looked").click()
    map_ = page.get_by_alt_text("UNet, Seg-Grad-CAM as a heat map")
    map_.first.wait_for(timeout=120_000)
    settled(page)
    assert map_.count() == 2  # ResUNet's too
    assert page.get_by_text("sum of logits over the predicted mask").count() == 2

    picture = page.locator("img.pick")
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] / 2, "y": box["height"] / 4})
    page.get_by_text(re.compile("logit at row")).first.wait_for()
    settled(page)
    assert "saliency.target=One" in page.url
    row = int(page.get_by_label("Row", exact=True).input_value())
    column = int(page.get_by_label("Column", exact=True).input_value())
    assert abs(row - 128) <= 2
    assert abs(column - 256) <= 2
    page.get_by_text("Predicted mask", exact=True).click()
    expect(page.get_by_label("Row", exact=True)).to_have_count(0)
    settled(page)
    picture.click(position={"x": box["width"] / 2, "y": box["height"] / 2 + 40})
    expect(page.get_by_label("Row", exact=True)).not_to_have_value(str(row))
    settled(page)
    row = page.get_by_label("Row", exact=True).input_value()
    address = page.url
    page.goto(address)  # a link to this very view
    settled(page)
    expect(page.get_by_label("Row", exact=True)).to_have_value(row)
    own = [line for line in server.trouble() if "absl::InitializeLog" not in line]
    assert own == []  # TensorFlow announces its log before it can be told not to
