"""Deep supervision: losses at the lower decoder levels, in training only.

Lee et al. 2015 (arXiv:1409.5185); the halving weights are nnU-Net's (Isensee et al. 2021). The
heads are a wrapper around the network, which itself stays as it is.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from brainseg.losses import Loss


def with_heads(model: keras.Model, depth: int) -> keras.Model:
    """Return a model that shares the layers of ``model`` and gives (B, S, S, depth) logits.

    Channel 0 is the network's own answer, channel k that of decoder level k + 1, enlarged 2**k
    times.
    """
    outputs = [model.output]
    for level in range(2, depth + 1):
        features = model.get_layer(f"decoder{level}_2_relu").output
        head = layers.Conv2D(1, 1, dtype="float32", name=f"head{level}")(features)
        enlarge = layers.UpSampling2D(2 ** (level - 1), dtype="float32", name=f"head{level}_up")
        outputs.append(enlarge(head))
    joined = layers.Concatenate(dtype="float32", name="heads")(outputs)
    return keras.Model(model.input, joined, name=f"{model.name}_supervised")


def at_every_level(loss: Loss) -> Loss:
    """Return the mean of ``loss`` over the channels of the logits, each level half the last."""

    def weighted(truth: Any, logits: Any) -> Any:
        weights = [0.5**level for level in range(logits.shape[-1])]
        parts = [
            weight * loss(truth, logits[..., level : level + 1])
            for level, weight in enumerate(weights)
        ]
        return sum(parts[1:], start=parts[0]) / sum(weights)

    return weighted
