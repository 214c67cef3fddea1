from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from sklearn.calibration import calibration_curve

from brainseg import calibration


@pytest.fixture
def slice_() -> tuple[np.ndarray, np.ndarray]:
    """A disc, and the probability of a network that is surer than it should be."""
    rows, columns = np.mgrid[:128, :128]
    away = np.hypot(rows - 60.3, columns - 70.1) - 20  # nowhere on the border of a bin
    noise = np.random.default_rng(0).normal(size=away.shape)
    truth = away + 3 * noise < 0
    return (1 / (1 + np.exp(away))).astype(np.float32), truth


def test_the_band_is_the_dilated_tumour(slice_):
    _, truth = slice_
    near = ndimage.distance_transform_edt(~truth) <= 128 / 32
    assert np.array_equal(calibration.band(truth), near)


def test_the_curve_agrees_with_scikit_learn(slice_):
    probability, truth = slice_
    near = calibration.band(truth)
    share, mean = calibration_curve(truth[near], probability[near], n_bins=10)
    found = calibration.curve(calibration.count(probability, truth))
    np.testing.assert_allclose([p for p, _, _ in found], mean, atol=1e-6)
    np.testing.assert_allclose([s for _, s, _ in found], share, atol=1e-6)
    assert sum(n for _, _, n in found) == near.sum()


def test_the_error_is_the_pixel_weighted_gap(slice_):
    probability, truth = slice_
    near = calibration.band(truth)
    place = np.minimum(np.floor(probability * 10), 9)
    gaps = [
        abs(probability[chosen].mean() - truth[chosen].mean()) * chosen.sum()
        for chosen in (near & (place == i) for i in range(10))
        if chosen.any()
    ]
    found = calibration.ece(calibration.count(probability, truth))
    assert found == pytest.approx(sum(gaps) / near.sum(), abs=1e-6)
    assert found > 0.02


def test_by_hand_a_network_that_always_says_half():
    truth = np.zeros((64, 64), bool)
    truth[30:34, 30:34] = True  # 16 px; the band is 2 px wide: 4 * 8 beside it, 1 at each corner
    counts = calibration.count(np.full(truth.shape, 0.5, np.float32), truth)
    assert sum(counts.pixels) == 16 + 4 * 8 + 4
    assert counts.tumour[5] == 16
    assert calibration.ece(counts) == pytest.approx(abs(0.5 - 16 / 52))


def test_the_truth_itself_is_perfectly_calibrated(slice_):
    _, truth = slice_
    assert calibration.ece(calibration.count(truth.astype(np.float32), truth)) == 0


def test_slices_add_up_and_far_background_counts_nothing(slice_):
    probability, truth = slice_
    one = calibration.count(probability, truth)
    both = calibration.add([one, one])
    assert sum(both.pixels) == 2 * sum(one.pixels) < 2 * truth.size
    assert calibration.ece(both) == pytest.approx(calibration.ece(one))
    assert calibration.add([one]) == one


def test_without_a_tumour_there_is_no_band_and_no_error(slice_):
    probability, _ = slice_
    counts = calibration.count(probability, np.zeros(probability.shape, bool))
    assert sum(counts.pixels) == 0
    assert calibration.ece(counts) is None
    assert calibration.ece(calibration.add([])) is None
    assert calibration.curve(counts) == []
