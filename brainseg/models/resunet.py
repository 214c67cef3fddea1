"""ResUNet: residual units in the shared skeleton."""

from __future__ import annotations

import keras

from brainseg.models.blocks import encoder_decoder, residual_unit
from brainseg.models.normalisation import Norm


def resunet(*, size: int, base: int, depth: int, norm: Norm, channels: int) -> keras.Model:
    """Build the network; see :func:`brainseg.models.build` for the arguments."""
    return encoder_decoder(
        residual_unit,
        name="resunet",
        size=size,
        base=base,
        depth=depth,
        norm=norm,
        channels=channels,
    )
