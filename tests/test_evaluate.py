from __future__ import annotations

import pytest

from brainseg.evaluate import bootstrap_interval, patient_mean, summarise
from brainseg.types import CaseScore


def _case(number: int, dice: float | None, patient: str = "p", **values) -> CaseScore:
    plain = {
        "number": number,
        "tumour": "glioma",
        "patient": patient,
        "truth_px": 10,
        "predicted_px": 10,
        "dice": dice,
        "iou": dice,
        "precision": dice,
        "sensitivity": dice,
        "specificity": 1.0,
        "accuracy": 0.99,
        "background_accuracy": 0.98,
    }
    return CaseScore(**plain | values)


def test_a_tumour_free_slice_counts_for_false_alarms_and_never_for_dice():
    well = _case(2, None, truth_px=0, predicted_px=0)
    alarmed = _case(3, 0.0, truth_px=0, predicted_px=5)
    summary = summarise([_case(1, 0.8), well, alarmed])
    assert summary["dice"] == pytest.approx(0.8)
    assert (summary["tumour_slices"], summary["tumour_free_slices"]) == (1, 2)
    assert summary["false_alarms"] == 0.5
    assert summary["misses"] == 0


def test_a_slice_without_a_hit_is_a_miss_and_its_undefined_precision_is_counted():
    miss = _case(2, 0.0, predicted_px=0, precision=None)
    summary = summarise([_case(1, 1.0), miss])
    assert summary["dice"] == summary["misses"] == 0.5
    assert summary["precision"] == 1.0
    assert summary["precision_undefined"] == 1


def test_nothing_gives_no_numbers():
    summary = summarise([])
    assert summary["slices"] == 0
    assert summary["dice"] is summary["accuracy"] is summary["dice_low"] is None


def test_the_patient_mean_weighs_patients_not_slices():
    cases = [_case(1, 1.0, "a"), _case(2, 1.0, "a"), _case(3, 1.0, "a"), _case(4, 0.0, "b")]
    assert patient_mean(cases) == 0.5
    assert summarise(cases)["dice"] == 0.75


def test_the_interval_holds_the_mean_and_needs_two_patients():
    cases = [_case(i, d, str(i)) for i, d in enumerate((0.1, 0.5, 0.9, 0.7, 0.8, 0.6))]
    low, high = bootstrap_interval(cases)
    assert low < 0.6 < high
    assert bootstrap_interval(cases[:1]) == (None, None)
