"""What a built network consists of, layer by layer, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brainseg import models

Layer = dict[str, Any]


def describe(
    name: str, *, size: int = 256, base: int = 32, depth: int = 4, norm: str = "batch"
) -> list[Layer]:
    """Build a network and list its layers: name, kind, part, output shape, parameters, inputs.

    ``part`` is ``encoder1`` ..., ``bottleneck``, ``decoder1`` ... or ``head``; ``shape`` is
    (height, width, features); ``receptive_field`` the side in input pixels of the square that one
    value of the output depends on, as wide as it gets.
    """
    model = models.build(name, size=size, base=base, depth=depth, norm=norm)
    layers: list[Layer] = []
    for layer in model.layers:
        part = layer.name.split("_")[0]
        inside = part.startswith(("encoder", "decoder", "bottleneck"))
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        kernel = getattr(layer, "kernel_size", getattr(layer, "pool_size", (1, 1)))
        layers.append(
            {
                "name": layer.name,
                "kind": type(layer).__name__.removeprefix("Fused"),
                "part": part if inside else "head",
                "shape": [int(n) for n in layer.output.shape[1:]],
                "parameters": int(layer.count_params()),
                "kernel": int(kernel[0]),
                "stride": int(getattr(layer, "strides", (1, 1))[0]),
                "inputs": [tensor._keras_history.operation.name for tensor in inputs],
            }
        )
    for described in layers:
        described["receptive_field"] = receptive_field(layers, described["name"])
    return layers


def receptive_field(layers: Sequence[Layer], name: str) -> int:
    """Return the side in input pixels of what one output value of a layer depends on.

    Exact for an unlimited image, along one axis: the interval of indices that a value needs is
    followed back through every path. Where an upsampling lies on the way neighbouring values need
    intervals of different length; the longest counts.

    Args:
        layers: records of :func:`describe`, each after its inputs.
        name: the layer.
    """
    place = next(i for i, layer in enumerate(layers) if layer["name"] == name)
    before = list(reversed(layers[: place + 1]))
    period = 2 ** sum(layer["kind"] == "Conv2DTranspose" for layer in before)
    return max(_reach(before, start) for start in range(period))


def _reach(layers: Sequence[Layer], start: int) -> int:
    """Follow value ``start`` of the first layer back through the others to the input."""
    needed = {layers[0]["name"]: (start, start)}
    for layer in layers:
        if layer["name"] not in needed:
            continue
        low, high = needed[layer["name"]]
        if layer["kind"] == "InputLayer":
            return high - low + 1
        below = _needs(layer, low, high)
        for name in layer["inputs"]:
            known = needed.get(name, below)
            needed[name] = (min(known[0], below[0]), max(known[1], below[1]))
    raise ValueError(f"{layers[0]['name']} does not depend on the input")


def _needs(layer: Layer, low: int, high: int) -> tuple[int, int]:
    """Return which indices of its input the indices ``low``..``high`` of a layer need."""
    kernel, stride = layer["kernel"], layer["stride"]
    if layer["kind"] == "Conv2DTranspose":  # output i is made of input i // stride where k == s
        return (low - kernel + stride) // stride, high // stride
    before = (kernel - stride) // 2
    return low * stride - before, high * stride - before + kernel - 1
