"""What Dice is left when a scan looks different: the table of docs/MODEL_CARD.md.

    python -m benchmarks.robustness --data DIR [--networks NAME|FOLDER ...] [--every N]

Every slice is changed as scanners, windows and file formats change scans, then predicted at the
network's own threshold. ``--part validation`` takes the validation slices, on which a choice may be
made; the table of the card is that of the shipped networks on the test slices, and other calls
only print theirs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks import card
from brainseg import metrics, networks
from brainseg.data.catalog import TUMOUR_FREE_FIRST, read_image, read_mask
from brainseg.inference import Segmenter
from brainseg.preprocess import rescale
from brainseg.training.planning import open_data
from brainseg.types import BoolArray, FloatArray, Scan

Change = Callable[[FloatArray, np.random.Generator], FloatArray]


def _noise(sigma: float) -> Change:
    return lambda image, random: image + random.normal(0, sigma, image.shape)


def _gamma(power: float) -> Change:
    return lambda image, _: image**power


CHANGES: dict[str, Change] = {
    "as it is": lambda image, _: image,
    "noise of 3 % of the range": _noise(0.03),
    "noise of 6 %": _noise(0.06),
    "noise of 10 %": _noise(0.10),
    "gamma 0.5": _gamma(0.5),
    "gamma 0.7": _gamma(0.7),
    "gamma 1.5": _gamma(1.5),
    "gamma 2": _gamma(2.0),
    "the brighter three eighths cut off": lambda image, _: np.minimum(image, 0.625),
    "blurred, sigma 1.5 px": lambda image, _: cv2.GaussianBlur(image, (0, 0), 1.5),
}


def changed(image: FloatArray, change: Change) -> FloatArray:
    """Return a scan changed in 0..1 and stored in 8 bits, like a file; (h, w), float32."""
    found = change(rescale(image), np.random.default_rng(0))
    return np.round(np.clip(found, 0, 1) * 255).astype(np.float32)


def dice(segmenter: Segmenter, image: FloatArray, truth: BoolArray) -> float:
    """Return the Dice of the network's mask at its own threshold."""
    found = segmenter.predict(Scan(pixels=image)).mask(segmenter.config.threshold)
    return metrics.dice(metrics.confusion(found, truth))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", default=networks.ARCHITECTURES)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--every", type=int, default=3, help="take one slice in N")
    options = parser.parse_args()
    folders = [networks.find_network(name) for name in options.networks]
    asked = [Segmenter.load(folder) for folder in folders]
    splits = [networks.read_split(folder) for folder in folders]
    parts = [split and (split.test if options.part == "test" else split.val) for split in splits]
    if parts[0] is None or any(part != parts[0] for part in parts):
        raise SystemExit("the networks must have one split, or some have seen these slices")
    ill = [number for number in parts[0] if number < TUMOUR_FREE_FIRST][:: options.every]
    samples = {s.number: s for catalog in open_data(options.data, "") for s in catalog.samples}
    images = [read_image(samples[number]) for number in ill]
    truths = [read_mask(samples[number]) for number in ill]

    head = " | ".join(f"{name}, Dice | misses" for name in map(str, options.networks))
    lines = [
        f"One in {options.every} of the {options.part} slices with a tumour: {len(ill)}.",
        "",
        f"| scan | {head} |",
        "|---" * (1 + 2 * len(asked)) + "|",
    ]
    for words, change in CHANGES.items():
        cells = []
        scans = [changed(image, change) for image in images]
        for segmenter in asked:
            scores = [dice(segmenter, *pair) for pair in zip(scans, truths, strict=True)]
            cells += [f"{np.mean(scores):.3f}", f"{np.mean(np.equal(scores, 0)):.3f}"]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    text = "\n".join(lines)
    shipped = tuple(options.networks) == networks.ARCHITECTURES and options.part == "test"
    print(card.replace("robustness", text) if shipped else text)


if __name__ == "__main__":
    main()
