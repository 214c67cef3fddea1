"""Train in a real browser: start, see the points arrive, reload in the middle, stop."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
PATIENCE_MS = 240_000  # a worker opens Keras first, on a machine that may be busy
DICE = "document.querySelector('.st-key-train-dice .js-plotly-plot')"


def set_number(page: Page, label: str, value: int) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Enter")


def choose(page: Page, label: str) -> None:
    page.get_by_role("radio", name=label, exact=True).click()


def start(page: Page, url: str, settled: Callable[[Page], None], *, epochs: int) -> str | None:
    """Start a tiny UNet and return the id of its run."""
    page.goto(f"{url}/train-a-network")
    settled(page)
    form = page.locator("details", has_text="New training").first
    if form.get_attribute("open") is None:
        form.locator("summary").first.click()
    choose(page, "Other")
    set_number(page, "How many epochs", epochs)
    page.get_by_text("Details", exact=True).click()
    set_number(page, "Input side (px)", 32)
    set_number(page, "Base features", 4)
    expect(page.locator("code")).to_contain_text("--base 4")
    expect(page.locator("code")).to_contain_text(f"--epochs {epochs}")
    before = watched(page)
    page.get_by_role("button", name="Start training").click()
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while watched(page) in (None, before):
        assert time.monotonic() < deadline, page.url
        page.wait_for_timeout(200)
    return watched(page)


def watched(page: Page) -> str | None:
    """The run that the address names."""
    found = re.search(r"train\.run=([\w.-]+)", page.url)
    return found[1] if found else None


def validation_points(page: Page) -> list[float]:
    return list(page.evaluate(f"Array.from({DICE}?.data?.[1]?.y ?? [])"))


def wait_for_points(page: Page, count: int) -> None:
    page.wait_for_function(f"({DICE}?.data?.[1]?.y?.length ?? 0) >= {count}", timeout=PATIENCE_MS)


def recorded(run: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [event for event in events if event["kind"] == "epoch"]


def wait_for_state(page: Page, state: str) -> None:
    badge = page.locator("p", has_text=re.compile(rf"{state}$")).first
    expect(badge).to_be_visible(timeout=PATIENCE_MS)


def test_three_epochs_with_a_reload_in_the_middle(
    server: Any, page: Page, settled: Callable[[Page], None]
) -> None:
    run_id = start(page, server.url, settled, epochs=3)
    page.reload()
    settled(page)
    assert f"train.run={run_id}" in page.url
    wait_for_points(page, 1)
    page.reload()
    settled(page)
    wait_for_points(page, 3)
    wait_for_state(page, "Finished")
    run = server.home / "runs" / run_id
    measured = [event["val_dice"] for event in recorded(run)]
    assert validation_points(page) == pytest.approx(measured)
    expect(page.get_by_text("Epoch 3 of 3")).to_be_visible()
    shown = page.get_by_alt_text("Validation slice after epoch 3", exact=True)
    expect(shown).to_have_count(len(list((run / "previews").glob("epoch-00003-*"))))
    expect(page.get_by_text("Evaluate its network")).to_be_visible()
    assert (run / "result.json").is_file()


@pytest.fixture
def second_tab(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1440, "height": 1000})
    tab.set_default_timeout(PATIENCE_MS)
    yield tab
    tab.close()


def test_stop_finishes_the_batch_and_both_tabs_see_it(
    server: Any, page: Page, second_tab: Page, settled: Callable[[Page], None]
) -> None:
    run_id = start(page, server.url, settled, epochs=5000)
    run = server.home / "runs" / run_id
    try:
        wait_for_points(page, 1)
        second_tab.goto(page.url)
        wait_for_points(second_tab, 1)
        page.get_by_role("button", name="Stop", exact=False).click()
        for tab in (page, second_tab):
            wait_for_state(tab, "Stopped")
            expect(tab.get_by_role("button", name="Resume")).to_be_visible()
    finally:
        (run / "stop").touch()  # a test that failed leaves no worker behind
    assert (run / "checkpoint" / "LATEST.json").is_file()
    assert recorded(run)
