from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from brainseg.networks import NetworkConfig
from brainseg.refine import Refined, without_specks
from brainseg.types import Prediction, Scan


@pytest.fixture
def mask() -> np.ndarray:
    found = np.zeros((20, 50), bool)  # 1000 pixels
    found[2:12, 2:12] = True  # 100
    found[15:17, 30:35] = True  # 10
    found[17, 35] = True  # touches it at a corner
    found[0, 49] = True  # 1
    return found


def test_only_parts_below_the_share_are_dropped(mask: np.ndarray) -> None:
    assert np.array_equal(without_specks(mask, 0), mask)
    assert without_specks(mask, 0.0011).sum() == 111  # the single pixel goes
    assert without_specks(mask, 0.011).sum() == 111  # 11 of 1000: exactly at the share, kept
    assert without_specks(mask, 0.0111).sum() == 100
    assert not without_specks(mask, 0.2).any()


@pytest.mark.parametrize("full", [False, True])
def test_an_empty_and_a_full_mask_stay_what_they_are(full: bool) -> None:
    whole = np.full((6, 7), full)
    found = without_specks(whole, 0.5)
    assert found.dtype == bool
    assert np.array_equal(found, whole)


def test_it_agrees_with_scipy_on_random_masks() -> None:
    for seed in range(20):
        mask = np.random.default_rng(seed).random((40, 30)) < 0.4
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        sizes = ndimage.sum_labels(mask, labels, range(1, count + 1))
        expected = np.isin(labels, 1 + np.flatnonzero(sizes >= 0.01 * mask.size))
        assert np.array_equal(without_specks(mask, 0.01), expected)


def test_it_never_adds_and_twice_is_once(mask: np.ndarray) -> None:
    once = without_specks(mask, 0.05)
    assert not (once & ~mask).any()
    assert np.array_equal(without_specks(once, 0.05), once)


def test_a_share_out_of_range_is_refused(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="share from 0 to 1"):
        without_specks(mask, 3)


class Painter:
    """Answers every scan with its own pixels; remembers how it was asked."""

    config = NetworkConfig(name="painter", architecture="unet", size=32, base=1, depth=1)
    name = "painter"

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def predict(self, scan: Scan, *, symmetries: bool = False) -> Prediction:
        self.asked.append(symmetries)
        return Prediction(probability=scan.pixels, spacing_mm=None, model=self.name, seconds=0.1)

    def predict_many(self, scans: list[Scan]) -> list[Prediction]:
        return [self.predict(scan) for scan in scans]


def test_a_refined_network_is_used_like_the_network(mask: np.ndarray) -> None:
    painter = Painter()
    scan = Scan(pixels=mask.astype(np.float32) * 0.9)
    refined = Refined(painter, smallest=0.05)
    assert refined.name == "painter"
    assert refined.config.threshold == 0.5
    assert refined.predict(scan).area_px() == 100
    assert [found.area_px(0.01) for found in refined.predict_many([scan, scan])] == [100, 100]
    assert painter.asked == [False] * 3


def test_what_lies_below_the_threshold_is_left_alone(mask: np.ndarray) -> None:
    pixels = np.where(mask, 0.9, 0.3).astype(np.float32)
    found = Refined(Painter(), smallest=0.05).predict(Scan(pixels=pixels)).probability
    assert found[5, 25] == np.float32(0.3)
    assert found[0, 49] == 0
    assert found[5, 5] == np.float32(0.9)


def test_averaging_is_passed_on(mask: np.ndarray) -> None:
    painter = Painter()
    refined = Refined(painter, symmetries=True)
    refined.predict(Scan(pixels=mask.astype(np.float32)))
    refined.predict_many([Scan(pixels=mask.astype(np.float32))])
    assert painter.asked == [True, True]


def test_a_threshold_tuned_without_averaging_is_not_used_with_it() -> None:
    painter = Painter()
    painter.config = replace(Painter.config, threshold=0.35)
    assert Refined(painter).config.threshold == 0.35
    averaged = Refined(painter, symmetries=True)
    assert (averaged.config.threshold, averaged.config.size) == (0.5, 32)
