"""What the table of options counts, against plain arithmetic and a second library."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks import options


def test_the_ranking_of_many_slices_is_the_area_under_the_roc_curve_of_all_their_pixels():
    random = np.random.default_rng(0)
    ranking, values, wrong = options.Ranking(), [], []
    for _ in range(3):
        wrong.append(random.random((40, 30)) < 0.2)
        values.append(np.clip(random.normal(0.4 + 0.2 * wrong[-1], 0.2), 0, 1))
        ranking.add(values[-1].ravel(), wrong[-1].ravel())
    expected = roc_auc_score(np.ravel(wrong), np.ravel(values))
    assert ranking.auroc() == pytest.approx(expected, abs=1e-3)


def test_a_tally_keeps_dice_of_tumours_and_alarms_of_the_others():
    tally = options.Tally()
    truth = np.zeros((50, 50), np.bool_)
    truth[10:20, 10:20] = True
    tally.add(np.where(truth, 0.9, 0.3).astype(np.float32), truth)
    tally.add(np.full(truth.shape, 0.3, np.float32), ~np.ones_like(truth))
    assert tally.at(0.5) == (1.0, 0.0, 0.0)
    dice, misses, alarms = tally.at(0.3)
    assert (dice, misses, alarms) == (pytest.approx(200 / 2600), 0.0, 1.0)
    assert tally.without(0.001) == (1.0, 0.0, 0.0)


def test_the_band_reaches_a_share_of_the_side_around_truth_and_prediction():
    mask, truth = np.zeros((100, 100), np.bool_), np.zeros((100, 100), np.bool_)
    mask[50, 20], truth[50, 80] = True, True
    band = options.near(mask, truth)
    assert band[50, 16]
    assert band[54, 80]
    assert not band[50, 15]
    assert not band[50, 50]
