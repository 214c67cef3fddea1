from __future__ import annotations

from collections.abc import Callable

import pytest

from brainseg import summary, thresholds
from brainseg.types import CalibrationCounts, CaseScore, Evaluation, ThresholdCounts

COUNTS = CalibrationCounts(
    pixels=(10, 0, 0, 0, 0, 0, 0, 0, 0, 30), probability=(0.5, *(0.0,) * 8, 28.5),
    tumour=(1, *(0,) * 8, 24),
)  # fmt: skip
SWEPT = ThresholdCounts(
    levels=(0.25, 0.5, 0.75), tumour_slices=4, tumour_free_slices=2, dice=(1.0, 2.0, 1.0),
    misses=(0, 1, 2), false_alarms=(2, 1, 0),
)  # fmt: skip


def score(number: int, dice: float | None, **values) -> CaseScore:
    """A slice of 1000 pixels; without a Dice it is tumour-free."""
    ill = dice is not None
    plain = {
        "number": number, "tumour": "glioma" if ill else "none", "patient": f"p{number % 3}",
        "truth_px": 100 if ill else 0, "predicted_px": 90 if dice else 0, "dice": dice,
        "iou": dice, "precision": dice or None, "sensitivity": dice, "specificity": 1.0,
        "accuracy": 0.99, "background_accuracy": 0.9 if ill else 1.0,
    }  # fmt: skip
    return CaseScore(**plain | values)


@pytest.fixture
def make_score() -> Callable[..., CaseScore]:
    return score


@pytest.fixture
def make() -> Callable[..., Evaluation]:
    """Return what makes an evaluation: four slices with a tumour, one clean, one false alarm."""

    def evaluation(model: str = "UNet", shift: float = 0.0, **values) -> Evaluation:
        cases = [score(n, dice + shift) for n, dice in ((1, 0.2), (2, 0.4), (3, 0.8), (4, 0.6))]
        cases[0] = score(1, 0.0, tumour="meningioma", predicted_px=0)
        cases += [score(5, None), score(6, None, predicted_px=7)]
        assert thresholds.curve(SWEPT).dice == (0.25, 0.5, 0.25)
        return summary.evaluation(
            values.pop("cases", cases), COUNTS, SWEPT, model=model, data="made", threshold=0.5,
            orientation="file",
        )  # fmt: skip

    return evaluation
