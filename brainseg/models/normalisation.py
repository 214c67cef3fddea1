"""Normalisation layers by name; batch norm in one pass over memory where the backend can.

Keras composes batch norm of a dozen element-wise operations; on a processor they take a third of a
training step. The fused operations of TensorFlow and PyTorch compute the same (Ioffe and Szegedy
2015, arXiv:1502.03167); this module is the one place that knows them. Group norm (Wu and He 2018,
arXiv:1803.08494) does not look at the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import KerasTensor, layers

GROUPS = 8  # at most; each group of features is normalised together
Norm = Callable[[int, str], Any]  # (features, name) to a layer for (B, H, W, features)


@keras.saving.register_keras_serializable(package="brainseg")
class FusedBatchNormalization(layers.BatchNormalization):
    """Keras batch norm over the last axis of (B, H, W, C), fused in training where it can be.

    Mirrored over several devices each normalises by its share of the batch, and the moving
    statistics take the mean of theirs; Keras' own would keep those of the first alone.
    """

    def add_weight(self, *args: Any, **options: Any) -> Any:
        """Add a weight; one that is no gradient's is the mean over the devices."""
        if options.get("trainable") is False:
            options["aggregation"] = "mean"
        return super().add_weight(*args, **options)

    def call(
        self, inputs: KerasTensor, training: bool | None = None, mask: KerasTensor | None = None
    ) -> KerasTensor:
        """Normalise by the batch in training, by the moving statistics otherwise."""
        fused = _FUSED.get(keras.backend.backend())
        if fused is None or not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = fused(inputs, self.gamma, self.beta, self.epsilon)
        for moving, of_batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + of_batch * (1 - self.momentum))
        return outputs


def _with_tensorflow(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    import tensorflow as tf

    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.cast(gamma, tf.float32),
        offset=tf.cast(beta, tf.float32),
        mean=[],
        variance=[],
        epsilon=epsilon,
        is_training=True,
    )
    pixels = tf.cast(tf.size(x) // tf.shape(x)[-1], tf.float32)
    return outputs, mean, variance * (pixels - 1) / pixels  # it comes with Bessel's correction


def _with_torch(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    import torch

    outputs, mean, inverse = torch.native_batch_norm(
        x.movedim(-1, 1), gamma.value, beta.value, None, None, True, 0.0, epsilon
    )
    return outputs.movedim(1, -1), mean.detach(), inverse.detach() ** -2 - epsilon


_FUSED = {"tensorflow": _with_tensorflow, "torch": _with_torch}


def normalisation(norm: str, bn_momentum: float) -> Norm:
    """Return what makes the layers of one network: ``"batch"`` or ``"group"`` norm."""
    return _group if norm == "group" else partial(_batch, bn_momentum)


def _batch(momentum: float, features: int, name: str) -> Any:
    return FusedBatchNormalization(momentum=momentum, name=f"{name}_bn")


def _group(features: int, name: str) -> Any:
    return layers.GroupNormalization(groups=math.gcd(GROUPS, features), name=f"{name}_gn")
