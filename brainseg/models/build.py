"""Name to network. The only function that callers outside this package need."""

from __future__ import annotations

import keras

from brainseg.errors import ConfigError
from brainseg.models.normalisation import normalisation
from brainseg.models.resunet import resunet
from brainseg.models.unet import unet

_BUILDERS = {"unet": unet, "resunet": resunet}
MODEL_NAMES = tuple(_BUILDERS)


def build(
    name: str,
    *,
    size: int,
    base: int,
    depth: int,
    bn_momentum: float = 0.9,
    norm: str = "batch",
    channels: int = 1,
) -> keras.Model:
    """Build an untrained network that maps (B, size, size, C) scans to (B, size, size, 1) logits.

    Args:
        name: ``"unet"`` or ``"resunet"``.
        size: side of the square input in pixels; a multiple of ``2 ** depth``.
        base: features of the first level; each level below doubles them.
        depth: number of 2x2 poolings.
        bn_momentum: momentum of the batch-norm statistics.
        norm: ``"batch"`` or ``"group"``.
        channels: C: 1 for the scan alone, one more for every saliency map beside it.

    Raises:
        ConfigError: the name is unknown or the size does not divide.
    """
    if name not in _BUILDERS:
        raise ConfigError(f"no network is called {name!r}; choose one of {', '.join(MODEL_NAMES)}")
    step = 2**depth
    if size % step:
        nearest = max(step, round(size / step) * step)
        raise ConfigError(
            f"an input side of {size} px cannot be halved {depth} times: use a multiple of {step}, "
            f"for instance {nearest}"
        )
    layer = normalisation(norm, bn_momentum)
    return _BUILDERS[name](size=size, base=base, depth=depth, norm=layer, channels=channels)
