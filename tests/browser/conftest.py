"""A server of our own and a real Chromium. Every page must stay on this machine and log nothing."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
RUNS = {"unet": "20260101-000000-unet", "resunet": "20260101-000001-resunet"}
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
TROUBLE = re.compile(r"warning|traceback|error|exception|deprecat|no runtime", re.IGNORECASE)
INFORMATION = re.compile(r"I\d{4} ")  # TensorFlow's, of what it found on this processor


@dataclass(frozen=True)
class Server:
    url: str
    home: Path
    log: Path
    process: subprocess.Popen[bytes]

    def trouble(self) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [line for line in lines if TROUBLE.search(line) and not INFORMATION.match(line)]


@pytest.fixture(scope="session")
def tiny_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with two networks that mark what is bright."""
    folder = tmp_path_factory.mktemp("networks")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    for name, run in RUNS.items():
        maker = [sys.executable, str(REPOSITORY / "tests" / "tiny_network.py"), name]
        subprocess.run([*maker, str(folder / run / "network")], check=True, env=environment)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def start_server(
    demo_data: Path, tiny_networks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Server]]:
    """Start another server with demo data and two networks; all end with the session."""
    started: list[subprocess.Popen[bytes]] = []

    def start(again: Server | None = None) -> Server:
        """A fresh server, or one with home and address of another that has ended."""
        home = again.home if again else tmp_path_factory.mktemp("server")
        if not again:
            (home / "data").mkdir()
            (home / "data" / "demo").symlink_to(demo_data)
            shutil.copytree(tiny_networks, home / "runs")
        port = int(again.url.rpartition(":")[2]) if again else _free_port()
        log = home / "server.log"
        environment = {**os.environ, "BRAINSEG_HOME": str(home)}
        environment.pop("BRAINSEG_DATA", None)
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
        options = ["--server.headless=true", f"--server.port={port}"]
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [*command, *options], cwd=REPOSITORY, env=environment, stdout=sink, stderr=sink
            )
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(url, process, log)
        return Server(url, home, log, process)

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def server(start_server: Callable[[], Server]) -> Server:
    """One server for all journeys."""
    return start_server()


def launch(playwright: Playwright) -> Browser:
    """Start the system's Chromium; its absence is a failure that says what to install."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("BRAINSEG_CHROMIUM") or next(filter(None, map(shutil.which, names)), "")
    if not found:
        pytest.fail("no Chromium: run tests/browser/ensure_chromium.sh, which says what to install")
    return playwright.chromium.launch(executable_path=found, args=list(SWITCHES))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all journeys."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab that fails the test on a script error or on a request that leaves this machine."""
    tab = browser.new_page(viewport={"width": 1440, "height": 1000})
    tab.set_default_timeout(60_000)
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    tab.on("request", lambda request: _note_outside(request.url, faults))
    yield tab
    tab.close()
    assert not faults


def _note_outside(url: str, faults: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
        faults.append(f"request to {url}")


@pytest.fixture
def settled() -> Callable[[Page], None]:
    """Wait until a screen has its title and the script has come to its end."""

    def wait(tab: Page) -> None:
        tab.wait_for_selector("h1")
        tab.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')

    return wait


@pytest.fixture
def set_slider() -> Callable[[Page, str, int], None]:
    """Move a slider of the viewer as a hand does: input while moving, change at the end."""

    def move(tab: Page, name: str, value: int) -> None:
        tab.locator(f"input[name={name}]").evaluate(
            "(slider, value) => { slider.value = value;"
            "for (const kind of ['input', 'change']) slider.dispatchEvent(new Event(kind)); }",
            value,
        )

    return move


@pytest.fixture
def coloured() -> Callable[[Page, int, str], int]:
    """Count the pixels of one panel that have a colour (#RRGGBB), give or take antialiasing."""
    import cv2
    import numpy as np

    def still(tab: Page, panel: int) -> bytes:
        """A picture of the panel; taken again where a rerun replaced it meanwhile."""
        for _ in range(10):
            try:
                return tab.locator(".stage canvas").nth(panel).screenshot()
            except Error as error:
                if "not attached" not in str(error):
                    raise
                tab.wait_for_timeout(500)
        pytest.fail("the panel never stood still")

    def count(tab: Page, panel: int, colour: str) -> int:
        shot = still(tab, panel)
        bgr = cv2.imdecode(np.frombuffer(shot, dtype=np.uint8), cv2.IMREAD_COLOR).astype(int)
        wanted = [int(colour[at : at + 2], 16) for at in (5, 3, 1)]
        return int((np.abs(bgr - wanted).max(axis=2) <= 24).sum())

    return count
