from __future__ import annotations

import keras
import numpy as np
import pytest

from brainseg.losses import MeanDice, accuracy, dice_cross_entropy_loss
from brainseg.models import build
from brainseg.models.supervision import at_every_level, with_heads


@pytest.mark.parametrize("name", ["unet", "resunet"])
def test_channel_0_is_the_answer_of_the_network_itself(name: str):
    model = build(name, size=16, base=2, depth=3)
    scans = np.random.default_rng(0).random((2, 16, 16, 1), np.float32)
    logits = np.asarray(with_heads(model, 3)(scans))
    assert logits.shape == (2, 16, 16, 3)
    np.testing.assert_allclose(logits[..., :1], np.asarray(model(scans)), atol=1e-6)
    np.testing.assert_array_equal(logits[:, ::4, ::4, 2], logits[:, 3::4, 3::4, 2])


def test_every_level_weighs_half_of_the_one_above():
    random = np.random.default_rng(0)
    truth = (random.random((3, 8, 8, 1)) > 0.7).astype(np.float32)
    logits = random.normal(size=(3, 8, 8, 2)).astype(np.float32)
    parts = [np.asarray(dice_cross_entropy_loss(truth, logits[..., k : k + 1])) for k in (0, 1)]
    found = np.asarray(at_every_level(dice_cross_entropy_loss)(truth, logits))
    np.testing.assert_allclose(found, (2 * parts[0] + parts[1]) / 3, rtol=1e-6)


def test_metrics_look_at_the_answer_alone():
    truth = np.zeros((1, 4, 4, 1), np.float32)
    truth[0, :2] = 1
    right, wrong = (2 * truth - 1), (1 - 2 * truth)
    logits = np.concatenate([right, wrong], axis=-1)
    dice = MeanDice()
    dice.update_state(keras.ops.convert_to_tensor(truth), keras.ops.convert_to_tensor(logits))
    assert float(dice.result()) == 1.0
    assert np.asarray(accuracy(truth, keras.ops.convert_to_tensor(logits))) == pytest.approx([1.0])
