from __future__ import annotations

import numpy as np
import pytest

from brainseg import losses, metrics


def _number(tensor) -> np.ndarray:
    return np.asarray(tensor, dtype=np.float64)


@pytest.fixture
def masks() -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.random((4, 16, 16, 1)) < 0.2).astype(np.float32)


def _logits(mask: np.ndarray) -> np.ndarray:
    return np.where(mask > 0.5, 40.0, -40.0).astype(np.float32)


def test_a_perfect_prediction_costs_nothing(masks: np.ndarray):
    for loss in losses.LOSSES.values():
        assert _number(loss(masks, _logits(masks))).max() < 1e-6


def test_an_empty_prediction_on_an_empty_mask_costs_nothing():
    empty = np.zeros((2, 256, 256, 1), np.float32)
    for loss in losses.LOSSES.values():
        assert _number(loss(empty, _logits(empty))).max() < 1e-6


def test_a_full_prediction_on_an_empty_mask_costs_about_one():
    empty = np.zeros((1, 64, 64, 1), np.float32)
    assert _number(losses.dice_loss(empty, _logits(1 - empty)))[0] > 0.999


def test_soft_dice_of_hard_masks_is_the_counted_dice(masks: np.ndarray):
    other = np.roll(masks, 3, axis=1)
    soft = 1 - _number(losses.dice_loss(masks, _logits(other)))
    for value, truth, predicted in zip(soft, masks, other, strict=True):
        counted = metrics.dice(metrics.confusion(predicted > 0, truth > 0))
        assert value == pytest.approx(counted, abs=0.02)  # one pixel of smoothing


def test_batch_dice_of_one_image_is_its_dice(masks: np.ndarray):
    logits = _logits(np.roll(masks, 1, axis=2))[:1]
    one, batch = losses.dice_loss(masks[:1], logits), losses.batch_dice_loss(masks[:1], logits)
    assert _number(one)[0] == pytest.approx(float(_number(batch)), abs=1e-6)


def test_half_precision_logits_of_a_full_mask_do_not_overflow():
    full = np.ones((1, 256, 256, 1), np.float16)
    for loss in losses.LOSSES.values():
        assert _number(loss(full, full * 30)).max() < 1e-4


def test_cross_entropy_matches_its_formula(masks: np.ndarray):
    logits = np.random.default_rng(1).normal(size=masks.shape).astype(np.float32)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    expected = -(masks * np.log(p) + (1 - masks) * np.log(1 - p)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(_number(losses.LOSSES["ce"](masks, logits)), expected, rtol=1e-5)


def test_mean_dice_leaves_tumour_free_images_out(masks: np.ndarray):
    masks[1] = 0
    metric = losses.MeanDice()
    metric.update_state(masks, _logits(masks))
    assert float(metric.result()) == pytest.approx(1.0)
    metric.update_state(masks, _logits(1 - masks))
    assert float(metric.result()) == pytest.approx(0.5)


def test_accuracy_of_an_all_background_mask_is_the_background_share(masks: np.ndarray):
    found = _number(losses.accuracy(masks, _logits(np.zeros_like(masks))))
    np.testing.assert_allclose(found, 1 - masks.mean(axis=(1, 2, 3)), rtol=1e-6)
