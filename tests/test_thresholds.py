"""Dice, misses and false alarms at every threshold, by hand and against masks."""

from __future__ import annotations

import numpy as np
import pytest

from brainseg import metrics, thresholds
from brainseg.thresholds import LEVELS


def test_the_counts_are_those_of_a_mask_at_each_threshold() -> None:
    random = np.random.default_rng(0)
    probability = random.random((30, 20), dtype=np.float32)
    probability[0, :5] = LEVELS[:5]  # exactly on a threshold counts as reached
    truth = random.random((30, 20)) < 0.3
    predicted, right = thresholds.counts_by_threshold(probability, truth)
    for place, level in enumerate(LEVELS):
        mask = probability >= np.float32(level)
        count = metrics.confusion(mask, truth)
        assert (predicted[place], right[place]) == (count.tp + count.fp, count.tp)


# Four pixels with probabilities 0.9, 0.6, 0.4, 0.1; the tumour is the first and the third.
ROW = np.array([[0.9, 0.6, 0.4, 0.1]], dtype=np.float32)
TUMOUR = np.array([[True, False, True, False]])
BARS = (0.05, 0.5, 0.95)


def test_one_slice_by_hand() -> None:
    found = thresholds.count(ROW, TUMOUR, BARS)
    assert found.dice == pytest.approx((4 / 6, 2 / 4, 0.0))
    assert found.misses == (0, 0, 1)
    assert (found.tumour_slices, found.tumour_free_slices) == (1, 0)
    free = thresholds.count(ROW, np.zeros_like(TUMOUR), BARS)
    assert free.false_alarms == (1, 1, 0)
    assert free.misses == (0, 0, 0)
    assert free.dice == (0.0, 0.0, 0.0)


def test_the_curve_is_means_over_slices_that_define_them() -> None:
    parts = [thresholds.count(ROW, TUMOUR, BARS), thresholds.count(ROW, ~TUMOUR, BARS)]
    parts += [thresholds.count(ROW, np.zeros_like(TUMOUR), BARS)]
    found = thresholds.curve(thresholds.add(parts))
    assert found.dice == pytest.approx((4 / 6, 0.5, 0.0))
    assert found.misses == (0.0, 0.0, 1.0)
    assert found.false_alarms == (1.0, 1.0, 0.0)
    only_free = thresholds.curve(parts[2])
    assert only_free.dice is only_free.misses is None
    assert thresholds.curve(parts[0]).false_alarms is None


def test_counts_of_other_thresholds_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="same thresholds"):
        thresholds.add([thresholds.count(ROW, TUMOUR, BARS), thresholds.count(ROW, TUMOUR)])
    with pytest.raises(ValueError, match="must be one"):
        thresholds.add([])
