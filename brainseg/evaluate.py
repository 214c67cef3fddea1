"""A network against the truth of a set of slices: one score a slice, then the summary."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from brainseg import metrics, runs
from brainseg.data.catalog import Catalog, read_image, read_mask, upright
from brainseg.errors import DataError
from brainseg.inference import Segmenter
from brainseg.training.planning import open_data
from brainseg.types import TUMOURS, CaseScore, Evaluation, Prediction, Sample, Scan

Progress = Callable[[int, int], None]
Summary = dict[str, float | int | None]


def score(sample: Sample, prediction: Prediction, truth: np.ndarray, threshold: float) -> CaseScore:
    """Score one prediction (H, W) against its truth (H, W) bool; None where undefined."""
    c = metrics.confusion(prediction.mask(threshold), truth)
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
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def evaluate(
    segmenter: Segmenter,
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
        orientation: ``"file"`` as stored, ``"upright"`` as displayed.
        threshold: of the probability; the network's own by default.
        progress: called with (done, of) after every slice.

    Raises:
        DataError: no slice, or one without truth.
    """
    catalogs = [catalog] if isinstance(catalog, Catalog) else list(catalog)
    where = {sample.number: (c, sample) for c in catalogs for sample in c.samples}
    chosen = list(numbers)
    if not chosen:
        raise DataError("there is no slice to evaluate: choose another part of the dataset")
    level = segmenter.config.threshold if threshold is None else threshold
    cases = []
    for done, number in enumerate(chosen, start=1):
        if number not in where:
            raise DataError(f"slice {number} is not in {catalogs[0].root}")
        home, sample = where[number]
        cases.append(_case(segmenter, home, sample, orientation, level))
        if progress:
            progress(done, len(chosen))
    return Evaluation(
        model=segmenter.name,
        data=", ".join(c.name for c in catalogs),
        threshold=level,
        orientation=orientation,
        cases=tuple(cases),
        summary=summarise(cases),
        by_tumour={
            kind: summarise([c for c in cases if c.tumour == kind])
            for kind in TUMOURS
            if any(c.tumour == kind for c in cases)
        },
    )


def _case(
    segmenter: Segmenter, home: Catalog, sample: Sample, orientation: str, threshold: float
) -> CaseScore:
    image, truth = read_image(sample), read_mask(sample)
    if truth is None:
        raise DataError(f"slice {sample.number} has no mask, so nothing can be scored on it")
    if truth.shape != image.shape:
        if truth.size > 0 and not truth.any():
            truth = np.zeros(image.shape, dtype=np.bool_)
        else:
            raise DataError(f"slice {sample.number}: image and mask differ in size")
    if orientation == "upright":
        image, truth = upright(image, home.orientation), upright(truth, home.orientation)
    prediction = segmenter.predict(Scan(pixels=np.ascontiguousarray(image)))
    return score(sample, prediction, np.ascontiguousarray(truth), threshold)


def summarise(cases: Sequence[CaseScore]) -> Summary:
    """Reduce cases to the table's numbers; None where nothing defines one.

    ``misses`` is the share of slices with a tumour on which no pixel was hit; ``false_alarms`` the
    share of tumour-free slices on which any was painted.
    """
    ill = [case for case in cases if case.truth_px > 0]
    well = [case for case in cases if case.truth_px == 0]
    dices = [case.dice or 0.0 for case in ill]
    lower, upper = bootstrap_interval(ill)
    result: Summary = {
        "slices": len(cases),
        "tumour_slices": len(ill),
        "patients": len({case.patient for case in ill if case.patient is not None}),
        "dice": _mean(dices),
        "dice_low": lower,
        "dice_high": upper,
        "dice_median": float(np.median(dices)) if dices else None,
        "dice_patients": patient_mean(ill),
    }
    for name in ("iou", "precision", "sensitivity", "specificity"):
        values = [getattr(case, name) for case in ill]
        result[name] = _mean([value for value in values if value is not None])
        result[f"{name}_undefined"] = sum(value is None for value in values)
    result["accuracy"] = _mean([case.accuracy for case in cases])
    result["background_accuracy"] = _mean([case.background_accuracy for case in cases])
    result["misses"] = _mean([float(dice == 0) for dice in dices])
    result["tumour_free_slices"] = len(well)
    result["false_alarms"] = _mean([float(case.predicted_px > 0) for case in well])
    return result


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _by_patient(cases: Sequence[CaseScore]) -> list[list[float]]:
    groups: dict[str, list[float]] = {}
    for case in cases:
        groups.setdefault(case.patient or f"slice {case.number}", []).append(case.dice or 0.0)
    return list(groups.values())


def patient_mean(cases: Sequence[CaseScore]) -> float | None:
    """Return the mean over patients of the mean Dice of their slices."""
    return _mean([float(np.mean(dices)) for dices in _by_patient(cases)])


def bootstrap_interval(
    cases: Sequence[CaseScore], *, draws: int = 1000, seed: int = 0
) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the mean per-image Dice, by resampling patients."""
    groups = _by_patient(cases)
    if len(groups) < 2:
        return None, None
    sums = np.array([sum(group) for group in groups])
    sizes = np.array([len(group) for group in groups])
    random = np.random.default_rng(seed)
    drawn = random.integers(len(groups), size=(draws, len(groups)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def evaluate_run(run: Path, *, progress: Progress | None = None) -> Evaluation:
    """Score the exported network of a run on the run's own test slices."""
    config = runs.config(run)
    opened = open_data(config.data, config.tumour_free)
    segmenter = Segmenter.load(run / "network")
    return evaluate(segmenter, opened, runs.split(run).test, progress=progress)
