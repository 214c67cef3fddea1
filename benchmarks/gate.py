"""What share of heads and of other pictures the gate rejects: the table of docs/MODEL_CARD.md.

    python -m benchmarks.gate --data DIR --tumour-free DIR [--scans DIR] [--every N]

The last column is how uploads and files of `predict` are judged, whichever network was chosen.
Photographs come from scikit-image and are judged in grey, so that the colour rule does not help.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import card, not_heads
from brainseg import gate, networks
from brainseg.data import readers
from brainseg.data.catalog import TUMOUR_FREE_FIRST, Catalog, read_catalog, read_image
from brainseg.data.demo import make_demo
from brainseg.errors import ScanError
from brainseg.inference import load
from brainseg.training.planning import open_data
from brainseg.types import FloatArray, Scan, Split

NAMES = (*networks.ARCHITECTURES, networks.ENSEMBLE)
DRAWS = 8  # of each painted picture
Set = tuple[str, list[FloatArray]]


def _noisy(share: float) -> Callable[[FloatArray], FloatArray]:
    def add(image: FloatArray) -> FloatArray:
        spread = share * float(image.max() - image.min())
        random = np.random.default_rng(int(image.sum()) % 2**32)
        return image + random.normal(0, spread, image.shape).astype(np.float32)

    return add


def _cropped(share: float) -> Callable[[FloatArray], FloatArray]:
    def crop(image: FloatArray) -> FloatArray:
        rows, columns = (round(side * share / 2) for side in image.shape)
        return image[rows : image.shape[0] - rows, columns : image.shape[1] - columns]

    return crop


ALTERED: dict[str, Callable[[FloatArray], FloatArray]] = {
    "noise of 3 % of the range": _noisy(0.03),
    "noise of 10 % of the range": _noisy(0.10),
    "a tenth of the grey levels": lambda image: np.round(image / 10) + 100,
    "gamma 0.5": lambda image: np.sqrt(image / image.max()),
    "gamma 2": lambda image: np.square(image / image.max()),
    "inverted": lambda image: image.max() - image,
    "a quarter of the side cropped": _cropped(0.25),
    "one half of the slice only": lambda image: image[: image.shape[0] // 2],
}


def heads(opened: list[Catalog], split: Split, scans: Path | None, every: int) -> Iterable[Set]:
    """Yield sets of heads that ought to pass; of the real slices one in ``every``."""
    samples = {s.number: s for catalog in opened for s in catalog.samples}
    yield "validation slices", [read_image(samples[n]) for n in split.val[::every]]
    ill = [n for n in split.test if n < TUMOUR_FREE_FIRST][::every]
    unseen = [read_image(samples[n]) for n in ill]
    yield "fold 3, as stored", unseen
    yield "fold 3, upright", [image.T for image in unseen]
    yield "fold 3, upside down", [image.T[::-1] for image in unseen]
    well = [n for n in split.test if n >= TUMOUR_FREE_FIRST][::every]
    yield "tumour-free slices of unseen patients", [read_image(samples[n]) for n in well]
    with tempfile.TemporaryDirectory() as name:
        demo = read_catalog(make_demo(Path(name) / "demo"))
        yield "synthetic demo slices", [read_image(s) for s in demo.samples]
    for path in sorted(scans.iterdir()) if scans else ():
        try:
            volume = readers.read_file(path)
        except ScanError:
            continue
        yield f"every slice of {path.name}", list(volume.voxels)
    for words, change in ALTERED.items():
        yield f"fold 3, {words}", [change(image) for image in unseen[::6]]


def others() -> Iterable[Set]:
    """Yield sets of pictures that are no heads."""
    for name, paint in not_heads.PAINTED.items():
        yield name, [paint(np.random.default_rng(draw)) for draw in range(DRAWS)]
    blank = [np.full((64, 64), value, np.float32) for value in (0, 100, 255)]
    yield "blank", blank
    pictures = not_heads.photographs()
    yield f"photographs ({', '.join(pictures)})", list(pictures.values())


def rejected(sets: Iterable[Set]) -> list[tuple[str, int, list[float]]]:
    """Return for each set its name, how many, and the share that each network rejects."""
    ensemble = load(networks.ENSEMBLE)
    rows = []
    for name, images in sets:
        refused = np.zeros(len(NAMES))
        for image in images:
            scan = Scan(pixels=np.ascontiguousarray(image, dtype=np.float32))
            answer = ensemble.predict(scan)
            alone = [replace(answer, features=(one,)) for one in answer.features]
            asked = [*zip(ensemble.members, alone, strict=True), (ensemble, answer)]
            refused += [not gate.judge(scan, who, what).accepted for who, what in asked]
        rows.append((name, len(images), list(refused / len(images))))
    return rows


def table(title: str, rows: list[tuple[str, int, list[float]]]) -> list[str]:
    labels = " | ".join(networks.LABELS[name] for name in NAMES)
    lines = [f"| {title} | pictures | {labels} |", "|---" * (2 + len(NAMES)) + "|"]
    for name, count, shares in rows:
        cells = " | ".join(f"{share:.1%}" for share in shares)
        lines.append(f"| {name} | {count} | {cells} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tumour-free", type=Path, required=True)
    parser.add_argument("--scans", type=Path, help="folder of scans of heads: files, DICOM folders")
    parser.add_argument("--every", type=int, default=1, help="take one real slice in N")
    options = parser.parse_args()
    split = networks.known_split(networks.ENSEMBLE)
    if split is None:
        raise SystemExit("the shipped networks have no split.json: which slices are unseen?")
    opened = open_data(options.data, options.tumour_free)
    lines = [f"Of the real slices one in {options.every} was taken.", ""] * (options.every > 1)
    lines += table("heads: rejected", rejected(heads(opened, split, options.scans, options.every)))
    lines += ["", *table("no heads: rejected", rejected(others()))]
    print(card.replace("gate", "\n".join(lines)))


if __name__ == "__main__":
    main()
