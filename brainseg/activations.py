"""What every block of an exported network answers to one scan. Through OpenVINO, no Keras here.

Each unit of both networks ends in its second ReLU, and every ReLU feeds the next: in an exported
network of depth D there are 2 (2 D + 1) of them, in the order of the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brainseg import networks, orientation, preprocess
from brainseg.errors import NetworkError
from brainseg.networks import NetworkConfig
from brainseg.runtime import core
from brainseg.types import FloatArray, Scan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Activation:
    """The answer of one block: raw values after its last ReLU, so from 0 up.

    ``maps`` (K, H, W) are the ``channels`` with the highest mean, the highest first. ``high`` is
    the largest value of all channels, ``silent`` how many of them are 0 everywhere. In a residual
    block ``added`` (2, K, H, W) holds what was added before the ReLU: convolutions, shortcut. Both
    lie as the scan was given, however the network looked at it.
    """

    block: str
    shape: tuple[int, int, int]  # (height, width, features)
    channels: tuple[int, ...]
    maps: FloatArray
    high: float
    silent: int
    added: FloatArray | None = None


def block_names(depth: int) -> tuple[str, ...]:
    """Return the blocks of a network in the order in which a scan passes them."""
    down = [f"encoder{level}" for level in range(1, depth + 1)]
    up = [f"decoder{level}" for level in range(depth, 0, -1)]
    return (*down, "bottleneck", *up)


def observe(folder: Path, pixels: FloatArray, *, strongest: int = 8) -> dict[str, Activation]:
    """Return the activation of every block of a network on one (H, W) scan, by block.

    Args:
        folder: an exported network; its checksums are verified first.
        pixels: raw values, standardised as for a prediction.
        strongest: how many channels of each block to keep.

    Raises:
        NetworkError: the network is damaged, sees more than the scan, or is not made of the blocks
            that its description says.
        ScanError: the scan is empty or holds values that are not finite.
    """
    config = networks.read_network(folder)
    if config.saliency != "none":
        raise NetworkError(f"network {config.name} sees maps, too: choose one without")
    scan = Scan(pixels=pixels)
    image, _ = preprocess.network_input(scan, config.size, contrast=config.contrast)
    given = image[np.newaxis]
    turns = orientation.turns_for(config.orientation, given)
    seen = orientation.turned(given, -turns)
    try:
        model = core().read_model(folder / networks.XML, folder / networks.BIN)
        ends = _ends(model, config)
        residual = config.architecture == "resunet"
        sides = {end.get_friendly_name(): _summands(end) if residual else [] for end in ends}
        nodes = [*ends, *(side for pair in sides.values() for side in pair)]
        answers = _run(model, nodes, seen)
    except RuntimeError as error:
        raise NetworkError(
            f"the network in {folder} cannot be looked into; export it again"
        ) from error
    found = {}
    for block, end in zip(block_names(config.depth), ends, strict=True):
        name, first = end.get_friendly_name(), _channels_first(end)
        own, *added = (
            _as_given(answers[node], first, int(turns[0]))
            for node in (name, *(side.get_friendly_name() for side in sides[name]))
        )
        found[block] = _activation(block, own, added, strongest)
    return found


def _as_given(answer: FloatArray, channels_first: bool, turns: int) -> FloatArray:
    """Return an answer as (C, H, W), turned back to how the scan was given."""
    maps = answer if channels_first else answer.transpose(2, 0, 1)
    return np.rot90(maps, turns, axes=(1, 2))


def _ends(model: Any, config: NetworkConfig) -> list[Any]:
    """Return the last ReLU of every block, in order."""
    relus = [op for op in model.get_ordered_ops() if op.get_type_name() == "Relu"]
    blocks = block_names(config.depth)
    if len(relus) != 2 * len(blocks):
        raise NetworkError(
            f"network {config.name} has {len(relus)} ReLU layers where depth {config.depth} asks "
            f"for {2 * len(blocks)}; export it again"
        )
    return relus[1::2]


def _summands(relu: Any) -> list[Any]:
    """Return both sides of the sum that a residual block's ReLU takes: convolutions, shortcut."""
    sides = _before(relu.input_value(0).get_node())
    return sorted(sides, key=_kernel_side, reverse=True)  # the shortcut's convolution is 1x1


def _before(node: Any) -> list[Any]:
    """Return the nodes whose answers a node takes; its weights, made of constants, left out."""
    nodes = [node.input_value(i).get_node() for i in range(node.get_input_size())]
    return [one for one in nodes if not _is_constant(one)]


def _is_constant(node: Any) -> bool:
    """Whether a node is made of stored numbers alone, perhaps converted from float16."""
    if node.get_type_name() == "Convert":
        return _is_constant(node.input_value(0).get_node())
    return bool(node.get_type_name() == "Constant")


def _channels_first(relu: Any) -> bool:
    """Whether a ReLU answers (B, C, H, W); where not, what takes its answer turns it first."""
    takers = {taker.get_node().get_type_name() for taker in relu.output(0).get_target_inputs()}
    return bool(takers & {"Convolution", "ConvolutionBackpropData", "MaxPool"})


def _kernel_side(node: Any) -> int:
    """Return the side of the convolution that feeds a node, through scale and bias."""
    while node.get_type_name() != "Convolution":
        node = _before(node)[0]
    return int(node.input_value(1).get_shape()[-1])


def _run(model: Any, nodes: list[Any], batch: FloatArray) -> dict[str, FloatArray]:
    """Return the answers of these nodes to one image, by their names, in float32."""
    first = len(model.outputs)
    model.add_outputs([node.output(0) for node in nodes])
    options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    result = core().compile_model(model, "CPU", options)([batch])
    return {
        node.get_friendly_name(): np.array(result[first + i][0], dtype=np.float32)
        for i, node in enumerate(nodes)
    }


def _activation(
    block: str, values: FloatArray, added: list[FloatArray], strongest: int
) -> Activation:
    means = values.mean(axis=(1, 2))
    chosen = np.argsort(-means, kind="stable")[:strongest]
    features, height, width = values.shape
    return Activation(
        block=block,
        shape=(height, width, features),
        channels=tuple(int(c) for c in chosen),
        maps=values[chosen],
        high=float(values.max()),
        silent=int(np.count_nonzero(values.max(axis=(1, 2)) == 0)),
        added=np.stack([side[chosen] for side in added]) if added else None,
    )
