"""Prediction as the app does it beside ``keras model.predict`` in the server: speed and memory.

    python -m benchmarks.serving [--model unet] [--rounds 3] [--data DIR] [--volume FILE] [--quick]

Every measurement runs in a process of its own, in alternating order; the table shows medians and is
written between the marks of benchmarks/README.md. The same network, with the same weights, is
saved as a ``.keras`` file first. ``--data`` is a dataset for the effect of bfloat16 on Dice: the
slices that the network never saw where they are known, all of the demo data otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from brainseg import files
from brainseg.data.demo import make_demo

ROOT = Path(__file__).resolve().parent.parent
REAL = Path(os.environ.get("BRAINSEG_REAL_DATA", ROOT.parent / "shared" / "data"))
MARK = "<!-- serving -->"
Row = dict[str, Any]


class Line(NamedTuple):
    """One line of the table; ``met`` is None where nothing was promised."""

    what: str
    ours: str
    keras: str
    compared: str
    target: str
    met: bool | None


def child(task: str, *arguments: str | Path) -> Row:
    """Run one task in a new process and return what it measured."""
    command = [sys.executable, "-m", "benchmarks.serving_child", task, *map(str, arguments)]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[2:])} failed:\n{done.stderr[-2000:]}")
    print(f"{task} {' '.join(map(str, arguments[:1]))}: {time.perf_counter() - begun:.1f} s",
          file=sys.stderr)  # fmt: skip
    return dict(json.loads(done.stdout.splitlines()[-1]))


def both(task: str, networks: dict[str, str], scan: Path, rounds: int) -> dict[str, Row]:
    """Measure each kind in turn, the order reversed every round; the median of each number."""
    found: dict[str, list[Row]] = {kind: [] for kind in networks}
    for turn in range(rounds):
        for kind in list(networks)[:: 1 if turn % 2 == 0 else -1]:
            found[kind].append(child(task, kind, networks[kind], scan))
    return {
        kind: {key: median(row[key] for row in rows) for key in rows[0]}
        for kind, rows in found.items()
    }


def versus_keras(networks: dict[str, str], scan: Path, rounds: int) -> list[Line]:
    pair = {kind: networks[kind] for kind in ("ours", "keras")}
    every = {**pair, "fast": networks["ours"]}
    cold, warm = both("cold", pair, scan, rounds), both("warm", every, scan, rounds)
    seconds = {kind: row["seconds"] for kind, row in cold.items()}
    memory = {kind: row["mb"] for kind, row in cold.items()}
    slices = {kind: row["seconds"] * 1000 for kind, row in warm.items()}
    isolated = both("warm", {"isolated": networks["ours"]}, scan, 1)["isolated"]["seconds"] * 1000
    faster, lighter = seconds["keras"] / seconds["ours"], memory["ours"] / memory["keras"]
    quicker = slices["keras"] / slices["ours"]
    return [
        Line("Cold start: import, load, compile, first mask", f"{seconds['ours']:.2f} s",
             f"{seconds['keras']:.2f} s", f"{faster:.1f} times faster", "4 times", faster >= 4),
        Line("Memory (RSS) of that process then", f"{memory['ours']:.0f} MB",
             f"{memory['keras']:.0f} MB", f"{lighter:.2f} of it", "a third", lighter <= 1 / 3),
        Line("Warm slice, PNG bytes in, JPEG with the outline out", f"{slices['ours']:.1f} ms",
             f"{slices['keras']:.1f} ms", f"{quicker:.1f} times faster", "4 times", quicker >= 4),
        Line("The same in the fast mode (bfloat16)", f"{slices['fast']:.1f} ms", "",
             f"{slices['keras'] / slices['fast']:.1f} times faster", "", None),
        Line("The same, decoded in a process of its own as every upload is", f"{isolated:.1f} ms",
             "", f"{slices['keras'] / isolated:.1f} times faster", "", None),
    ]  # fmt: skip


def alone(network: str, volume: Path, each: int) -> list[Line]:
    whole, crowd = child("volume", network, volume), child("users", network)
    hammer = child("threads", network, str(each))
    same = "identical" if crowd["identical"] else "DIFFERENT answers"
    flat = hammer["grown_mb"] < 10
    return [
        Line(f"Volume of {whole['slices']} slices, file bytes in, masks out",
             f"{whole['seconds']:.2f} s", "", "", "3 s", whole["seconds"] < 3),
        Line("8 people at the same moment", f"{same}; the last waits {crowd['longest'] * 1000:.0f} "
             f"ms, one alone {crowd['alone'] * 1000:.0f} ms", "", f"{crowd['times']:.1f} times as "
             "long", "identical, 8 times", crowd["identical"] and crowd["times"] <= 8),
        Line(f"8 threads, {hammer['predictions']:,} predictions", f"{hammer['different']} differ; "
             f"memory {hammer['mb']:.0f} MB, then {hammer['grown_mb']:+.1f} MB", "", "",
             "none differs, flat", hammer["different"] == 0 and flat),
    ]  # fmt: skip


def fast_mode(network: str, data: Path) -> list[Line]:
    found: dict[str, list[Row]] = {"f32": [], "bf16": []}
    for kind in ("f32", "bf16", "bf16", "f32"):
        found[kind].append(child("precision", network, kind, data))
    exact, fast = ({**rows[0], "seconds": median(row["seconds"] for row in rows)}
                   for rows in found.values())  # fmt: skip
    gaps = [abs((exact["cases"][n] or 0) - (fast["cases"][n] or 0)) for n in exact["cases"]]
    change = fast["dice"] - exact["dice"]
    times = exact["seconds"] / fast["seconds"]
    return [
        Line("Fast mode (bfloat16), one slice through the network",
             f"{fast['seconds'] * 1000:.1f} ms instead of {exact['seconds'] * 1000:.1f} ms", "",
             f"{times:.1f} times faster", "", None),
        Line(f"Its effect on the mean Dice of {len(gaps):,} slices of {data.name}",
             f"{fast['dice']:.4f} instead of {exact['dice']:.4f}", "",
             f"{change:+.5f}; at most {max(gaps):.3f} on one slice", "", None),
    ]  # fmt: skip


def machine(facts: Row, load: tuple[float, ...]) -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
             ] if Path("/proc/cpuinfo").is_file() else []  # fmt: skip
    name = names[0].split(":")[1].strip() if names else platform.processor() or platform.machine()
    parts = ", ".join(f"{p} {version(p)}" for p in ("openvino", "keras", "tensorflow"))
    return (
        f"{date.today()}, {os.cpu_count()} cores ({name}), Python {platform.python_version()}, "
        f"{parts}; base {facts['base']}, {facts['size']} px, {facts['parameters']:,} parameters. "
        f"Load of the machine before the run: {load[0]:.1f}."
    )


def table(lines: list[Line]) -> str:
    rows = [
        "| what | here | `model.predict` | compared | wanted | met |",
        "|---|---|---|---|---|---|",
    ]
    words = {True: "yes", False: "**no**", None: ""}
    rows += [f"| {' | '.join(line[:5])} | {words[line.met]} |" for line in lines]
    return "\n".join(rows)


def example(folder: Path) -> tuple[Path, Path]:
    """Return a demo dataset and one of its pictures."""
    demo = make_demo(folder / "demo")
    return demo, next((demo / "images").glob("3.*"))


def synthetic_volume(folder: Path) -> Path:
    """Return a NIfTI of 26 slices with the size of a clinical one."""
    import nibabel

    voxels = np.random.default_rng(0).integers(0, 2000, (256, 224, 26)).astype(np.int16)
    path = folder / "volume.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([0.9, 0.9, 5.5, 1.0])), path)
    return path


def main() -> None:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--model", default="unet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="dataset for the Dice of the fast mode")
    parser.add_argument("--volume", type=Path, help="a NIfTI; by default the sample or a made one")
    parser.add_argument("--quick", action="store_true", help="one round, 80 predictions; no README")
    options = parser.parse_args()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo, scan = example(folder)
        sample = REAL / "scans" / "tcga_fg_6692_t1c.nii.gz"
        volume = options.volume or (sample if sample.is_file() else synthetic_volume(folder))
        data = options.data or (REAL / "cheng256" if (REAL / "cheng256").is_dir() else demo)
        networks = {"ours": options.model, "keras": str(folder / "network.keras")}
        facts = child("keras_file", options.model, networks["keras"])
        lines = versus_keras(networks, scan, 1 if options.quick else options.rounds)
        lines += alone(options.model, volume, 10 if options.quick else 1000)
        lines += fast_mode(options.model, demo if options.quick else data)
    block = f"{MARK}\n{machine(facts, load)}\n\n{table(lines)}\n{MARK}"
    print(block)
    if not options.quick:
        readme = ROOT / "benchmarks" / "README.md"
        before, _, after = readme.read_text().split(MARK)
        files.write_bytes(readme, f"{before}{block}{after}".encode())


if __name__ == "__main__":
    main()
