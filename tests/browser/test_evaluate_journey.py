"""Evaluate: from the scores to a worst slice in Compare, and a report that opens offline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
MINUTES = 5 * 60_000  # the first visit scores every slice


def open_section(server, page: Page, section: str) -> None:
    page.goto(f"{server.url}/evaluate-networks?evaluate.section={section}")
    page.get_by_test_id("stMetricValue").first.wait_for(timeout=MINUTES)


def test_a_worst_slice_is_one_click_from_compare_with_the_same_score(server, page, settled):
    open_section(server, page, "Gallery")
    settled(page)  # links appear in any order, so the first there need not be the first slice's
    caption = page.get_by_text(re.compile(r"^Slice \d+ · .*Dice"))
    words = caption.first.inner_text()
    number, dice = re.search(r"Slice (\d+) .*Dice ([\d.]+)", words).groups()
    page.get_by_test_id("stPageLink").get_by_text("Compare", exact=True).first.click()
    page.wait_for_url(f"**/compare-networks?**compare.sample={number}**")
    settled(page)
    page.wait_for_selector(".scores")
    assert f"Dice {dice} ·" in page.locator(".scores").first.inner_text()
    assert server.trouble() == []


def test_the_tables_of_groups_fit_a_phone(server, page, settled):
    page.set_viewport_size({"width": 420, "height": 900})
    open_section(server, page, "Groups")
    tables = page.locator("table")
    tables.nth(1).wait_for(timeout=MINUTES)
    rights = "tables => tables.map(table => table.getBoundingClientRect().right)"
    assert max(tables.evaluate_all(rights)) <= 420


def test_the_report_opens_offline_with_its_figures(
    server, page, settled, browser: Browser, tmp_path: Path
):
    open_section(server, page, "Export")
    shown = page.get_by_test_id("stMetricValue").first.inner_text()
    with page.expect_download(timeout=MINUTES) as started:
        page.get_by_role("button", name="Report (HTML)").click()
    report = tmp_path / "report.html"
    started.value.save_as(report)
    asked: list[str] = []
    context = browser.new_context(offline=True)
    reader = context.new_page()
    reader.on("request", lambda request: asked.append(request.url))
    reader.on("pageerror", lambda error: asked.append(f"script error: {error}"))
    reader.goto(report.as_uri())
    reader.wait_for_selector(".js-plotly-plot .main-svg")
    figures, places = reader.locator(".js-plotly-plot"), reader.locator(".plot")
    assert figures.count() == places.count() > 8
    assert shown in reader.locator("table").first.inner_text()
    sizes = "pictures => pictures.map(picture => picture.naturalWidth)"
    widths = reader.locator("img").evaluate_all(sizes)
    assert len(widths) > 10
    assert min(widths) > 100
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert server.trouble() == []
