"""The encoder-decoder skeleton that UNet and ResUNet share, and the two units that tell them apart.

Ronneberger et al. 2015 (arXiv:1505.04597) for the skeleton, with 2x2 transposed convolutions;
He et al. 2016 (arXiv:1512.03385) for the residual unit.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import KerasTensor, layers

from brainseg.models.normalisation import Norm

Unit = Callable[[KerasTensor, int, Norm, str], KerasTensor]


def _convolution(
    x: KerasTensor, features: int, norm: Norm, name: str, *, use_bias: bool
) -> KerasTensor:
    x = layers.Conv2D(features, 3, padding="same", use_bias=use_bias, name=f"{name}_conv")(x)
    return norm(features, name)(x)


def plain_unit(x: KerasTensor, features: int, norm: Norm, name: str) -> KerasTensor:
    """Twice: 3x3 convolution, normalisation, ReLU."""
    for i in (1, 2):
        x = _convolution(x, features, norm, f"{name}_{i}", use_bias=False)
        x = layers.ReLU(name=f"{name}_{i}_relu")(x)
    return x


def residual_unit(x: KerasTensor, features: int, norm: Norm, name: str) -> KerasTensor:
    """The plain unit around which a 1x1 shortcut carries the input to the last ReLU.

    Its convolutions carry a bias, as in the reference ResUNet whose parameter counts are tested.
    """
    shortcut = layers.Conv2D(features, 1, name=f"{name}_shortcut_conv")(x)
    shortcut = norm(features, f"{name}_shortcut")(shortcut)
    x = _convolution(x, features, norm, f"{name}_1", use_bias=True)
    x = layers.ReLU(name=f"{name}_1_relu")(x)
    x = _convolution(x, features, norm, f"{name}_2", use_bias=True)
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_2_relu")(x)


def encoder_decoder(
    unit: Unit, *, name: str, size: int, base: int, depth: int, norm: Norm, channels: int
) -> keras.Model:
    """Encoder, bottleneck and decoder made of one ``unit``; (B, size, size, C) to logits.

    The last layer stays in float32 whatever the precision policy, so that the loss is safe in
    half precision.
    """
    x = inputs = keras.Input((size, size, channels), name="scan")
    skips = []
    for level in range(depth):
        x = unit(x, base * 2**level, norm, f"encoder{level + 1}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"encoder{level + 1}_pool")(x)
    x = unit(x, base * 2**depth, norm, "bottleneck")
    for level in reversed(range(depth)):
        features = base * 2**level
        x = layers.Conv2DTranspose(features, 2, strides=2, name=f"decoder{level + 1}_up")(x)
        x = layers.Concatenate(name=f"decoder{level + 1}_concat")([skips[level], x])
        x = unit(x, features, norm, f"decoder{level + 1}")
    logits = layers.Conv2D(1, 1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=name)
