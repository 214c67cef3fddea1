"""A network against the truth of a set of slices: one score a slice, then the summary."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from brainseg import calibration, metrics, runs, summary, surface, thresholds
from brainseg.data.catalog import Catalog, upright
from brainseg.data.patients import PatientFacts, facts_for, pixel_mm
from brainseg.data.pixels import AnyArray, read_pair
from brainseg.ensemble import Ensemble
from brainseg.errors import ConfigError, DataError
from brainseg.inference import Segmenter
from brainseg.preprocess import standardise_mask
from brainseg.refine import Refined
from brainseg.scores import ORIENTATIONS, SYMMETRY_NAMES
from brainseg.training.planning import open_data
from brainseg.types import (
    BoolArray,
    CaseScore,
    Evaluation,
    FloatArray,
    Prediction,
    Sample,
    Scan,
)
from brainseg.views import SYMMETRIES

Progress = Callable[[int, int], None]
DOCUMENT_BATCH = 32


def score(
    sample: Sample,
    prediction: Prediction,
    truth: BoolArray,
    threshold: float,
    *,
    mm: float | None = None,
) -> CaseScore:
    """Score one prediction (H, W) against its truth (H, W) bool; None where undefined.

    ``mm`` is the side of a pixel in millimetres where it is known.
    """
    mask = prediction.mask(threshold)
    c = metrics.confusion(mask, truth)
    apart = surface.distances(mask, truth)
    return CaseScore(
        number=sample.number,
        tumour=sample.tumour,
        patient=sample.patient,
        truth_px=c.tp + c.fn,
        predicted_px=c.tp + c.fp,
        dice=_known(metrics.dice(c)),
        iou=_known(metrics.iou(c)),
        precision=_known(metrics.precision(c)),
        sensitivity=_known(metrics.sensitivity(c)),
        specificity=_known(metrics.specificity(c)),
        accuracy=metrics.accuracy(c),
        background_accuracy=metrics.background_accuracy(c),
        hausdorff95_px=None if apart is None else surface.hausdorff(apart),
        surface_distance_px=None if apart is None else surface.mean(apart),
        pixel_mm=mm,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def evaluate(
    segmenter: Segmenter | Ensemble | Refined,
    catalog: Catalog | Sequence[Catalog],
    numbers: Iterable[int],
    *,
    orientation: str = "file",
    threshold: float | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score ``segmenter`` on the slices ``numbers``, masks compared at the files' own size.

    Args:
        segmenter: the network.
        catalog: the dataset folder, or several.
        numbers: which slices; each needs a truth.
        orientation: ``"file"`` as stored, ``"upright"`` as displayed, or upright and then turned
            by one of the other symmetries of the square in ``scores.SYMMETRY_NAMES``.
        threshold: of the probability; the network's own by default.
        progress: called with (done, of) after every slice; what it raises ends the scoring.

    Raises:
        ConfigError: no such orientation.
        DataError: no slice, or one without truth or with a mask of another size.
    """
    if orientation not in ORIENTATIONS:
        raise ConfigError(f"orientation must be one of {', '.join(ORIENTATIONS)}")
    catalogs = [catalog] if isinstance(catalog, Catalog) else list(catalog)
    chosen = list(numbers)
    homes = _homes(catalogs, chosen)
    facts = {home.root: facts_for(home.samples) for home in catalogs}
    level = segmenter.config.threshold if threshold is None else threshold
    cases, counts, swept = [], [], []
    for done, (home, sample) in enumerate(homes, start=1):
        scan, truth = _turned(*_read(sample, segmenter), home, orientation)
        prediction = segmenter.predict(scan)
        mm = _pixel_mm(sample, facts[home.root], scan.pixels)
        cases.append(score(sample, prediction, truth, level, mm=mm))
        swept.append(thresholds.count(prediction.probability, truth))
        if truth.any():
            counts.append(calibration.count(prediction.probability, truth))
        if progress:
            progress(done, len(chosen))
    return summary.evaluation(
        cases,
        calibration.add(counts),
        thresholds.add(swept),
        model=segmenter.name,
        data=", ".join(c.name for c in catalogs),
        threshold=level,
        orientation=orientation,
    )


def _homes(catalogs: Sequence[Catalog], numbers: Sequence[int]) -> list[tuple[Catalog, Sample]]:
    where = {sample.number: (home, sample) for home in catalogs for sample in home.samples}
    if not numbers:
        raise DataError("there is no slice to evaluate: choose another part of the dataset")
    missing = [number for number in numbers if number not in where]
    if missing:
        raise DataError(f"slice {missing[0]} is not in {catalogs[0].root}")
    return [where[number] for number in numbers]


def _read(sample: Sample, segmenter: Segmenter | Ensemble | Refined) -> tuple[Scan, BoolArray]:
    scan, truth = read_pair(sample, segmenter.config.saliency)
    if truth is None:
        raise DataError(f"slice {sample.number} has no mask, so nothing can be scored on it")
    return scan, truth


def _turned(
    scan: Scan, truth: BoolArray, home: Catalog, orientation: str
) -> tuple[Scan, BoolArray]:
    """Turn a scan, its maps and its truth alike."""
    if orientation == "file":
        return scan, truth
    symmetry, _ = SYMMETRIES[SYMMETRY_NAMES.index(orientation)]

    def turn(array: AnyArray) -> AnyArray:
        return np.ascontiguousarray(symmetry(upright(array, home)))  # type: ignore[return-value]

    first, second = (None if values is None else turn(values) for values in scan.saliency)
    return replace(scan, pixels=turn(scan.pixels), saliency=(first, second)), turn(truth)


def _pixel_mm(sample: Sample, facts: Mapping[int, PatientFacts], image: FloatArray) -> float | None:
    known = facts.get(sample.number)
    return pixel_mm(known, image.shape[0]) if known and image.shape[0] == image.shape[1] else None


def batch_dice(
    segmenter: Segmenter,
    catalog: Catalog | Sequence[Catalog],
    numbers: Iterable[int],
    *,
    batch_size: int = DOCUMENT_BATCH,
    seed: int = 0,
) -> float:
    """Return the Dice that the source document reports: of whole batches, at the network's size.

    All pixels of a batch count as one image, with probabilities instead of masks and one pixel
    added above and below (as ``losses.batch_dice_loss``); then the mean over batches. Large
    tumours outweigh small ones in it, and a missed one hardly shows: compare it with nothing but
    itself. Slices are shuffled by ``seed``, since neighbours are of one patient.

    Raises:
        DataError: no slice, or one without truth.
    """
    catalogs = [catalog] if isinstance(catalog, Catalog) else list(catalog)
    homes = _homes(catalogs, list(numbers))
    order = np.random.default_rng(seed).permutation(len(homes))
    scores = []
    for first in range(0, len(order), batch_size):
        pairs = [_read(homes[place][1], segmenter) for place in order[first : first + batch_size]]
        images = np.stack([segmenter.seen(scan)[0] for scan, _ in pairs])
        truths = np.stack([standardise_mask(truth, segmenter.config.size) for _, truth in pairs])
        likely = segmenter.probabilities(images)
        overlap = float(likely[truths].sum(dtype=np.float64))
        total = float(likely.sum(dtype=np.float64)) + int(np.count_nonzero(truths))
        scores.append((2 * overlap + 1) / (total + 1))
    return float(np.mean(scores))


def evaluate_run(run: Path, *, progress: Progress | None = None) -> Evaluation:
    """Score the exported network of a run on the run's own test slices."""
    config = runs.config(run)
    opened = open_data(config.data, config.tumour_free)
    segmenter = Segmenter.load(run / "network")
    return evaluate(segmenter, opened, runs.split(run).test, progress=progress)
