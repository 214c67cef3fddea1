"""Take the README's pictures again: ``make screenshots``.

Starts the app on a fresh home with demo data and the shipped networks, trains two small networks on
it (a minute or two), and opens every screen in the system's Chromium.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "screenshots"
SCREENS = {
    "home": "",
    "dataset": "browse-the-data",
    "segment": "segment-a-scan",
    "compare": "compare-networks",
    "evaluate": "evaluate-networks",
    "saliency": "why-it-looked-there",
    "train": "train-a-network?train.run=first-unet&train.with=first-resunet",
    "learn": "how-it-works",
}
HEIGHTS = {"train": 1200}  # of the window, where 900 would cut off what it is about
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def chromium() -> str:
    """Return the browser's program."""
    named = os.environ.get("BRAINSEG_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if not found:
        sys.exit("no Chromium on the PATH; set BRAINSEG_CHROMIUM to its program")
    return found


def serve(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the app and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.headless=true", f"--server.port={port}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", *options],
        cwd=ROOT,
        env=os.environ | {"BRAINSEG_HOME": str(home)},
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
            break
        except OSError:
            time.sleep(0.5)
    return server, address


def brainseg(home: Path, *words: str) -> None:
    """Run a verb of the command line on the fresh home."""
    command = [sys.executable, "-m", "brainseg", *words]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"BRAINSEG_HOME": str(home)})


def train(home: Path, data: Path) -> None:
    """Train a small UNet and a small ResUNet, so that there are curves to show."""
    for model in ("unet", "resunet"):
        settings = ["--recipe", "quick", "--epochs", "40", "--size", "64"]
        run = ["--run", str(home / "runs" / f"first-{model}")]
        brainseg(home, "train", "--data", str(data), "--model", model, *settings, *run)


def take(page: Page, address: str, name: str, path: str) -> None:
    """Open a screen, wait until it is quiet and save its picture."""
    page.set_viewport_size({"width": 1440, "height": HEIGHTS.get(name, 900)})
    page.goto(f"{address}/{path}")
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    page.wait_for_function(
        "() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=120_000
    )
    page.wait_for_timeout(1500)
    page.screenshot(path=OUT / f"{name}.png")
    print(OUT / f"{name}.png")


def main() -> None:
    """Take all pictures."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        data = home / "data" / "demo"
        brainseg(home, "demo", "--to", str(data))
        train(home, data)
        server, address = serve(home)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                for name, path in SCREENS.items():
                    take(page, address, name, path)
                browser.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
