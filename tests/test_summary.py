from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from brainseg import summary
from brainseg.types import CalibrationCounts, CaseScore, Evaluation, ThresholdCounts


def _case(number: int, dice: float | None, patient: str | None = "p", **values) -> CaseScore:
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


def _evaluation(cases: list[CaseScore], counts: CalibrationCounts | None = None) -> Evaluation:
    return summary.evaluation(
        cases, counts, model="unet", data="d", threshold=0.5, orientation="file"
    )


def test_a_tumour_free_slice_counts_for_false_alarms_and_never_for_dice():
    well = _case(2, None, truth_px=0, predicted_px=0)
    alarmed = _case(3, 0.0, truth_px=0, predicted_px=5)
    found = summary.summarise([_case(1, 0.8), well, alarmed])
    assert found["dice"] == pytest.approx(0.8)
    assert (found["tumour_slices"], found["tumour_free_slices"]) == (1, 2)
    assert found["false_alarms"] == 0.5
    assert found["misses"] == 0


def test_a_slice_without_a_hit_is_a_miss_and_what_it_leaves_undefined_is_counted():
    hit = _case(1, 1.0, hausdorff95_px=4.0, surface_distance_px=1.0, pixel_mm=0.5)
    miss = _case(2, 0.0, predicted_px=0, precision=None)
    found = summary.summarise([hit, miss])
    assert found["dice"] == found["misses"] == 0.5
    assert found["precision"] == 1.0
    assert (found["hausdorff95_px"], found["surface_distance_px"]) == (4.0, 1.0)
    assert (found["hausdorff95_mm"], found["surface_distance_mm"]) == (2.0, 0.5)
    for name in ("precision", *summary.DISTANCES):
        assert found[f"{name}_undefined"] == 1


def test_millimetres_are_never_made_up():
    found = summary.summarise([_case(1, 0.9, hausdorff95_px=4.0, surface_distance_px=1.0)])
    assert found["hausdorff95_px_undefined"] == 0
    assert found["hausdorff95_mm"] is None
    assert found["hausdorff95_mm_undefined"] == 1


def test_nothing_gives_no_numbers():
    found = summary.summarise([])
    assert found["slices"] == found["hausdorff95_px_undefined"] == 0
    assert found["dice"] is found["accuracy"] is found["dice_low"] is found["dice_q1"] is None
    assert _evaluation([]).by_size == _evaluation([]).by_tumour == {}


def test_quartiles_and_intervals_are_those_of_the_dice_values():
    values = np.random.default_rng(0).beta(4, 1, size=41)
    found = summary.summarise([_case(i, v, str(i)) for i, v in enumerate(values)])
    quartiles = [found[name] for name in ("dice_q1", "dice_median", "dice_q3")]
    assert quartiles == pytest.approx(np.sort(values)[[10, 20, 30]])
    assert found["dice_low"] < found["dice"] < found["dice_high"]


def test_the_patient_mean_weighs_patients_not_slices():
    cases = [_case(1, 1.0, "a"), _case(2, 1.0, "a"), _case(3, 1.0, "a"), _case(4, 0.0, "b")]
    found = summary.summarise(cases)
    assert (found["dice_patients"], found["dice"]) == (0.5, 0.75)
    strangers = [_case(1, 1.0, None), _case(2, 0.0, None)]
    assert summary.summarise(strangers)["patients"] == 0
    assert summary.summarise(strangers)["dice_patients"] == 0.5


def test_the_quarters_are_by_share_of_the_slice_and_hold_every_tumour_once():
    cases = [_case(i, i / 10, background_accuracy=1 - 0.01 * i) for i in range(1, 11)]
    cases.append(_case(99, None, truth_px=0, predicted_px=0))
    found = summary.by_size(cases)
    assert tuple(found) == summary.QUARTERS
    assert [part["slices"] for part in found.values()] == [3, 3, 2, 2]
    assert found["smallest quarter"]["dice"] == pytest.approx(0.2)
    assert found["largest quarter"]["share_high"] == pytest.approx(0.1)
    ends = [(part["share_low"], part["share_high"]) for part in found.values()]
    assert ends == sorted(ends)
    assert summary.by_size(cases[:3]) == {}


def test_kinds_are_summarised_apart():
    cases = [_case(1, 0.9, tumour="meningioma"), _case(2, 0.5), _case(3, 0.7)]
    found = summary.by_tumour(cases)
    assert {kind: part["slices"] for kind, part in found.items()} == {"meningioma": 1, "glioma": 2}


def test_pooled_folds_are_the_evaluation_of_all_their_cases():
    counts = CalibrationCounts(pixels=(4, 4), probability=(1.0, 3.0), tumour=(1, 2))
    folds = [_evaluation([_case(i, i / 10, str(i))], counts) for i in range(5)]
    pooled = summary.pool(folds)
    assert pooled.summary["dice"] == pytest.approx(0.2)
    assert pooled.summary["patients"] == 5
    assert pooled.calibration.pixels == (20, 20)
    assert pooled.summary["ece"] == pytest.approx(0.125)
    assert summary.pool([*folds, _evaluation([_case(9, 1.0)])]).summary["ece"] is None
    with pytest.raises(ValueError, match="no evaluation"):
        summary.pool([])


def test_an_evaluation_survives_json_and_an_older_one_is_still_read():
    counts = CalibrationCounts(pixels=(4,), probability=(1.0,), tumour=(1,))
    whole = _evaluation([_case(1, 0.5, hausdorff95_px=2.0, pixel_mm=0.5)], counts)
    assert Evaluation.from_dict(asdict(whole)) == whole
    plain = asdict(whole)
    for name in ("by_size", "calibration"):
        del plain[name]
    for name in ("hausdorff95_px", "surface_distance_px", "pixel_mm"):
        del plain["cases"][0][name]
    old = Evaluation.from_dict(plain)
    assert old.cases[0].dice == 0.5
    assert old.calibration is old.cases[0].hausdorff95_px is None


def test_two_networks_are_compared_on_the_slices_with_a_tumour():
    well = _case(3, None, truth_px=0)
    one = _evaluation([_case(1, 0.9, "a"), _case(2, 0.8, "b"), well])
    other = _evaluation([_case(1, 0.6, "a"), _case(2, 0.7, "b"), well])
    found = summary.compare(one, other)
    assert found.by_slice.pairs == found.by_patient.wins == 2
    assert found.by_slice.difference == pytest.approx(0.2)


def test_a_miss_is_compared_as_a_dice_of_nothing():
    seen, missed = _evaluation([_case(1, 0.5)]), _evaluation([_case(1, 0.0, predicted_px=0)])
    assert summary.compare(missed, seen).by_slice.difference == pytest.approx(-0.5)
    assert summary.compare(seen, missed).by_slice.difference == pytest.approx(0.5)
    assert summary.compare(missed, missed).by_slice.difference == 0


def test_every_mean_has_the_interval_of_its_patients():
    cases = [_case(i, 0.2 + i / 10, "ab"[i % 2], precision=None if i == 3 else 0.5 + i / 10)
             for i in range(4)]  # fmt: skip
    found = summary.summarise(cases)
    # two patients, drawn twice: the mean is that of a, of b, or of both
    a, b = (0.2 + 0.4) / 2, (0.3 + 0.5) / 2
    assert (found["dice_low"], found["dice_high"]) == pytest.approx((a, b))
    assert (found["dice_patients_low"], found["dice_patients_high"]) == pytest.approx((a, b))
    # precision: a has 0.5 and 0.7, b only 0.6, so every draw has the mean 0.6
    assert found["precision"] == pytest.approx(0.6)
    assert found["precision_low"] is found["precision_high"] is None
    assert found["precision_undefined"] == 1


def test_where_no_draw_differs_there_is_no_interval():
    cases = [_case(i, 0.5, str(i)) for i in range(5)]
    cases += [_case(9, None, "9", truth_px=0, predicted_px=4), _case(8, None, "8", truth_px=0)]
    found = summary.summarise(cases)
    for name in ("dice", "dice_patients", "misses", "false_alarms"):
        assert found[f"{name}_low"] is found[f"{name}_high"] is None
    assert (found["misses"], found["false_alarms"]) == (0, 1)
    mixed = summary.summarise([*cases, _case(7, None, "7", truth_px=0, predicted_px=0)])
    assert mixed["false_alarms_low"] < mixed["false_alarms"] < mixed["false_alarms_high"]


def test_groups_come_as_they_appear_and_leave_out_who_has_none():
    planes = {1: "axial", 2: "coronal", 4: "axial"}
    cases = [_case(i, i / 10) for i in range(1, 5)]
    found = summary.by_group(cases, lambda case: planes.get(case.number))
    assert list(found) == ["axial", "coronal"]
    assert found["axial"]["dice"] == pytest.approx(0.25)
    assert found["coronal"]["slices"] == 1


def test_patients_come_lowest_dice_first_and_those_without_tumour_last():
    cases = [_case(1, 0.9, "a"), _case(2, 0.2, "b"), _case(3, None, "c", truth_px=0)]
    cases.append(_case(4, 0.1, None))
    assert list(summary.by_patient(cases)) == ["b", "a", "c"]


def test_pooled_threshold_counts_add_up():
    swept = ThresholdCounts(
        levels=(0.5,), tumour_slices=1, tumour_free_slices=1, dice=(0.5,), misses=(0,),
        false_alarms=(1,),
    )  # fmt: skip
    one = summary.evaluation(
        [_case(1, 0.5)], None, swept, model="m", data="d", threshold=0.5, orientation="file"
    )
    pooled = summary.pool([one, one])
    assert pooled.thresholds.dice == (1.0,)
    assert pooled.thresholds.false_alarms == (2,)
    assert Evaluation.from_dict(asdict(pooled)) == pooled
    assert summary.pool([one, _evaluation([_case(2, 1.0)])]).thresholds is None
