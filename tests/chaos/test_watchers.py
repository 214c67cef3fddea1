"""F4, F5 with the real server and a real Chromium: those who only watch come and go."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from brainseg import liveness, runs
from brainseg.training import process
from tests.browser.conftest import launch
from tests.chaos.tools import (
    CHAOS,
    LIMIT_MB_AN_HOUR,
    MakeRun,
    Tell,
    epochs_of,
    grows,
    hears_signals,
    wait,
)

pytestmark = pytest.mark.browser
Serve = Callable[[], subprocess.Popen[bytes]]
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture
def serve(url: str, demo_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start the app and wait until it answers; what still serves at the end is ended."""
    monkeypatch.setenv("BRAINSEG_DATA", str(demo_data))
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        app = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
        options = ["--server.headless=true", f"--server.port={url.rpartition(':')[2]}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        where = {"cwd": CHAOS.parents[1], "preexec_fn": hears_signals}
        started.append(subprocess.Popen([*app, *options], **where, **quiet))
        wait(lambda: _answers(url), 60)
        return started[-1]

    yield start
    for server in started:
        server.kill()
        server.wait()


@pytest.fixture
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as one:
        yield one


class Watcher:
    """A browser of its own that looks at a run."""

    def __init__(self, playwright: Playwright, url: str, run: Path) -> None:
        before = set(_browsers())
        self.browser = launch(playwright)
        (self.process,) = set(_browsers()) - before
        self.page = self.browser.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.goto(f"{url}/train-a-network?train.run={run.name}")

    def sees(self, state: str, timeout: float = PATIENCE_MS) -> None:
        badge = self.page.locator("p", has_text=re.compile(rf"{state}$")).first
        expect(badge).to_be_visible(timeout=timeout)

    def leaves(self, way: str) -> None:
        """Close the browser, or kill it in the middle of everything: the socket just breaks."""
        if way == "killed":
            self.process.kill()
        self.browser.close()


def _browsers() -> list[psutil.Process]:
    """The Chromiums that this process started, not their helpers, which they start themselves."""
    found = []
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # a helper that has just ended
            above = one.parent()
            if _is_chromium(one) and not (above and _is_chromium(above)):
                found.append(one)
    return found


def _is_chromium(process: psutil.Process) -> bool:
    return process.name() in ("chromium", "chrome")


def _connections(server: subprocess.Popen[bytes]) -> int:
    found = psutil.Process(server.pid).net_connections(kind="tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED for one in found)


def test_f5_a_browser_that_goes_away_changes_nothing(
    make_run: MakeRun, serve: Serve, url: str, playwright: Playwright, tell: Tell, full: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if not full:
        monkeypatch.setenv("BRAINSEG_FAULT", "stand-in:600")
    run, server = make_run(), serve()
    runs.append_event(run, {"kind": "state", "state": "stopped", "time": time.time()})
    watcher = Watcher(playwright, url, run)
    watcher.page.get_by_role("button", name="Resume").click()  # a child of the session's server
    watcher.sees("Running")
    wait(lambda: runs.process_of(run) is not None)
    worker = runs.process_of(run)
    ways = ("killed", "closed") * 5 if full else ("killed",)
    row = tell("F5", f"browser killed or closed, {len(ways)}", "run unaffected")
    for done, way in enumerate(ways, start=1):
        before = len(epochs_of(run))
        assert _connections(server)
        watcher.leaves(way)
        wait(lambda: not _connections(server), 30, way)
        wait(lambda before=before: not full or len(epochs_of(run)) > before + 1, what=way)
        assert runs.status(run).state == "running"
        assert runs.process_of(run) == worker
        assert liveness.is_alive(worker)
        watcher = Watcher(playwright, url, run)
        watcher.sees("Running")
        row.seen = f"{done}: same process, {len(epochs_of(run))} epochs, seen again"
    watcher.leaves("closed")


def test_f4_the_app_is_killed_and_the_next_one_shows_the_run(
    make_run: MakeRun, serve: Serve, url: str, playwright: Playwright, tell: Tell, full: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if not full:
        pytest.skip("test_locks.py has the short form; `make chaos` kills the app 20 times")
    expected = "worker lives, seen within 5 s of a reload"
    row = tell("F4", "the app killed by INT HUP TERM KILL, 20", expected)
    monkeypatch.setenv("BRAINSEG_FAULT", "stand-in:3600")
    run, server = make_run(), serve()
    process.start(run)
    wait(lambda: runs.status(run).state == "running")
    worker, slowest = runs.process_of(run), 0.0
    watcher = Watcher(playwright, url, run)
    watcher.sees("Running")
    signals = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL)
    for done, number in enumerate(signals * 5, start=1):
        os.kill(server.pid, number)
        server.wait(30)
        assert liveness.is_alive(worker)
        server = serve()
        begun = time.monotonic()
        watcher.page.reload()
        watcher.sees("Running", timeout=5000)
        slowest = max(slowest, time.monotonic() - begun)
        assert runs.process_of(run) == worker
        row.seen = f"{done} alive, reloaded and seen in {slowest:.1f} s at most"
    watcher.leaves("closed")


def test_f24_live_charts_cost_the_server_no_memory(
    make_run: MakeRun, serve: Serve, url: str, playwright: Playwright, tell: Tell, full: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Watching costs nothing with time, and with epochs what their numbers and points take."""
    if not full:
        pytest.skip("minutes of watching; `make chaos` takes them")
    minutes, tabs = 8.0, 4
    expected = "< 32 kB an epoch; without epochs < 5 MB an hour"
    row = tell("F24", f"twice {minutes:.0f} minutes of live charts in {tabs} tabs", expected)
    real = {"size": 128, "base": 16, "depth": 4, "batch_size": 4}  # epochs of seconds, not tenths
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")  # or each thread keeps megabytes for later
    run, server = make_run(epochs=2000, **real), serve()
    process.start(run)
    watcher = Watcher(playwright, url, run)
    wait(lambda: len(epochs_of(run)) >= 3, 600)
    watcher.sees("Running")
    for _ in range(tabs - 1):
        watcher.browser.new_page().goto(watcher.page.url, timeout=PATIENCE_MS)
    newest = watcher.page.get_by_alt_text(re.compile(r"^Validation slice 1 after epoch \d+$"))
    served = psutil.Process(server.pid)

    def look() -> None:
        expect(newest).to_be_visible()

    before = len(epochs_of(run))
    training = grows(served, minutes, look)
    epochs = len(epochs_of(run))
    each = training.slope * 1024 * minutes / 60 / (epochs - before)
    row.seen = f"{epochs} epochs, {each:+.1f} kB each, one jump of {training.jump:.1f} MB"
    assert int(str(newest.get_attribute("alt")).split()[-1]) >= epochs - 5  # drawn to the end
    worker = psutil.Process(runs.process_of(run).pid)
    worker.suspend()  # alive, and polled as before
    still = grows(served, minutes, look)
    worker.resume()
    runs.request_stop(run, now=True)
    wait(lambda: not runs.is_locked(run), 60)
    watcher.leaves("closed")
    handles = max(training.handles, still.handles)
    row.seen += f"; without {still.slope:+.1f} MB an hour in all, one jump of {still.jump:.1f}"
    row.seen += f"; {handles} handles apart"
    assert each < 32
    assert still.slope < LIMIT_MB_AN_HOUR
    assert handles <= 4
