"""What a built network consists of, layer by layer, for people."""

from __future__ import annotations

from typing import Any

from brainseg import models


def describe(name: str, *, size: int = 256, base: int = 32, depth: int = 4) -> list[dict[str, Any]]:
    """Build a network and list its layers: name, kind, part, output shape, parameters, inputs.

    ``part`` is ``encoder1`` ..., ``bottleneck``, ``decoder1`` ... or ``head``; ``shape`` is
    (height, width, features).
    """
    model = models.build(name, size=size, base=base, depth=depth)
    layers = []
    for layer in model.layers:
        part = layer.name.split("_")[0]
        inside = part.startswith(("encoder", "decoder", "bottleneck"))
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        layers.append(
            {
                "name": layer.name,
                "kind": type(layer).__name__.removeprefix("Fused"),
                "part": part if inside else "head",
                "shape": [int(n) for n in layer.output.shape[1:]],
                "parameters": int(layer.count_params()),
                "inputs": [tensor._keras_history.operation.name for tensor in inputs],
            }
        )
    return layers
