"""How long a user waits: ``python -m benchmarks.speed``. Prints one line a measurement.

Index: 3064 slices with mask and two saliency maps each (empty files: nothing is decoded).
Demo: the 60 slices of the first start. App: from start to first answer. Prediction is measured by
``benchmarks.serving``.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median

from brainseg.data.catalog import read_catalog
from brainseg.data.demo import make_demo

ROOT = Path(__file__).resolve().parent.parent


def index_seconds(folder: Path) -> float:
    names = {"images": "", "masks": "_mask", "saliency_maps_1": "", "saliency_maps_2": ""}
    for kind, affix in names.items():
        (folder / kind).mkdir(parents=True)
        for number in range(3064):
            (folder / kind / f"{number}{affix}.png").touch()
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        read_catalog(folder)
        times.append(time.perf_counter() - begun)
    return median(times)


def app_seconds(home: Path) -> float:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.headless=true", f"--server.port={port}"]
    begun = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", *options],
        cwd=ROOT,
        env=os.environ | {"BRAINSEG_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - begun < 60:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
                return time.perf_counter() - begun
            except OSError:
                time.sleep(0.05)
        return float("nan")
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"index of 3064 x 4 files, median of 5: {index_seconds(folder / 'kaggle'):.2f} s")
        begun = time.perf_counter()
        make_demo(folder / "data" / "demo")
        print(f"demo data, 60 slices: {time.perf_counter() - begun:.1f} s")
        print(f"app, start to first answer: {app_seconds(folder):.1f} s")


if __name__ == "__main__":
    main()
