"""UNet: plain convolution units in the shared skeleton."""

from __future__ import annotations

import keras

from brainseg.models.blocks import encoder_decoder, plain_unit


def unet(*, size: int, base: int, depth: int, bn_momentum: float) -> keras.Model:
    """Build the network; see :func:`brainseg.models.build` for the arguments."""
    return encoder_decoder(
        plain_unit, name="unet", size=size, base=base, depth=depth, bn_momentum=bn_momentum
    )
