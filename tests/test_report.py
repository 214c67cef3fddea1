from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import report
from brainseg import summary, thresholds
from brainseg.scores import SYMMETRY_NAMES
from brainseg.types import CalibrationCounts, CaseScore, Evaluation

COUNTS = CalibrationCounts(
    pixels=(90, 0, 0, 0, 0, 10, 0, 0, 0, 100),
    probability=(4.5, 0.0, 0.0, 0.0, 0.0, 5.5, 0.0, 0.0, 0.0, 95.0),
    tumour=(9, 0, 0, 0, 0, 5, 0, 0, 0, 90),
)


TRUTH = np.array([[True, True, False, False]])
NONE = np.zeros_like(TRUTH)
ILL = [
    thresholds.count(np.array([row], np.float32), TRUTH)
    for row in ([0.85, 0.15, 0, 0], [0.35, 0, 0.45, 0])
]
WELL = [thresholds.count(np.array([[level, 0, 0, 0]], np.float32), NONE) for level in (0.0, 0.25)]


def _evaluation(shift: float, orientation: str = "file") -> Evaluation:
    """Eight slices of four patients, Dice from 0 upwards."""
    kinds = ("meningioma", "glioma", "pituitary", "glioma")
    cases = [
        CaseScore(
            number=i, tumour=kinds[i % 4], patient=f"p{i % 4}", truth_px=10 * (i + 1),
            predicted_px=9 if i else 0, dice=i / 10 + shift if i else 0.0, iou=0.5,
            precision=0.8 if i else None, sensitivity=0.7, specificity=1.0, accuracy=0.99,
            background_accuracy=1 - 0.01 * (i + 1), hausdorff95_px=4.0 if i else None,
            surface_distance_px=1.25 if i else None, pixel_mm=0.98,
        )
        for i in range(8)
    ]  # fmt: skip
    return summary.evaluation(
        cases, COUNTS, model="n", data="d", threshold=0.3, orientation=orientation
    )


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Evaluation]]:
    def parts(shift: float) -> dict[str, Evaluation]:
        turned = {shape: _evaluation(shift + i / 100) for i, shape in enumerate(SYMMETRY_NAMES)}
        stored = replace(_evaluation(shift), thresholds=thresholds.add(ILL))
        well = replace(stored, thresholds=thresholds.add(WELL))
        return {"as stored": stored, "tumour-free": well, "demo": stored, **turned}

    return {"unet": parts(0.0), "resunet": parts(0.05)}


def _row(lines: list[str], start: str) -> list[str]:
    found = next(line for line in lines if line.startswith(f"| {start}"))
    return [cell.strip() for cell in found.strip("| ").split(" | ")]


@pytest.mark.parametrize("make", report.TABLES[:-1], ids=lambda make: make.__name__)
def test_every_table_is_whole(found, make):
    *lines, last = make(found)
    assert last == ""
    assert len({line.count("|") for line in lines}) == 1
    assert "None" not in "".join(lines)
    assert "nan" not in "".join(lines)


def test_the_headline_counts_what_is_undefined_and_shows_both_units(found):
    lines = report.headline(found)
    assert _row(lines, "**Dice per image, mean**")[1:] == ["0.350", "0.394"]
    assert _row(lines, "Precision")[1] == "0.800 (1 undefined)"
    assert _row(lines, "95 % Hausdorff distance, mm")[1] == "3.9 (1 undefined)"
    assert _row(lines, "Threshold")[1:] == ["0.3", "0.3"]


def test_the_groups_are_kinds_and_size_quarters(found):
    lines = report.groups(found)
    assert _row(lines, "Glioma")[1] == "4"
    assert _row(lines, "Smallest quarter")[0] == "Smallest quarter (1.00% to 2.00% of the slice)"


def test_the_symmetries_end_with_worst_less_best(found):
    lines = report.symmetries(found)
    assert len(lines) == 2 + 8 + 1 + 1
    assert _row(lines, "**worst")[1:] == ["-0.061", "+0.000", "-0.061", "+0.000"]


def test_every_threshold_has_its_misses_and_its_false_alarms(found):
    lines = report.operating(found)
    assert _row(lines, "0.1 ")[1:4] == ["0.750", "0.000", "0.500"]  # Dice 1 and 1/2
    assert _row(lines, "0.3 ")[1:4] == ["0.583", "0.000", "0.000"]  # 2/3 and 1/2
    assert _row(lines, "0.4 ")[1:4] == ["0.333", "0.500", "0.000"]  # 2/3 and 0
    assert _row(lines, "0.95")[1:4] == ["0.000", "1.000", "0.000"]


def test_the_reliability_of_an_empty_bin_is_a_dash(found):
    lines = report.reliability(found)
    assert _row(lines, "0.0 to 0.1")[1] == "0.100"
    assert _row(lines, "0.1 to 0.2")[1] == "-"
    assert _row(lines, "0.9 to 1.0")[1] == "0.900"


def test_the_two_networks_are_compared(found):
    (sentence,) = report.difference(found)
    assert "mean difference in Dice -0.044" in sentence
    assert "by patient" in sentence


def test_every_bar_is_told_with_what_was_reached(found):
    lines = report.bars(found)
    assert _row(lines, "Dice per image")[1:] == ["0.350, **not met**", "0.394, **not met**"]
    assert _row(lines, "misses")[1] == "0.125, **not met**"
    assert _row(lines, "worst symmetry")[1] == "0.061, **not met**"
    assert _row(lines, "ResUNet at most")[1:] == ["-", "-0.044, met"]
