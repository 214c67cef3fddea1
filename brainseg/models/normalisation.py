"""Batch normalisation in one pass over memory where the backend has such an operation.

Keras composes batch norm of a dozen element-wise operations; on a processor they take a third of a
training step. TensorFlow's fused operation computes the same (Ioffe and Szegedy 2015,
arXiv:1502.03167); this module is the one place that knows it.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, layers


@keras.saving.register_keras_serializable(package="brainseg")
class FusedBatchNormalization(layers.BatchNormalization):
    """Keras batch norm over the last axis of (B, H, W, C), fused in training on TensorFlow."""

    def call(
        self, inputs: KerasTensor, training: bool | None = None, mask: KerasTensor | None = None
    ) -> KerasTensor:
        """Normalise by the batch in training, by the moving statistics otherwise."""
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32),
            offset=tf.cast(self.beta, tf.float32),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        pixels = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
        variance *= (pixels - 1) / pixels  # the operation returns it with Bessel's correction
        for moving, of_batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + of_batch * (1 - self.momentum))
        return outputs


def batch_norm(momentum: float, name: str) -> Any:
    """Return a batch normalisation layer for (B, H, W, C), the fast one where there is one."""
    fused = keras.backend.backend() == "tensorflow"
    kind = FusedBatchNormalization if fused else layers.BatchNormalization
    return kind(momentum=momentum, name=name)
