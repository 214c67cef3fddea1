"""Where a network looked: maps of one slice, raw values, never stretched.

The target is the sum of the logits over the predicted mask; where the network predicts nothing, the
largest logit. Gradients of that sum with respect to the input (Simonyan et al. 2014), averaged over
noisy copies (SmoothGrad, Smilkov et al. 2017), integrated from a black image (Sundararajan et al.
2017), or weighted feature maps (Seg-Grad-CAM, Vinogradova et al. 2020).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from brainseg import preprocess
from brainseg.errors import ConfigError
from brainseg.export import load_model
from brainseg.types import FloatArray, Geometry, Scan

METHODS: dict[str, str] = {
    "gradient": "Gradient",
    "smoothgrad": "SmoothGrad",
    "integrated": "Integrated gradients",
    "gradcam": "Seg-Grad-CAM",
    "occlusion": "Occlusion",
}
_COPIES = 16
_NOISE = 0.1
_PATCH_SHARE = 8  # an occluding patch is 1/8 of the side
_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Saliency:
    """``values`` (H, W) float32 in the scan's geometry: logit change per unit of input."""

    values: FloatArray
    method: str
    target: str
    seconds: float


@lru_cache(maxsize=4)
def _network(folder: Path, digest: str) -> keras.Model:
    """Load the network; ``digest`` renews the cache."""
    return load_model(folder)


def explain(folder: Path, scan: Scan, method: str = "gradient") -> Saliency:
    """Return the saliency map of one slice for the network in ``folder``.

    Raises:
        ConfigError: unknown method.
        NetworkError: the network is missing or damaged.
        ScanError: the scan cannot be standardised.
    """
    if method not in METHODS:
        raise ConfigError(f"no method is called {method!r}; choose one of {', '.join(METHODS)}")
    begun = time.perf_counter()
    model = _network(folder, (folder / "SHA256SUMS").read_text())
    image, geometry = preprocess.standardise(scan.pixels, model.input_shape[1])
    logits = _logits(model, image[np.newaxis])[0]
    target = _target(logits)
    values = _METHODS[method](model, image, target)
    words = "sum of logits over the predicted mask" if (logits >= 0).any() else "largest logit"
    return Saliency(
        values=_to_scan(values, geometry),
        method=method,
        target=words,
        seconds=time.perf_counter() - begun,
    )


def _logits(model: keras.Model, images: FloatArray) -> FloatArray:
    return np.asarray(keras.ops.convert_to_numpy(model(images, training=False)))


def _target(logits: FloatArray) -> FloatArray:
    """Return the weights (S, S, 1) of the logits whose sum is explained."""
    if (logits >= 0).any():
        return (logits >= 0).astype(np.float32)
    chosen = np.zeros_like(logits)
    chosen.flat[int(np.argmax(logits))] = 1.0
    return chosen


def _to_scan(values: FloatArray, geometry: Geometry) -> FloatArray:
    """Bring a (S, S) map of any sign and range back to the scan without changing its range."""
    low, high = float(values.min()), float(values.max())
    if high == low:
        return np.full((geometry.height, geometry.width), low, dtype=np.float32)
    unit = preprocess.restore((values - low) / (high - low), geometry)
    return np.asarray(unit * (high - low) + low, dtype=np.float32)


def _gradients(
    model: keras.Model, images: FloatArray, target: FloatArray, inner: keras.Model | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return activations and the gradient of the target with respect to them, (B, h, w, c).

    The one place that depends on the backend; ``inner`` names the layer, else the input itself.
    """
    import tensorflow as tf

    x = tf.convert_to_tensor(images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        if inner is None:
            watched, logits = x, model(x, training=False)
        else:
            watched, logits = inner(x, training=False)
        score = tf.reduce_sum(logits * target[np.newaxis])
    return np.asarray(watched), np.asarray(tape.gradient(score, watched))


def _gradient(model: keras.Model, image: FloatArray, target: FloatArray) -> FloatArray:
    return _gradients(model, image[np.newaxis], target)[1][0, ..., 0]


def _smoothgrad(model: keras.Model, image: FloatArray, target: FloatArray) -> FloatArray:
    noise = np.random.default_rng(0).normal(0, _NOISE, (_COPIES, *image.shape))
    copies = (image[np.newaxis] + noise).astype(np.float32)
    return _gradients(model, copies, target)[1].mean(axis=0)[..., 0]


def _integrated(model: keras.Model, image: FloatArray, target: FloatArray) -> FloatArray:
    shares = (np.arange(_COPIES, dtype=np.float32) + 0.5) / _COPIES
    path = image[np.newaxis] * shares[:, np.newaxis, np.newaxis, np.newaxis]
    gradients = _gradients(model, path, target)[1].mean(axis=0)
    return (gradients * image)[..., 0]


def _gradcam(model: keras.Model, image: FloatArray, target: FloatArray) -> FloatArray:
    layer = model.get_layer("bottleneck_2_relu")
    inner = keras.Model(model.inputs, [layer.output, model.outputs[0]])
    features, gradients = _gradients(model, image[np.newaxis], target, inner)
    weights = gradients[0].mean(axis=(0, 1))
    map_ = np.maximum((features[0] * weights).sum(axis=-1), 0.0)
    return preprocess.restore_values(map_.astype(np.float32), image.shape[0])


def _occlusion(model: keras.Model, image: FloatArray, target: FloatArray) -> FloatArray:
    side = image.shape[0]
    patch, step = side // _PATCH_SHARE, max(1, side // (2 * _PATCH_SHARE))
    corners = [(r, c) for r in range(0, side, step) for c in range(0, side, step)]
    whole = float((_logits(model, image[np.newaxis])[0] * target).sum())
    total, count = np.zeros((side, side)), np.zeros((side, side))
    for begin in range(0, len(corners), _BATCH):
        part = corners[begin : begin + _BATCH]
        hidden = np.repeat(image[np.newaxis], len(part), axis=0)
        for i, (row, column) in enumerate(part):
            hidden[i, row : row + patch, column : column + patch] = 0.0
        scores = (_logits(model, hidden) * target).sum(axis=(1, 2, 3))
        for (row, column), score in zip(part, scores, strict=True):
            total[row : row + patch, column : column + patch] += whole - float(score)
            count[row : row + patch, column : column + patch] += 1
    return (total / np.maximum(count, 1)).astype(np.float32)


_METHODS: dict[str, Callable[[Any, FloatArray, FloatArray], FloatArray]] = {
    "gradient": _gradient,
    "smoothgrad": _smoothgrad,
    "integrated": _integrated,
    "gradcam": _gradcam,
    "occlusion": _occlusion,
}
