"""Measure the shipped networks and write the tables of docs/MODEL_CARD.md.

    python -m benchmarks.report --data DIR --tumour-free DIR --demo DIR

``--data`` holds the public slices with their masks (whole, or the folds 0-3), ``--tumour-free`` the
tumour-free slices that were used in training (only the patients held back are scored), ``--demo``
what ``brainseg demo`` made. Masks are compared at the files' own size, without averaging.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from brainseg import files, networks, paths
from brainseg.evaluate import evaluate
from brainseg.inference import Segmenter
from brainseg.training.planning import TUMOUR_FREE_FIRST, open_data
from brainseg.types import Evaluation

ROOT = Path(__file__).resolve().parent.parent
MARK = "<!-- results -->"
ROWS = {
    "dice": "Dice per image, mean",
    "dice_low": "  95 % interval, from",
    "dice_high": "  95 % interval, to",
    "dice_median": "Dice per image, median",
    "dice_patients": "Dice, mean over patients",
    "iou": "IoU",
    "precision": "Precision",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "accuracy": "Accuracy",
    "background_accuracy": "  of an all-background mask",
    "misses": "Misses (Dice 0), share of slices",
}


def measure(name: str, options: argparse.Namespace) -> dict[str, Evaluation]:
    folder = networks.find_network(name)
    segmenter, split = Segmenter.load(folder), networks.read_split(folder)
    if split is None:
        sys.exit(f"{folder} has no split.json: which slices were never trained on?")
    opened = open_data(options.data, options.tumour_free)
    ill = [n for n in split.test if n < TUMOUR_FREE_FIRST]
    well = [n for n in split.test if n >= TUMOUR_FREE_FIRST]
    demo = open_data(options.demo)
    return {
        "as stored": evaluate(segmenter, opened, ill),
        "upright": evaluate(segmenter, opened, ill, orientation="upright"),
        "tumour-free": evaluate(segmenter, opened, well),
        "demo": evaluate(segmenter, demo, [s.number for s in demo[0].with_truth]),
    }


def cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def tables(found: dict[str, dict[str, Evaluation]]) -> str:
    names = list(found)
    columns = [(n, o) for n in names for o in ("as stored", "upright")]
    lines = ["| fold 3 | " + " | ".join(f"{n}, {o}" for n, o in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for key in ("slices", "patients", *ROWS):
        cells = [cell(found[n][o].summary[key]) for n, o in columns]
        lines.append(f"| {ROWS.get(key, key.capitalize())} | " + " | ".join(cells) + " |")
    for kind in ("meningioma", "glioma", "pituitary"):
        for key, words in (("dice", "Dice"), ("misses", "misses")):
            cells = [cell(found[n][o].by_tumour[kind][key]) for n, o in columns]
            lines.append(f"| {kind.capitalize()}, {words} | " + " | ".join(cells) + " |")
    lines += ["", "| other slices | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for part, key, words in (
        ("tumour-free", "tumour_free_slices", "Tumour-free slices of unseen patients"),
        ("tumour-free", "false_alarms", "  share with any tumour painted"),
        ("demo", "tumour_slices", "Synthetic demo slices with a tumour"),
        ("demo", "dice", "  Dice per image, mean"),
        ("demo", "false_alarms", "  share of its tumour-free slices painted"),
    ):
        cells = [cell(found[n][part].summary[key]) for n in names]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "tumour-free", "demo"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    found = {name: measure(name, options) for name in ("unet", "resunet")}
    card = ROOT / "docs" / "MODEL_CARD.md"
    before, _, after = card.read_text().split(MARK)
    block = f"{MARK}\n{tables(found)}\n{MARK}"
    files.write_bytes(card, f"{before}{block}{after}".encode())
    for name, parts in found.items():
        plain = {o: {"all": e.summary, **e.by_tumour} for o, e in parts.items()}
        files.write_bytes(
            paths.PRETRAINED / name / "results.json", (json.dumps(plain, indent=1) + "\n").encode()
        )
    print(block)


if __name__ == "__main__":
    main()
