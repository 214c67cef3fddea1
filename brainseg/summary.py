"""From the scores of single slices to the numbers of a table: means, spreads, misses, intervals."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence

import numpy as np

from brainseg import calibration, statistics, thresholds
from brainseg.types import (
    TUMOURS,
    CalibrationCounts,
    CaseScore,
    Evaluation,
    Summary,
    ThresholdCounts,
)

QUARTERS = ("smallest quarter", "second quarter", "third quarter", "largest quarter")
OVERLAPS = ("iou", "precision", "sensitivity", "specificity")
DISTANCES = ("hausdorff95_px", "surface_distance_px", "hausdorff95_mm", "surface_distance_mm")
dice_of: Callable[[CaseScore], float] = operator.attrgetter("dice")  # with a tumour there is one


def patient_of(case: CaseScore) -> str:
    """Return whose slice this is; a slice of nobody known is its own patient."""
    return case.patient or f"slice {case.number}"


def summarise(cases: Sequence[CaseScore]) -> Summary:
    """Reduce cases to the table's numbers; None where nothing defines one.

    Every score but the accuracies is over the slices with a tumour. ``misses`` is the share of
    them on which no pixel was hit, ``false_alarms`` the share of tumour-free slices on which any
    was painted. ``X_undefined`` counts the slices with a tumour that have no X; ``X_low`` and
    ``X_high`` are the 95 % interval of the mean X, patients drawn again.
    """
    ill = [case for case in cases if case.truth_px > 0]
    well = [case for case in cases if case.truth_px == 0]
    result: Summary = {
        "slices": len(cases),
        "tumour_slices": len(ill),
        "patients": len({case.patient for case in ill if case.patient is not None}),
        **_dice(ill),
    }
    for name in (*OVERLAPS, *DISTANCES):
        known = [case for case in ill if getattr(case, name) is not None]
        result |= _averaged(name, known, operator.attrgetter(name))
        result[f"{name}_undefined"] = len(ill) - len(known)
    result["hausdorff95_px_median"] = _quantile(_known(ill, "hausdorff95_px"), 0.5)
    result["hausdorff95_px_median_undefined"] = result["hausdorff95_px_undefined"]
    result |= _averaged("accuracy", cases, lambda case: case.accuracy)
    result["background_accuracy"] = _mean([case.background_accuracy for case in cases])
    result |= _averaged("misses", ill, lambda case: float(not case.dice))
    result["tumour_free_slices"] = len(well)
    result |= _averaged("false_alarms", well, lambda case: float(case.predicted_px > 0))
    return result


def _averaged(
    name: str, cases: Sequence[CaseScore], value: Callable[[CaseScore], float]
) -> Summary:
    """Return the mean of a value over cases under ``name``, and the ends of its interval."""
    values = [value(case) for case in cases]
    return {name: _mean(values)} | _interval(name, values, [patient_of(case) for case in cases])


def _interval(name: str, values: Sequence[float], patients: Sequence[str]) -> Summary:
    """Return the ends of the interval; None where no draw differs from another.

    An interval without width would claim to be sure: of no miss in ten slices nobody knows that
    misses never happen.
    """
    low, high = statistics.bootstrap_interval(values, patients)
    if low is None or high is None or math.isclose(low, high, abs_tol=1e-12):
        low, high = None, None
    return {f"{name}_low": low, f"{name}_high": high}


def _dice(ill: Sequence[CaseScore]) -> Summary:
    dices = [dice_of(case) for case in ill]
    of_patients = statistics.group_means(dices, [patient_of(case) for case in ill])
    patients = [str(patient) for patient in of_patients]
    return {
        **_averaged("dice", ill, dice_of),
        "dice_q1": _quantile(dices, 0.25),
        "dice_median": _quantile(dices, 0.5),
        "dice_q3": _quantile(dices, 0.75),
        "dice_patients": _mean(list(of_patients.values())),
        **_interval("dice_patients", list(of_patients.values()), patients),
    }


def _known(cases: Sequence[CaseScore], name: str) -> list[float]:
    values = [getattr(case, name) for case in cases]
    return [value for value in values if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None


def by_group(
    cases: Sequence[CaseScore], group: Callable[[CaseScore], str | None]
) -> dict[str, Summary]:
    """Return the summary of each group there is, in order of appearance.

    ``group`` names the group of a case; a case without one is in none.
    """
    found: dict[str, list[CaseScore]] = {}
    for case in cases:
        name = group(case)
        if name is not None:
            found.setdefault(name, []).append(case)
    return {name: summarise(part) for name, part in found.items()}


def by_tumour(cases: Sequence[CaseScore]) -> dict[str, Summary]:
    """Return the summary of each kind of tumour there is."""
    found = by_group(cases, lambda case: case.tumour)
    return {kind: found[kind] for kind in TUMOURS if kind in found}


def by_patient(cases: Sequence[CaseScore]) -> dict[str, Summary]:
    """Return the summary of each patient known, the lowest mean Dice first, the undefined last."""
    found = by_group(cases, lambda case: case.patient)
    return dict(sorted(found.items(), key=lambda item: _or_last(item[1]["dice"])))


def _or_last(value: float | None) -> float:
    return np.inf if value is None else value


def by_size(cases: Sequence[CaseScore]) -> dict[str, Summary]:
    """Return the summary of each quarter of the slices with a tumour, by the tumour's size.

    Size is the share of the slice, so that files of any size compare; ``share_low`` and
    ``share_high`` of a quarter are its smallest and largest. Nothing for fewer than four slices.
    """
    ill = sorted((case for case in cases if case.truth_px > 0), key=lambda c: c.tumour_share)
    if len(ill) < len(QUARTERS):
        return {}
    found: dict[str, Summary] = {}
    for name, places in zip(QUARTERS, np.array_split(np.arange(len(ill)), 4), strict=True):
        part = [ill[place] for place in places]
        ends: Summary = {"share_low": part[0].tumour_share, "share_high": part[-1].tumour_share}
        found[name] = summarise(part) | ends
    return found


def evaluation(
    cases: Sequence[CaseScore],
    counts: CalibrationCounts | None,
    swept: ThresholdCounts | None = None,
    *,
    model: str,
    data: str,
    threshold: float,
    orientation: str,
) -> Evaluation:
    """Return the evaluation that these cases make; ``ece`` joins its summary."""
    return Evaluation(
        model=model,
        data=data,
        threshold=threshold,
        orientation=orientation,
        cases=tuple(cases),
        summary=summarise(cases) | {"ece": None if counts is None else calibration.ece(counts)},
        by_tumour=by_tumour(cases),
        by_size=by_size(cases),
        calibration=counts,
        thresholds=swept,
    )


def pool(parts: Sequence[Evaluation]) -> Evaluation:
    """Return the evaluation of all cases of several, such as the folds of a cross-validation.

    The cases are summarised anew; a slice that is in two parts counts twice. Model, threshold and
    the like are the first part's.

    Raises:
        ValueError: there is none.
    """
    if not parts:
        raise ValueError("there is no evaluation to pool")
    counted = [part.calibration for part in parts if part.calibration is not None]
    swept = [part.thresholds for part in parts if part.thresholds is not None]
    first = parts[0]
    return evaluation(
        [case for part in parts for case in part.cases],
        calibration.add(counted) if len(counted) == len(parts) else None,
        thresholds.add(swept) if len(swept) == len(parts) else None,
        model=first.model,
        data=first.data,
        threshold=first.threshold,
        orientation=first.orientation,
    )


def compare(first: Evaluation, second: Evaluation) -> statistics.Comparison:
    """Compare the Dice of two networks on the slices with a tumour that both were scored on."""
    scores = [{c.number: dice_of(c) for c in e.cases if c.truth_px} for e in (first, second)]
    patients = {case.number: patient_of(case) for case in first.cases}
    return statistics.compare(scores[0], scores[1], patients)
