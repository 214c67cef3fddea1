"""ResUNet: residual units in the shared skeleton."""

from __future__ import annotations

import keras

from brainseg.models.blocks import encoder_decoder, residual_unit


def resunet(*, size: int, base: int, depth: int, bn_momentum: float) -> keras.Model:
    """Build the network; see :func:`brainseg.models.build` for the arguments."""
    return encoder_decoder(
        residual_unit, name="resunet", size=size, base=base, depth=depth, bn_momentum=bn_momentum
    )
