from __future__ import annotations

import math

import numpy as np
import pytest

from brainseg import metrics
from brainseg.types import Confusion

SCORES = (
    metrics.dice,
    metrics.iou,
    metrics.precision,
    metrics.sensitivity,
    metrics.specificity,
    metrics.accuracy,
    metrics.background_accuracy,
)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((20, 30)) < 0.3, rng.random((20, 30)) < 0.4


def test_the_document_s_2_by_2_example_by_hand() -> None:
    truth = np.array([[1, 0], [1, 0]], bool)
    predicted = np.array([[1, 1], [0, 0]], bool)
    count = metrics.confusion(predicted, truth)
    assert count == Confusion(tp=1, fp=1, fn=1, tn=1)
    assert metrics.dice(count) == 0.5
    assert metrics.iou(count) == pytest.approx(1 / 3)
    assert metrics.accuracy(count) == 0.5


def test_each_score_by_hand() -> None:
    count = Confusion(tp=6, fp=2, fn=4, tn=88)
    assert metrics.dice(count) == pytest.approx(12 / 18)
    assert metrics.iou(count) == pytest.approx(6 / 12)
    assert metrics.precision(count) == pytest.approx(6 / 8)
    assert metrics.sensitivity(count) == pytest.approx(6 / 10)
    assert metrics.specificity(count) == pytest.approx(88 / 90)
    assert metrics.accuracy(count) == pytest.approx(94 / 100)
    assert metrics.background_accuracy(count) == pytest.approx(90 / 100)


def test_the_four_counts_are_all_the_pixels(pair: tuple[np.ndarray, np.ndarray]) -> None:
    count = metrics.confusion(*pair)
    assert count.tp + count.fp + count.fn + count.tn == 600
    assert count.tp == sum(p and t for p, t in zip(*(a.ravel() for a in pair), strict=True))


def test_dice_and_iou_do_not_care_which_mask_is_the_truth(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    one, other = metrics.confusion(*pair), metrics.confusion(*pair[::-1])
    assert metrics.dice(one) == metrics.dice(other)
    assert metrics.iou(one) == metrics.iou(other)
    assert metrics.precision(one) == metrics.sensitivity(other)


def test_dice_is_the_harmonic_mean_and_follows_iou(pair: tuple[np.ndarray, np.ndarray]) -> None:
    count = metrics.confusion(*pair)
    p, s, j = metrics.precision(count), metrics.sensitivity(count), metrics.iou(count)
    assert metrics.dice(count) == pytest.approx(2 * p * s / (p + s))
    assert metrics.dice(count) == pytest.approx(2 * j / (1 + j))


def test_a_perfect_mask_scores_one(pair: tuple[np.ndarray, np.ndarray]) -> None:
    count = metrics.confusion(pair[0], pair[0])
    assert all(score(count) == 1 for score in SCORES[:-1])


def test_an_empty_mask_on_a_tumour_scores_zero_and_has_no_precision() -> None:
    truth = np.zeros((10, 10), bool)
    truth[2:4, 2:4] = True
    count = metrics.confusion(np.zeros_like(truth), truth)
    assert metrics.dice(count) == metrics.iou(count) == metrics.sensitivity(count) == 0
    assert math.isnan(metrics.precision(count))
    assert metrics.accuracy(count) == metrics.background_accuracy(count) == 0.96


def test_an_empty_mask_on_no_tumour_is_undefined_and_not_one() -> None:
    empty = np.zeros((10, 10), bool)
    count = metrics.confusion(empty, empty)
    for score in (metrics.dice, metrics.iou, metrics.precision, metrics.sensitivity):
        assert math.isnan(score(count))
    assert metrics.specificity(count) == metrics.accuracy(count) == 1


def test_all_tumour_has_no_specificity() -> None:
    full = np.ones((4, 4), bool)
    assert math.isnan(metrics.specificity(metrics.confusion(full, full)))


def test_no_pixels_at_all_are_undefined_everywhere() -> None:
    nothing = np.zeros((0, 0), bool)
    count = metrics.confusion(nothing, nothing)
    assert all(math.isnan(score(count)) for score in SCORES)


def test_masks_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        metrics.confusion(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
