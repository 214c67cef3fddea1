"""Trained weights to the exported network: what prediction, fine-tuning and saliency read."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from brainseg import models, networks
from brainseg import runtime as runtime  # first: keeps OpenVINO from reporting anywhere
from brainseg.networks import NetworkConfig
from brainseg.training.recipes import RunConfig
from brainseg.types import Split


def in_float32(model: keras.Model, config: RunConfig) -> keras.Model:
    """Return the same network with float32 computation, whatever policy it was trained under."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        plain = models.build(
            config.model,
            size=config.size,
            base=config.base,
            depth=config.depth,
            bn_momentum=config.bn_momentum,
        )
    finally:
        keras.mixed_precision.set_global_policy(policy)
    plain.set_weights(model.get_weights())
    return plain


def export_network(
    model: keras.Model, folder: Path, *, name: str, config: RunConfig, split: Split
) -> Path:
    """Write ``network.xml``/``.bin`` (OpenVINO), ``weights.npz``, ``network.json`` and checksums.

    The exported network maps (B, S, S, 1) float32 in [0, 1] to logits of the same shape. The
    folder appears whole or not at all.
    """
    plain = in_float32(model, config)
    plain(np.zeros((1, config.size, config.size, 1), dtype=np.float32))
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".network-", dir=folder.parent))
    try:
        plain.export(str(aside / "network.xml"), format="openvino", verbose=False)
        arrays = {f"{i:03d}": np.asarray(a) for i, a in enumerate(_weights(plain))}
        np.savez(aside / "weights.npz", **arrays)
        networks.write_network_json(aside, _description(name, config, split))
        networks.write_split(aside, split)
        networks.seal(aside)
        if folder.exists():
            shutil.rmtree(folder)
        aside.chmod(0o755)
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _weights(model: keras.Model) -> list[Any]:
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables]


def _description(name: str, config: RunConfig, split: Split) -> NetworkConfig:
    return NetworkConfig(
        name=name,
        architecture=config.model,
        size=config.size,
        base=config.base,
        depth=config.depth,
        trained_on=f"{len(split.train)} slices of {Path(config.data).name}, split by "
        f"{split.unit}, recipe {config.recipe}",
    )
