"""Fit and measure the rule that estimates the plane of a slice: ``python -m benchmarks.planes``.

The labels of ``planes.csv`` were given by eye to upright slices of the public set: two slices of
every patient at random, and those that a first rule was least sure of. The rule is measured on
patients it was not fitted to (ten parts), on demo data (whose planes the generator knows), and
with ``--ship`` fitted to all labels and written to ``brainseg/data/planes.json``.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path

import numpy as np

from brainseg.data import demo, planes
from brainseg.data.catalog import Catalog, read_catalog, read_image, upright
from brainseg.types import FloatArray

LABELS = Path(__file__).with_name("planes.csv")
PARTS, STEPS, DECAY = 10, 600, 0.01


def main() -> None:
    """Print the accuracies, and write the coefficients where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a copy of the public slices")
    parser.add_argument("--demo", type=int, default=120, help="how many demo slices to try")
    parser.add_argument("--ship", action="store_true", help="write the coefficients")
    options = parser.parse_args()
    catalog = read_catalog(options.data)
    with LABELS.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    known = {sample.number for sample in catalog.samples}
    rows = [row for row in rows if int(row["number"]) in known]
    seen = _features(catalog, [int(row["number"]) for row in rows])
    truth = np.array([planes.PLANES.index(row["plane"]) for row in rows])  # type: ignore[arg-type]
    patients = [catalog.by_number(int(row["number"])).patient or "" for row in rows]
    found = _cross_validated(seen, truth, patients)
    for kind in ("random", "doubtful"):
        part = np.array([row["chosen"] == kind for row in rows])
        _tell(f"{kind} slices, patients unseen", truth[part], found[part])
    weights, bias = fit(seen, truth)
    if options.demo:
        _on_demo(weights, bias, options.demo)
    if options.ship:
        kept = {"planes": planes.PLANES, "weights": _short(weights), "bias": _short(bias)}
        planes.COEFFICIENTS.write_text(json.dumps(kept) + "\n", encoding="utf-8")


def _features(catalog: Catalog, numbers: list[int]) -> FloatArray:
    samples = (catalog.by_number(number) for number in numbers)
    return np.stack([_seen(upright(read_image(s), catalog)) for s in samples])


def _seen(image: FloatArray) -> FloatArray:
    return planes.features(planes.find_head(image))


def fit(seen: FloatArray, truth: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Fit the multinomial logistic regression by Nesterov's accelerated gradient descent."""
    inputs = np.hstack([seen, np.ones((len(seen), 1), np.float32)])
    wanted = np.eye(len(planes.PLANES), dtype=np.float32)[truth]
    decay = np.full(inputs.shape[1], DECAY, np.float32)
    decay[-1] = 0.0
    step = 1.0 / (np.linalg.norm(inputs, 2) ** 2 / len(inputs) / 2 + DECAY)
    now = ahead = np.zeros((len(planes.PLANES), inputs.shape[1]), np.float32)
    for turn in range(STEPS):
        raised = np.exp((scores := inputs @ ahead.T) - scores.max(axis=1, keepdims=True))
        error = raised / raised.sum(axis=1, keepdims=True) - wanted
        after = ahead - step * (error.T @ inputs / len(inputs) + decay * ahead)
        now, ahead = after, after + turn / (turn + 3) * (after - now)
    return now[:, :-1], now[:, -1]


def _cross_validated(seen: FloatArray, truth: np.ndarray, patients: list[str]) -> np.ndarray:
    order = sorted(set(patients))
    np.random.default_rng(0).shuffle(order)
    part = np.array([order.index(patient) % PARTS for patient in patients])
    found = np.empty_like(truth)
    for left_out in range(PARTS):
        weights, bias = fit(seen[part != left_out], truth[part != left_out])
        found[part == left_out] = np.argmax(seen[part == left_out] @ weights.T + bias, axis=1)
    return found


def _on_demo(weights: FloatArray, bias: FloatArray, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        catalog = read_catalog(demo.make_demo(Path(folder) / "demo", count=count))
        seen = _features(catalog, [sample.number for sample in catalog.samples])
    truth = np.array([planes.PLANES.index(view) for view in demo.drawn_views(count)])
    _tell(f"{count} demo slices", truth, np.argmax(seen @ weights.T + bias, axis=1))


def _tell(what: str, truth: np.ndarray, found: np.ndarray) -> None:
    right = int(np.sum(truth == found))
    print(f"{what}: {right} of {len(truth)} right ({100 * right / len(truth):.1f} %)")
    for true, name in enumerate(planes.PLANES):
        counts = np.bincount(found[truth == true], minlength=len(planes.PLANES))
        called = zip(planes.PLANES, counts.tolist(), strict=True)
        print(f"  {name}: " + ", ".join(f"{count} called {word}" for word, count in called))


def _short(values: FloatArray) -> list[object]:
    return json.loads(json.dumps(np.round(values.astype(np.float64), 5).tolist()))  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
