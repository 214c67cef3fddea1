"""Trained weights to the exported network: what prediction, fine-tuning and saliency read."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from brainseg import files, gate, models, networks, runtime
from brainseg.data.catalog import TUMOUR_FREE_FIRST
from brainseg.gate import GateSlices
from brainseg.inference import Segmenter
from brainseg.networks import NetworkConfig
from brainseg.training.recipes import RunConfig
from brainseg.types import SALIENCY_INPUTS, Split


def untrained(config: RunConfig) -> keras.Model:
    """Return the network of a configuration with float32 computation, whatever the policy."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        return models.build(
            config.model,
            size=config.size,
            base=config.base,
            depth=config.depth,
            bn_momentum=config.bn_momentum,
            norm=config.norm,
            channels=config.channels,
        )
    finally:
        keras.mixed_precision.set_global_policy(policy)


def in_float32(model: keras.Model, config: RunConfig) -> keras.Model:
    """Return the same network with float32 computation, whatever policy it was trained under."""
    plain = untrained(config)
    plain.set_weights(model.get_weights())
    return plain


def load_model(folder: Path) -> keras.Model:
    """Return the network of a folder, checked, with its weights, computing in float32.

    Raises:
        NetworkError: it is missing or damaged.
    """
    config = networks.read_network(folder)
    keras.mixed_precision.set_global_policy("float32")
    model = models.build(
        config.architecture,
        size=config.size,
        base=config.base,
        depth=config.depth,
        norm=config.norm,
        channels=1 + len(SALIENCY_INPUTS[config.saliency]),
    )
    with np.load(folder / networks.WEIGHTS, allow_pickle=False) as archive:
        for variable, name in zip(model.variables, sorted(archive.files), strict=True):
            variable.assign(archive[name])
    return model


def export_network(
    model: keras.Model,
    folder: Path,
    *,
    name: str,
    config: RunConfig,
    split: Split,
    heads: GateSlices | None = None,
) -> Path:
    """Write the network of a run; with slices of ``heads`` also what its gate compares with."""
    plain = in_float32(model, config)
    return write_network(plain, folder, _description(name, config, split), split, heads=heads)


def write_network(
    model: keras.Model,
    folder: Path,
    description: NetworkConfig,
    split: Split | None,
    *,
    heads: GateSlices | None = None,
    half: bool = False,
) -> Path:
    """Write ``network.xml``/``.bin`` (OpenVINO), ``weights.npz``, ``network.json`` and checksums.

    The exported network maps (B, S, S, 1) float32 in [0, 1], (B, S, S, C) with saliency maps beside
    the scan, to logits (B, S, S, 1), and to (B, 2C) features: mean and standard deviation of each
    bottleneck channel. The folder appears whole or not at all.

    Args:
        model: the network, computing in float32.
        folder: where to; what is there is replaced.
        description: goes into ``network.json``.
        split: goes into ``split.json``; None where it is not known.
        heads: slices from which the gate learns; too few of them, and there is none.
        half: store the weights in float16: half the size, computed in float32 all the same.
    """
    if half:
        model.set_weights([a.astype(np.float16) for a in _weights(model)])
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(
        tempfile.mkdtemp(prefix=".network-", suffix=f".{os.getpid()}.tmp", dir=folder.parent)
    )
    try:
        _write_openvino(model, aside / networks.XML, half=half)
        kind = np.float16 if half else np.float32
        arrays = {f"{i:03d}": a.astype(kind) for i, a in enumerate(_weights(model))}
        np.savez(aside / networks.WEIGHTS, **arrays)
        networks.write_network_json(aside, description)
        if split is not None:
            networks.write_split(aside, split)
        networks.seal(aside)
        if heads is not None and gate.fit(Segmenter.load(aside), heads, aside / networks.GATE):
            networks.seal(aside)
        for path in aside.iterdir():
            files.sync(path)
        if folder.exists():
            shutil.rmtree(folder)
        aside.chmod(0o755)
        aside.replace(folder)
        files.sync(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _write_openvino(model: keras.Model, path: Path, *, half: bool) -> None:
    """Export the network with its features; through a second file, since ours may be smaller."""
    both = with_features(model)
    both(np.zeros((1, *model.input_shape[1:]), dtype=np.float32))
    with tempfile.TemporaryDirectory(dir=path.parent) as name:  # what a kill leaves is swept
        whole = Path(name) / path.name
        both.export(str(whole), format="openvino", verbose=False)
        exported = runtime.core().read_model(whole)
        for result in exported.get_results():  # group norm leaves the sizes that it computes with
            if result.get_output_partial_shape(0).rank.get_length() < 2:
                exported.remove_result(result)
        runtime.openvino.save_model(exported, path, compress_to_fp16=half)


def with_features(model: keras.Model) -> keras.Model:
    """Return a model with two outputs: the logits, and (B, 2C) bottleneck features.

    The features are each channel's mean and standard deviation over the image: they do not depend
    on where something lies, only on how much of what there is.
    """
    deepest = model.get_layer("bottleneck_2_relu").output
    mean = keras.ops.mean(deepest, axis=(1, 2))
    variance = keras.ops.mean(keras.ops.square(deepest), axis=(1, 2)) - keras.ops.square(mean)
    spread = keras.ops.sqrt(keras.ops.maximum(variance, 0.0))
    features = keras.ops.concatenate([mean, spread], axis=-1)
    return keras.Model(model.input, [model.output, features])


def _weights(model: keras.Model) -> list[Any]:
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables]


def _description(name: str, config: RunConfig, split: Split) -> NetworkConfig:
    return NetworkConfig(
        name=name,
        architecture=config.model,
        size=config.size,
        base=config.base,
        depth=config.depth,
        norm=config.norm,
        saliency=config.saliency,
        contrast=config.contrast,
        orientation="upright" if config.upright else "any",
        trained_on=f"{_slices(config, split)}, split by {split.unit}, recipe {config.recipe}",
    )


def _slices(config: RunConfig, split: Split) -> str:
    """Say of what folders the training slices are, and how many of each."""
    added = sum(number >= TUMOUR_FREE_FIRST for number in split.train)
    words = f"{len(split.train) - added} slices of {Path(config.data).name}"
    more = f" and {added} tumour-free ones of {Path(config.tumour_free).name}" if added else ""
    return words + more
