from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def test_a_slice_is_found_opened_and_left_by_keyboard_and_the_link_brings_it_back(
    server, page: Page, settled
):
    page.goto(f"{server.url}/browse-the-data?dataset.tumour=glioma")
    settled(page)
    cards = page.locator(".card")
    expect(cards.first).to_contain_text("glioma")
    second = cards.nth(1).get_attribute("data-number")
    cards.first.focus()
    page.keyboard.press("ArrowRight")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".stage")).to_have_count(4)
    settled(page)
    assert f"dataset.slice={second}" in page.url
    page.locator("select[name=heat]").select_option("Saliency map 1")
    expect(page.locator("figcaption").first).to_contain_text("Saliency map 1")
    page.locator(".stage").first.hover()
    expect(page.locator(".readout")).to_have_text(re.compile(r"Saliency map 2 \d+"))
    page.reload()
    settled(page)
    expect(page.locator(".stage")).to_have_count(4)
    page.keyboard.press("Escape")
    expect(cards.first).to_contain_text("glioma")
    assert "dataset.slice" not in page.url
    assert not server.trouble()
