"""Measure the shipped networks and write the tables of docs/MODEL_CARD.md.

    python -m benchmarks.report --data DIR --tumour-free DIR --demo DIR [--card FILE]

``--data`` holds the public slices with their masks (whole, or the folds 0-3), ``--tumour-free`` the
tumour-free slices that were used in training (only the patients held back are scored), ``--demo``
what ``brainseg demo`` made. Masks are compared at the files' own size, without averaging; the
scores are defined in docs/METRICS.md. ``results.json`` beside each network gets all of them.
``--card`` writes into another copy of the card, and then leaves the networks' folders alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import card
from brainseg import calibration, files, networks, paths, summary, thresholds
from brainseg.data.catalog import TUMOUR_FREE_FIRST
from brainseg.evaluate import evaluate
from brainseg.inference import Segmenter
from brainseg.protocol_table import compared
from brainseg.scores import SYMMETRY_NAMES
from brainseg.training.planning import open_data
from brainseg.types import Evaluation, Summary

Parts = dict[str, Evaluation]
HEADLINE = (
    ("slices", "Slices with a tumour"),
    ("patients", "Patients"),
    ("dice", "**Dice per image, mean**"),
    (("dice_low", "dice_high"), "95 % interval, by patient"),
    ("dice_median", "Dice per image, median"),
    (("dice_q1", "dice_q3"), "Dice per image, quartiles"),
    ("dice_patients", "Dice, mean over patients"),
    ("misses", "Misses (Dice 0), share of slices"),
    ("iou", "IoU"),
    ("precision", "Precision"),
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
    ("accuracy", "Accuracy"),
    ("background_accuracy", "Accuracy of an all-background mask"),
    ("hausdorff95_px", "95 % Hausdorff distance, px, mean"),
    ("hausdorff95_px_median", "95 % Hausdorff distance, px, median"),
    ("hausdorff95_mm", "95 % Hausdorff distance, mm, mean"),
    ("surface_distance_px", "Mean surface distance, px"),
    ("surface_distance_mm", "Mean surface distance, mm"),
    ("ece", "Calibration error near the tumour"),
)
SHAPES = {
    "upright": "upright",
    "mirrored": "mirrored",
    "rot90": "turned by 90 degrees",
    "mirrored-rot90": "mirrored, by 90 (transposed: as stored)",
    "rot180": "turned by 180 degrees",
    "mirrored-rot180": "mirrored, by 180",
    "rot270": "turned by 270 degrees",
    "mirrored-rot270": "mirrored, by 270",
}
BARS = (  # what was asked of each network, on fold 3 and the slices beside it
    ("as stored", "dice", "Dice per image, mean", 0.80, "at least"),
    ("as stored", "misses", "misses", 0.04, "at most"),
    ("tumour-free", "false_alarms", "tumour-free slices with any tumour painted", 0.05, "at most"),
    ("demo", "dice", "Dice on synthetic slices", 0.60, "at least"),
)
OPERATING = (0.05, *(round(0.1 * step, 1) for step in range(1, 10)), 0.95)  # of thresholds.FINE
SPREAD_BAR, BEHIND_BAR = 0.01, 0.005  # of the symmetries; of ResUNet behind UNet
OTHERS = (
    ("tumour-free", "tumour_free_slices", "Tumour-free slices of unseen patients"),
    ("tumour-free", "false_alarms", "share with any tumour painted"),
    ("demo", "tumour_slices", "Synthetic demo slices with a tumour"),
    ("demo", "dice", "their Dice per image, mean"),
    ("demo", "false_alarms", "share of the tumour-free demo slices painted"),
)


def measure(name: str, options: argparse.Namespace) -> Parts:
    folder = networks.find_network(name)
    segmenter, split = Segmenter.load(folder), networks.read_split(folder)
    if split is None:
        sys.exit(f"{folder} has no split.json: which slices were never trained on?")
    opened = open_data(options.data, options.tumour_free)
    ill = [n for n in split.test if n < TUMOUR_FREE_FIRST]
    well = [n for n in split.test if n >= TUMOUR_FREE_FIRST]
    demo = open_data(options.demo)
    found = {
        "as stored": evaluate(segmenter, opened, ill),
        "tumour-free": evaluate(segmenter, opened, well),
        "demo": evaluate(segmenter, demo, [s.number for s in demo[0].with_truth]),
    }
    for shape in SYMMETRY_NAMES:
        print(f"{name}, {shape}", file=sys.stderr, flush=True)
        found[shape] = evaluate(segmenter, opened, ill, orientation=shape)
    return found


def cell(summary_: Summary, key: str | tuple[str, str]) -> str:
    """Return one number, or a range, with how many slices had none."""
    if isinstance(key, tuple):
        low, high = (summary_.get(name) for name in key)
        return "-" if low is None else f"{low:.3f} to {high:.3f}"
    value = summary_.get(key)
    if value is None:
        return "-"
    undefined = summary_.get(f"{key}_undefined")
    note = f" ({undefined} undefined)" if undefined else ""
    digits = 1 if "distance" in key or "hausdorff" in key else 3
    return (str(value) if isinstance(value, int) else f"{value:.{digits}f}") + note


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines] + [""]


def headline(found: dict[str, Parts]) -> list[str]:
    rows = [
        [words, *(cell(parts["as stored"].summary, key) for parts in found.values())]
        for key, words in HEADLINE
    ]
    rows.append(["Threshold", *(f"{p['as stored'].threshold:g}" for p in found.values())])
    return table(["fold 3, as stored", *found], rows)


def groups(found: dict[str, Parts]) -> list[str]:
    """One row a kind of tumour and a quarter of sizes; Dice, misses and HD95 of each network."""
    keys = (("dice", "Dice"), ("misses", "misses"), ("hausdorff95_px_median", "median HD95 px"))
    head = ["fold 3, as stored", "slices", *(f"{n}, {words}" for n in found for _, words in keys)]
    first = next(iter(found.values()))["as stored"]
    rows = []
    for part, names in (("by_tumour", first.by_tumour), ("by_size", first.by_size)):
        for name, numbers in names.items():
            cells = [
                cell(getattr(parts["as stored"], part)[name], key)
                for parts in found.values()
                for key, _ in keys
            ]
            rows.append([_group(name, numbers), cell(numbers, "slices"), *cells])
    return table(head, rows)


def _group(name: str, numbers: Summary) -> str:
    low, high = numbers.get("share_low"), numbers.get("share_high")
    size = "" if low is None or high is None else f" ({low:.2%} to {high:.2%} of the slice)"
    return name.capitalize() + size


def symmetries(found: dict[str, Parts]) -> list[str]:
    keys = (("dice", "Dice"), ("misses", "misses"))
    head = ["fold 3, orientation", *(f"{name}, {words}" for name in found for _, words in keys)]
    rows = [
        [SHAPES[shape], *(cell(p[shape].summary, key) for p in found.values() for key, _ in keys)]
        for shape in SYMMETRY_NAMES
    ]
    rows.append(
        [
            "**worst less best**",
            *(f"{_spread(p, key):+.3f}" for p in found.values() for key, _ in keys),
        ]
    )
    return table(head, rows)


def _spread(parts: Parts, key: str) -> float:
    values = [parts[shape].summary[key] or 0.0 for shape in SYMMETRY_NAMES]
    worst, best = (min(values), max(values)) if key == "dice" else (max(values), min(values))
    return worst - best


def bars(found: dict[str, Parts]) -> list[str]:
    """One row for each bar: what was asked, what each network has, and whether that is enough."""
    rows = []
    for part, key, words, bar, sense in BARS:
        values = [parts[part].summary[key] or 0.0 for parts in found.values()]
        met = [value >= bar if sense == "at least" else value <= bar for value in values]
        rows.append([f"{words} {sense} {bar:g}", *_told(values, met)])
    spreads = [-_spread(parts, "dice") for parts in found.values()]
    words = f"worst symmetry at most {SPREAD_BAR:g} of Dice below the best"
    rows.append([words, *_told(spreads, [spread <= SPREAD_BAR for spread in spreads])])
    ours = {name: parts["as stored"].summary["dice"] or 0.0 for name, parts in found.items()}
    behind = ours["unet"] - ours["resunet"]
    words = f"ResUNet at most {BEHIND_BAR:g} below UNet"
    rows.append([words, "-", *_told([behind], [behind <= BEHIND_BAR])])
    return table(["asked for", *found], rows)


def _told(values: Sequence[float], met: Sequence[bool]) -> list[str]:
    words = ["met" if enough else "**not met**" for enough in met]
    return [f"{value:.3f}, {word}" for value, word in zip(values, words, strict=True)]


def others(found: dict[str, Parts]) -> list[str]:
    rows = [
        [words, *(cell(p[part].summary, k) for p in found.values())] for part, k, words in OTHERS
    ]
    return table(["other slices", *found], rows)


def operating(found: dict[str, Parts]) -> list[str]:
    """One row a threshold: what is missed, and what is painted where nothing is, have one price."""
    keys = ("Dice", "misses", "tumour-free painted")
    head = ["threshold", *(f"{name}, {words}" for name in found for words in keys)]
    curves = [
        (_curve(parts["as stored"]), _curve(parts["tumour-free"])) for parts in found.values()
    ]
    rows = [
        [f"{level:g}"]
        + [
            f"{shares[ill.levels.index(level)]:.3f}" if shares else "-"
            for ill, well in curves
            for shares in (ill.dice, ill.misses, well.false_alarms)
        ]
        for level in OPERATING
    ]
    return table(head, rows)


def _curve(evaluation: Evaluation) -> thresholds.Curve:
    if evaluation.thresholds is None:
        sys.exit(f"{evaluation.model}: this evaluation did not count at other thresholds")
    return thresholds.curve(evaluation.thresholds)


def reliability(found: dict[str, Parts]) -> list[str]:
    """One row a bin of the predicted probability: what share of its pixels is tumour."""
    curves = [_by_bin(parts["as stored"]) for parts in found.values()]
    head = ["probability near the tumour", *(f"{name}, share that is tumour" for name in found)]
    rows = [
        [f"{place / calibration.BINS:.1f} to {(place + 1) / calibration.BINS:.1f}"]
        + [curve[place] for curve in curves]
        for place in range(calibration.BINS)
    ]
    return table(head, rows)


def _by_bin(evaluation: Evaluation) -> list[str]:
    counts = evaluation.calibration
    if counts is None:
        return ["-"] * calibration.BINS
    pairs = zip(counts.pixels, counts.tumour, strict=True)
    return [f"{hits / pixels:.3f}" if pixels else "-" for pixels, hits in pairs]


def difference(found: dict[str, Parts]) -> list[str]:
    tests = summary.compare(found["unet"]["as stored"], found["resunet"]["as stored"])
    return [f"UNet less ResUNet, as stored: {compared(asdict(tests))}."]


TABLES: tuple[Callable[[dict[str, Parts]], list[str]], ...] = (
    headline,
    groups,
    symmetries,
    others,
    bars,
    operating,
    reliability,
    difference,
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("data", "tumour-free", "demo"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--card", type=Path, default=card.CARD)
    options = parser.parse_args()
    begun = time.perf_counter()
    found = {name: measure(name, options) for name in ("unet", "resunet")}
    text = card.replace(
        "results", "\n".join(line for make in TABLES for line in make(found)), options.card
    )
    for name, parts in found.items() if options.card == card.CARD else ():
        plain = {part: {"all": e.summary, **e.by_tumour, **e.by_size} for part, e in parts.items()}
        counts = parts["as stored"].calibration
        plain["calibration"] = asdict(counts) if counts else {}
        files.write_json(paths.PRETRAINED / name / "results.json", plain)
    print(f"{text}\n{time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
