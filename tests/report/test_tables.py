"""Tables of evaluations, every number worked by hand."""

from __future__ import annotations

import pytest

from brainseg import summary
from brainseg.report import tables

PLANES = {1: "axial", 2: "axial", 3: "coronal"}


def test_a_score_has_its_interval_and_the_count_of_what_is_undefined():
    values = {"iou": 0.5, "iou_low": 0.25, "iou_high": 0.75, "iou_undefined": 3}
    assert tables.cell("iou", values) == "0.500 (0.250 to 0.750) · 3 undefined"
    assert tables.cell("misses", {"misses": 0.25}) == "25.0%"
    assert tables.cell("hausdorff95_px", {"hausdorff95_px": 12.34}) == "12.3"
    assert tables.cell("patients", {"patients": 1234}) == "1,234"
    assert tables.cell("dice", {"dice": None}) == tables.cell("dice", {}) == tables.DASH


def test_the_table_of_scores_by_hand(make):
    rows = {row["Score"]: row["UNet"] for row in tables.scores([make()])}
    assert rows["Mean Dice per slice"].startswith("0.450 (")  # (0 + 0.4 + 0.8 + 0.6) / 4
    assert rows["Median Dice per slice"] == "0.500"
    # patients p1 (0, 0.6), p2 (0.4), p0 (0.8)
    assert rows["Mean Dice per patient"].startswith("0.500 (")
    assert rows["Precision"].startswith("0.600 (")  # (0.4 + 0.8 + 0.6) / 3
    assert rows["Precision"].endswith("1 undefined")
    assert rows["Tumours missed altogether"].startswith("25.0% (")
    assert rows["Tumour-free slices with a tumour painted on"].startswith("50.0% (")
    # bins: mean 0.05 against 1/10, mean 0.95 against 24/30; (10 * 0.05 + 30 * 0.15) / 40
    assert rows["Calibration error near the tumours"] == "0.125"
    assert not [label for label in rows if label.endswith("mm")]


def test_groups_by_kind_plane_and_size(make):
    found = make()
    kinds = tables.groups(tables.grouped([found], "kind"), "Kind")
    assert [(row["Kind"], row["Slices"]) for row in kinds] == [
        ("meningioma", "1"), ("glioma", "3"), ("no tumour", "2"),
    ]  # fmt: skip
    assert kinds[0]["Missed"] == "100.0%"
    assert kinds[2]["Mean Dice"] == tables.DASH
    assert kinds[2]["False alarms"].startswith("50.0%")
    planes = tables.grouped([found], "plane", PLANES)["UNet"]
    assert {plane: part["slices"] for plane, part in planes.items()} == {"axial": 2, "coronal": 1}
    assert planes["axial"]["dice"] == pytest.approx(0.2)
    assert tables.grouped([found], "plane")["UNet"] == {}
    sizes = tables.groups(tables.grouped([found], "size"), "Size")
    assert len(sizes) == 4
    assert sizes[0]["Size"] == "smallest quarter (10.00% to 10.00% of the slice)"


def test_patients_count_their_misses_and_false_alarms(make):
    rows = {row["Patient"]: row for row in tables.patients(tables.grouped([make()], "patient"))}
    assert list(rows) == ["p1", "p2", "p0"]  # the lowest mean Dice first
    assert rows["p1"]["Dice, UNet"] == pytest.approx(0.3)
    assert rows["p1"]["Missed, UNet"] == 1
    assert rows["p1"]["False alarms, UNet"] is None  # it has no tumour-free slice
    assert rows["p0"]["False alarms, UNet"] == 1


def test_paired_tests_by_hand(make, make_score):
    first = make(cases=[make_score(1, 0.9), make_score(2, 0.5), make_score(4, 0.3)])
    second = make(cases=[make_score(1, 0.5), make_score(2, 0.5), make_score(4, 0.4)])
    found = summary.compare(first, second)
    slices, patients = tables.comparison(found, ("A", "B"))
    assert slices["Pairs"] == "3 slices"
    assert slices["Mean difference, A less B"].startswith("+0.100 (")
    assert [slices[name] for name in ("A better", "B better", "Equal")] == ["1", "1", "1"]
    # p1 has the slices 1 and 4: +0.15; p2 has slice 2: 0
    assert patients["Pairs"] == "2 patients"
    assert patients["Mean difference, A less B"] == "+0.075"
    assert [patients[name] for name in ("A better", "B better", "Equal")] == ["1", "0", "1"]
    same = summary.compare(first, first)
    assert tables.comparison(same, ("A", "A again"))[0]["p, Wilcoxon"] == tables.DASH


def test_the_spread_over_orientations_is_the_best_less_the_worst(make):
    found = {"upright": [make()], "mirrored": [make(shift=0.1)]}
    rows = tables.orientations(found)
    assert [row["Orientation"] for row in rows[:2]] == ["upright", "mirrored"]
    assert rows[-1]["UNet"] == "0.075"  # three of four slices are 0.1 better
    free = {"upright": [make(cases=[])], "mirrored": [make(cases=[])]}
    assert tables.orientations(free)[-1]["UNet"] == tables.DASH
