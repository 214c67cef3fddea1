from __future__ import annotations

import keras
import numpy as np
import pytest

from brainseg.models.normalisation import normalisation


@pytest.fixture
def layers() -> tuple[keras.layers.Layer, keras.layers.Layer]:
    ours = normalisation("batch", 0.9)(3, "ours")
    keras_own = keras.layers.BatchNormalization(momentum=0.9)
    for layer in (ours, keras_own):
        layer.build((None, 5, 6, 3))
    return ours, keras_own


def test_training_and_inference_equal_the_batch_norm_of_keras(layers):
    inputs = np.random.default_rng(0).normal(3.0, 2.0, (4, 5, 6, 3)).astype(np.float32)
    for training in (True, True, False):
        outputs = [np.asarray(layer(inputs, training=training)) for layer in layers]
        np.testing.assert_allclose(*outputs, atol=2e-5)
    ours, keras_own = ([np.asarray(v) for v in layer.variables] for layer in layers)
    for mine, theirs in zip(ours, keras_own, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)


def test_a_frozen_layer_keeps_its_statistics(layers):
    ours, _ = layers
    ours.trainable = False
    ours(np.full((2, 5, 6, 3), 7.0, np.float32), training=True)
    np.testing.assert_array_equal(np.asarray(ours.moving_mean), 0.0)


@pytest.mark.parametrize("features", [2, 8, 12])
def test_group_norm_does_not_look_at_the_other_slices_of_the_batch(features: int):
    layer = normalisation("group", 0.9)(features, "unit")
    batch = np.random.default_rng(0).normal(size=(3, 4, 4, features)).astype(np.float32)
    alone = np.asarray(layer(batch[:1]))
    np.testing.assert_allclose(np.asarray(layer(batch, training=True))[:1], alone, atol=1e-5)
