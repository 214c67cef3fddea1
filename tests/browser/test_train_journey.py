"""Train in a real browser: start, see the points arrive, reload in the middle, stop."""

from __future__ import annotations

import json
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from brainseg import liveness, runs
from brainseg.training.recipes import recipe
from brainseg.types import Split

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


def drawn(page: Page, what: str) -> list[float]:
    """Coordinate ``what`` of the measured validation Dice on the chart."""
    line = f"{DICE}?._fullData?.find(t => t.uid.endsWith('-validation'))"
    return list(page.evaluate(f"Array.from({line}?.{what} ?? [])"))


def wait_for_points(page: Page, count: int) -> None:
    line = f"{DICE}?._fullData?.find(t => t.uid.endsWith('-validation'))"
    page.wait_for_function(f"({line}?.y?.length ?? 0) >= {count}", timeout=PATIENCE_MS)


def recorded(run: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [event for event in events if event["kind"] == "epoch"]


def wait_for_state(page: Page, state: str) -> None:
    badge = page.locator("p", has_text=re.compile(rf"{state}$")).first
    expect(badge).to_be_visible(timeout=PATIENCE_MS)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).last.click()


@pytest.fixture
def second_tab(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1440, "height": 1000})
    tab.set_default_timeout(PATIENCE_MS)
    yield tab
    tab.close()


def test_three_epochs_watched_across_reload_pages_and_tabs(
    server: Any, page: Page, second_tab: Page, settled: Callable[[Page], None]
) -> None:
    frames: list[bytes | str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda f: frames.append(f)))
    run_id = start(page, server.url, settled, epochs=3)
    watching = page.url
    page.reload()
    settled(page)
    assert f"train.run={run_id}" in page.url
    wait_for_points(page, 1)
    page.get_by_role("link", name="Learn").first.click()
    settled(page)
    page.get_by_role("link", name="Train", exact=True).first.click()
    page.wait_for_url(re.compile(f"train\\.run={run_id}"))
    settled(page)
    second_tab.goto(watching)
    for tab in (page, second_tab):
        wait_for_points(tab, 3)
        wait_for_state(tab, "Finished")
    run = server.home / "runs" / run_id
    measured = [event["val_dice"] for event in recorded(run)]
    for tab in (page, second_tab):
        assert drawn(tab, "y") == pytest.approx(measured)
    expect(page.get_by_text("Epoch 3 of 3")).to_be_visible()
    best = max(event["epoch"] for event in recorded(run) if event["best"])
    shown = page.get_by_alt_text(re.compile(rf"^Validation slice \d after epoch {best}$"))
    expect(shown).to_have_count(len(list((run / "previews").glob("epoch-00003-*"))))
    assert (run / "result.json").is_file()
    settled(page)
    page.wait_for_timeout(1000)
    frames.clear()
    page.wait_for_timeout(5000)
    assert sum(map(len, frames)) < 10_000  # nothing lives, so nothing is drawn again
    page.get_by_test_id("stPopoverButton").filter(has_text="Download").click()
    with page.expect_download() as table:
        page.get_by_role("button", name="History as CSV").click()
    assert len(Path(table.value.path()).read_text().splitlines()) == 1 + 3
    with page.expect_download() as packed:
        page.get_by_role("button", name="Whole run as zip").click()
    inside = zipfile.ZipFile(packed.value.path()).namelist()
    assert f"{run_id}/network/network.xml" in inside
    assert not [name for name in inside if "/checkpoint/" in name]
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Evaluate").last.click()
    settled(page)
    assert run_id in page.url
    expect(page.get_by_text(f"Run {run_id}").first).to_be_visible()


@pytest.fixture
def own_server(start_server: Callable[..., Any]) -> Any:
    """A server that a test may kill."""
    return start_server()


def finished_run(model: str, epochs: int) -> str:
    """A run folder with a history, as a worker would have left it; returns its id."""
    split = Split(train=(0, 1), val=(2,), test=(3,), seed=0, unit="patient")
    run = runs.create(recipe("quick", model=model, data="/nowhere/demo"), split)
    runs.append_event(run, {"kind": "state", "state": "running", "time": time.time()})
    for epoch in range(1, epochs + 1):
        scores = dict.fromkeys(("loss", "dice", "accuracy", "val_dice_loss"), epoch / 20)
        scores |= {f"val_{name}": value for name, value in scores.items() if name[0] != "v"}
        event = {"kind": "epoch", "time": time.time(), "epoch": epoch, "seconds": 30.0}
        event |= {"elapsed": 30.0 * epoch, "learning_rate": 1e-3, "slices_per_second": 9.0}
        event |= {"val_background_accuracy": 0.5, "best": epoch < 4}
        runs.append_event(run, event | scores)
    runs.append_event(run, {"kind": "state", "state": "finished", "time": time.time()})
    return run.name


def zoom(page: Page) -> list[float]:
    """Drag over a part of the Dice chart and return what it shows then."""
    plot = page.locator(".st-key-train-dice .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 150, steps=5)
    page.mouse.up()
    page.wait_for_function(f"{DICE}.layout.xaxis.autorange === false")
    return list(page.evaluate(f"{DICE}.layout.xaxis.range"))


def test_a_zoom_ends_with_its_axis_and_its_run_and_the_tick_follows(
    own_server: Any, page: Page, settled: Callable[[Page], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINSEG_HOME", str(own_server.home))
    first, second = finished_run("unet", 12), finished_run("resunet", 12)
    page.goto(f"{own_server.url}/train-a-network?train.run={first}")
    settled(page)
    wait_for_points(page, 12)
    page.evaluate(f"{DICE}.sameElement = true")
    zoomed = zoom(page)
    page.get_by_role("slider", name="Smoothing").press("ArrowRight")
    settled(page)
    page.wait_for_timeout(1500)
    assert page.evaluate(f"{DICE}.layout.xaxis.range") == zoomed
    choose(page, "Training time")
    page.wait_for_function(f"{DICE}.layout.xaxis.autorange === true")
    zoom(page)
    page.get_by_role("combobox", name="Run").click()
    page.get_by_role("option", name=second).click()
    page.wait_for_function(f"{DICE}.layout.xaxis.autorange === true")
    assert page.evaluate(f"{DICE}.sameElement")  # changed in place all the while
    ticked = page.locator('[data-testid="stDataFrame"] table tr[aria-selected="true"]')
    expect(ticked).to_contain_text(second)
    expect(ticked).to_have_count(1)
    table = page.get_by_test_id("stDataFrame").last
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box
    page.mouse.click(box["x"] + 16, box["y"] + 2.5 * box["height"] / 3)  # below head and newest
    page.wait_for_url(re.compile(f"train\\.run={first}"))
    expect(ticked).to_contain_text(first)
    expect(ticked).to_have_count(1)
    rows = page.locator('[data-testid="stDataFrame"] table tbody tr')
    expect(rows.last).to_contain_text(first)
    for _ in range(2):  # sorts by the name, then from its end
        page.mouse.click(box["x"] + 100, box["y"] + box["height"] / 6)
        page.wait_for_timeout(500)
    expect(rows.last).to_contain_text(second)
    page.mouse.click(box["x"] + 16, box["y"] + 2.5 * box["height"] / 3)
    page.wait_for_url(re.compile(f"train\\.run={second}"))
    settled(page)
    expect(ticked).to_contain_text(second)
    expect(rows.last).to_contain_text(second)  # in the order in which it was ticked


def test_nothing_moves_when_another_run_ends(
    own_server: Any, page: Page, settled: Callable[[Page], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINSEG_HOME", str(own_server.home))
    watched = finished_run("unet", 12)
    split = Split(train=(0, 1), val=(2,), test=(3,), seed=0, unit="patient")
    other = runs.create(recipe("quick", model="resunet", data="/nowhere/demo"), split)
    held = liveness.take(other / "lock")
    assert held is not None
    runs.append_event(other, {"kind": "state", "state": "running", "time": time.time()})
    page.goto(f"{own_server.url}/train-a-network?train.run={watched}")
    settled(page)
    wait_for_points(page, 12)
    page.evaluate(f"{DICE}.sameElement = true")
    zoomed = zoom(page)
    top = f"{DICE}.getBoundingClientRect().top"
    before = page.evaluate(top)
    runs.append_event(other, {"kind": "state", "state": "finished", "time": time.time()})
    os.close(held)
    expect(page.get_by_text(f"{other.name} has finished").first).to_be_visible()
    settled(page)
    page.wait_for_timeout(3000)
    assert page.evaluate(f"{DICE}.layout.xaxis.range") == zoomed
    assert page.evaluate(f"{DICE}.sameElement")
    assert page.evaluate(top) == pytest.approx(before, abs=1)
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(1)


def test_the_rows_of_a_long_legend_take_nothing_from_the_plot(
    own_server: Any, page: Page, settled: Callable[[Page], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINSEG_HOME", str(own_server.home))
    names = [finished_run("unet", 3) for _ in range(6)]
    page.set_viewport_size({"width": 420, "height": 900})
    plots, legends = [], []
    for over in ([], names[1:]):
        laid = "".join(f"&train.with={name}" for name in over)
        page.goto(f"{own_server.url}/train-a-network?train.run={names[0]}{laid}")
        settled(page)
        page.wait_for_function(f"{DICE}?.querySelectorAll('.legend .traces').length > {len(over)}")
        page.wait_for_timeout(500)
        for found, part in ((plots, ".nsewdrag"), (legends, ".legend .bg")):
            box = page.locator(f".st-key-train-dice {part}").first.bounding_box()
            assert box
            found.append(box["height"])
    assert legends[1] > 4 * legends[0]
    assert plots[1] == pytest.approx(plots[0], abs=5)


def test_stop_resume_a_killed_server_and_delete(
    own_server: Any, start_server: Callable[..., Any], page: Page, second_tab: Page,
    settled: Callable[[Page], None],
) -> None:  # fmt: skip
    run_id = start(page, own_server.url, settled, epochs=5000)
    run = own_server.home / "runs" / run_id
    try:
        wait_for_points(page, 2)
        zoomed = zoom(page)
        page.evaluate(f"{DICE}.sameElement = true")
        wait_for_points(page, len(drawn(page, "y")) + 1)
        assert page.evaluate(f"{DICE}.sameElement")  # changed in place
        assert page.evaluate(f"{DICE}.layout.xaxis.range") == zoomed

        own_server.process.kill()
        own_server.process.wait()
        before = len(recorded(run))
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while len(recorded(run)) <= before:
            assert time.monotonic() < deadline, "the worker did not outlive the server"
            page.wait_for_timeout(200)
        start_server(again=own_server)
        page.reload()
        second_tab.goto(page.url)
        for tab in (page, second_tab):
            wait_for_points(tab, before + 1)

        newest = page.get_by_alt_text(re.compile(r"^Validation slice 1 after epoch \d+$"))
        epoch = int(str(newest.get_attribute("alt")).split()[-1])
        page.wait_for_function(
            "then => +document.querySelector('[alt^=\"Validation slice 1 \"]')"
            ".alt.split(' ').at(-1) > then",
            arg=epoch,
        )  # the pictures follow, though nobody touched the slider
        page.evaluate(f"{DICE}.sameElement = true")

        second_tab.get_by_role("button", name="Name and note").click()
        typed = second_tab.get_by_role("dialog").get_by_label("Note")
        typed.fill("a long thought")
        page.get_by_role("button", name="Stop", exact=False).first.click()
        press(page, "Finish the epoch and save")
        wait_for_state(page, "Stopped")
        second_tab.wait_for_timeout(5000)
        expect(typed).to_have_value("a long thought")  # the end of the run closed no dialog
        press(second_tab, "Save")
        expect(second_tab.get_by_text("a long thought")).to_be_visible(timeout=PATIENCE_MS)
        for tab in (page, second_tab):
            wait_for_state(tab, "Stopped")
            expect(tab.get_by_role("button", name="Resume")).to_be_visible(timeout=PATIENCE_MS)
        assert page.evaluate(f"{DICE}.sameElement")  # the end of the run built no chart anew
        done = [event["epoch"] for event in recorded(run)]
        assert done == list(range(1, len(done) + 1))
        assert (run / "checkpoint" / "LATEST.json").is_file()

        page.get_by_role("button", name="Resume").click()
        wait_for_points(page, len(done) + 1)
        wait_for_points(second_tab, len(done) + 1)
        page.get_by_role("button", name="Stop", exact=False).first.click()
        press(page, "Stop now")
        question = page.get_by_role("dialog").last
        asked = question.get_by_text("Stop in the middle of the epoch?")
        expect(asked).to_be_visible(timeout=PATIENCE_MS)
        question.get_by_role("button", name="Stop now").click()
        wait_for_state(page, "Stopped")
        done = [event["epoch"] for event in recorded(run)]
        assert done == list(range(1, len(done) + 1))  # no gap, no repeat

        press(page, "Delete")
        question = page.get_by_role("dialog")
        expect(question.get_by_text("This is for good")).to_be_visible(timeout=PATIENCE_MS)
        assert run.is_dir()
        question.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("No run yet")).to_be_visible(timeout=PATIENCE_MS)
        assert not run.exists()
        assert not own_server.trouble()
    finally:
        if run.is_dir():  # a test that failed leaves no worker behind
            (run / "stop").write_text("now")
