"""What the options of prediction give and cost: the table of docs/MODEL_CARD.md.

    python -m benchmarks.options --data DIR --tumour-free DIR [--every N]

Each slice goes through both networks in eight views; everything else is computed from
those answers. Thresholds are tuned on the validation slices alone. ``--every 2`` takes every second
slice of either part. The milliseconds are of this machine as busy as it is.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from benchmarks import card
from brainseg import networks, thresholds, tuning, uncertainty
from brainseg.data.catalog import TUMOUR_FREE_FIRST, Catalog, read_image, read_mask
from brainseg.ensemble import Ensemble
from brainseg.inference import Segmenter, load
from brainseg.refine import without_specks
from brainseg.thresholds import LEVELS, START, Curve
from brainseg.training.planning import open_data
from brainseg.types import BoolArray, FloatArray, Scan, ThresholdCounts

NAMES = (*networks.ARCHITECTURES, networks.ENSEMBLE)
AVERAGES = ("plain", "symmetries")
SHARES = (0.0002, 0.0005, 0.001)  # of the slice: 13, 33 and 66 pixels of 256 x 256
BAND_SHARE = 0.04  # of the side: how far from truth or prediction a pixel still is near
BINS = 2000
Key = tuple[str, str]


class Tally:
    """Scores of one way to predict, slice by slice: at every threshold, and freed of specks."""

    def __init__(self) -> None:
        self.counts: list[ThresholdCounts] = []
        self.filtered: dict[float, list[ThresholdCounts]] = defaultdict(list)

    def add(self, probability: FloatArray, truth: BoolArray) -> None:
        """Take one slice into account."""
        self.counts.append(thresholds.count(probability, truth, LEVELS))
        for share in SHARES:
            mask = without_specks(probability >= START, share)
            self.filtered[share].append(thresholds.count(mask.astype(np.float32), truth, (START,)))

    def curve(self) -> Curve:
        """Return the means by threshold."""
        return thresholds.curve(thresholds.add(self.counts))

    def at(self, level: float) -> tuple[float, float, float]:
        """Return mean Dice, misses and false alarms at a threshold."""
        return _scores(self.curve(), level)

    def without(self, share: float) -> tuple[float, float, float]:
        """Return the same without specks, at the threshold where tuning starts."""
        return _scores(thresholds.curve(thresholds.add(self.filtered[share])), START)


def _scores(curve: Curve, level: float) -> tuple[float, float, float]:
    """Return mean Dice, misses and false alarms; NaN where no slice defines one."""
    place = curve.levels.index(level)
    dice, misses, alarms = (
        means[place] if means else float("nan")
        for means in (curve.dice, curve.misses, curve.false_alarms)
    )
    return dice, misses, alarms


class Ranking:
    """How well a map ranks wrong pixels above right ones, over the pixels of all slices."""

    def __init__(self) -> None:
        self.wrong, self.right = np.zeros(BINS), np.zeros(BINS)

    def add(self, values: FloatArray, wrong: BoolArray) -> None:
        """Take pixels (N,) with values in 0..1 into account."""
        places = np.minimum((values * BINS).astype(int), BINS - 1)
        self.wrong += np.bincount(places[wrong], minlength=BINS)
        self.right += np.bincount(places[~wrong], minlength=BINS)

    def auroc(self) -> float:
        """Return the probability that a wrong pixel has the higher value; ties count half."""
        below = np.cumsum(self.right) - 0.5 * self.right
        return float((self.wrong * below).sum() / (self.wrong.sum() * self.right.sum()))


def answers(members: list[Segmenter], scan: Scan) -> dict[Key, FloatArray]:
    """Return the probability maps of each network and the ensemble, plain and averaged."""
    found: dict[Key, FloatArray] = {}
    for average in AVERAGES:
        both = [m.predict(scan, symmetries=average == "symmetries").probability for m in members]
        for name, one in zip(NAMES, [*both, np.mean(both, axis=0)], strict=True):
            found[name, average] = one
    return found


def near(mask: BoolArray, truth: BoolArray) -> BoolArray:
    """Return the pixels within a band around either outline's inside."""
    reach = 2 * max(1, round(BAND_SHARE * max(mask.shape))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return cv2.dilate((mask | truth).astype(np.uint8), kernel) > 0


def rank(
    rankings: dict[tuple[str, str], list[Ranking]],
    found: dict[Key, FloatArray],
    truth: BoolArray,
    levels: dict[Key, float],
) -> None:
    """Take one slice's maps and errors into account: over the whole slice, and near a tumour.

    A pixel is wrong at the threshold in use, of ``levels``.
    """
    apart = uncertainty.disagreement(*(found[n, "symmetries"] for n in NAMES[:2]))
    maps = {(name, f"entropy, {avg}"): uncertainty.entropy(p) for (name, avg), p in found.items()}
    maps[NAMES[2], "disagreement"] = apart
    for (name, what), values in maps.items():
        average = "plain" if what.endswith("plain") else "symmetries"
        mask = found[name, average] >= levels[name, average]
        wrong, band = mask != truth, near(mask, truth)
        whole, close = rankings[name, what]
        whole.add(values.ravel(), wrong.ravel())
        close.add(values[band], wrong[band])


def milliseconds(segmenter: Segmenter | Ensemble, scans: list[Scan], *, symmetries: bool) -> float:
    times = []
    for scan in scans:
        begun = time.perf_counter()
        segmenter.predict(scan, symmetries=symmetries)
        times.append(time.perf_counter() - begun)
    return median(times) * 1000


def measure(
    opened: list[Catalog], every: int
) -> tuple[dict[str, dict[Key, Tally]], dict[tuple[str, str], list[Ranking]], dict[str, int]]:
    """Run everything and return the tallies by part, the rankings and the counts of slices."""
    members = [load(name) for name in networks.ARCHITECTURES]
    split = networks.known_split(networks.ENSEMBLE)
    if split is None:
        raise SystemExit("the shipped networks have no split.json: which slices are unseen?")
    samples = {s.number: s for catalog in opened for s in catalog.with_truth}
    ill = [n for n in split.test if n < TUMOUR_FREE_FIRST][::every]
    well = [n for n in split.test if n >= TUMOUR_FREE_FIRST][::every]
    val = list(split.val)[::every]
    parts = {"val": val, "test": ill + well}
    levels = {(name, average): START for name in NAMES for average in AVERAGES}
    levels |= {(member.name, "plain"): member.config.threshold for member in members}
    tallies: dict[str, dict[Key, Tally]] = {part: defaultdict(Tally) for part in parts}
    rankings: dict[tuple[str, str], list[Ranking]] = defaultdict(lambda: [Ranking(), Ranking()])
    for part, numbers in parts.items():
        for number in numbers:
            image, truth = read_image(samples[number]), read_mask(samples[number])
            found = answers(members, Scan(pixels=image))
            for key, probability in found.items():
                tallies[part][key].add(probability, truth)
            if part == "test" and number in set(ill):
                rank(rankings, found, truth, levels)
    return tallies, rankings, {"val": len(val), "ill": len(ill), "well": len(well)}


def rows_of(tallies: dict[str, dict[Key, Tally]], name: str) -> list[tuple[str, list[float]]]:
    """Return the options of one network: words, then Dice on validation, and the test scores."""
    rows = []
    for average in AVERAGES:
        val, test = tallies["val"][name, average], tallies["test"][name, average]
        rows.append((average, [val.at(START)[0], *test.at(START)]))
        best = tuning.best_threshold(val.curve(), START)
        words = f"{average}, threshold tuned to {best:g}"
        rows.append((words, [val.at(best)[0], *test.at(best)]))
    val, test = (tallies[part][name, "plain"] for part in ("val", "test"))
    for share in SHARES:
        words = f"plain, without parts under {share:.2%} of the slice"
        rows.append((words, [val.without(share)[0], *test.without(share)]))
    return rows


def tables(opened: list[Catalog], every: int) -> str:
    tallies, rankings, counts = measure(opened, every)
    scans = [Scan(pixels=read_image(s)) for s in opened[0].with_truth[:20]]
    some = f" One slice in {every} was taken, so small differences mean little." * (every > 1)
    lines = [
        f"Dice is the mean over slices with a tumour. Validation: {counts['val']} slices; test: "
        f"{counts['ill']} slices of fold 3 and {counts['well']} tumour-free slices of unseen "
        f"patients. Threshold {START:g} unless tuned on the validation slices.{some}",
        "",
        "| network | option | validation Dice | test Dice | misses | false alarms | ms a slice |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in NAMES:
        segmenter = load(name)
        cost = {a: milliseconds(segmenter, scans, symmetries=a != "plain") for a in AVERAGES}
        for words, numbers in rows_of(tallies, name):
            shown = " | ".join(f"{number:.3f}" for number in numbers)
            spent = cost[words.partition(",")[0]]
            lines.append(f"| {networks.LABELS[name]} | {words} | {shown} | {spent:.0f} |")
    lines += [
        "",
        "Does uncertainty mark the errors? AUROC of pixel error on the test slices with a tumour: "
        "the probability that a wrong pixel is more uncertain than a right one, over all pixels, "
        f"and over those within {BAND_SHARE:.0%} of the side of the true or the predicted tumour.",
        "",
        "| network | map | all pixels | near a tumour |",
        "|---|---|---|---|",
    ]
    for (name, what), (whole, close) in rankings.items():
        label = networks.LABELS[name]
        lines.append(f"| {label} | {what} | {whole.auroc():.3f} | {close.auroc():.3f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tumour-free", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="take one slice in N")
    options = parser.parse_args()
    found = tables(open_data(options.data, options.tumour_free), options.every)
    print(card.replace("options", found))


if __name__ == "__main__":
    main()
