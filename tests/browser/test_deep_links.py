"""The first thing a fresh server sees is a deep link: to every screen, it must open that screen."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

SCREENS = {
    "": "Brain tumour segmentation",
    "browse-the-data": "Dataset",
    "segment-a-scan": "Segment",
    "compare-networks": "Compare",
    "evaluate-networks": "Evaluate",
    "why-it-looked-there": "Saliency",
    "train-a-network": "Train",
    "how-it-works": "Learn",
}


CUT = """() => [...document.querySelectorAll('[data-testid="stMain"] :is(button, table)')]
  .filter((part) => part.getBoundingClientRect().right > window.innerWidth)
  .map((part) => part.textContent)"""


@pytest.mark.parametrize(("path", "title"), SCREENS.items())
def test_a_cold_deep_link_opens_its_screen(start_server, page, settled, path, title):
    server = start_server()
    page.goto(f"{server.url}/{path}")
    settled(page)
    assert page.locator("h1").inner_text().startswith(title)
    assert page.get_by_text("not a medical device").first.is_visible()
    assert page.get_by_test_id("stSidebarNavLink").count() == len(SCREENS)
    assert page.get_by_test_id("stException").count() == 0
    assert page.get_by_text("Page not found").count() == 0
    assert server.trouble() == []


def test_a_wrong_address_leads_home(server, page, settled):
    page.goto(f"{server.url}/no-such-screen")
    settled(page)
    assert page.locator("h1").inner_text() == SCREENS[""]


def test_a_phone_sees_every_screen_without_sideways_scrolling(server, page, settled):
    page.set_viewport_size({"width": 420, "height": 900})
    for path in SCREENS:
        page.goto(f"{server.url}/{path}")
        settled(page)
        wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert not wide, path
        assert page.evaluate(CUT) == [], path
