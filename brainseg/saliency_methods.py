"""The five ways to ask a network where it looked, each (S, S) raw values on the network's grid.

Gradients of the target with respect to the input (Simonyan et al. 2014), averaged over noisy
copies (SmoothGrad, Smilkov et al. 2017), integrated from a black image (Sundararajan et al. 2017),
weighted feature maps (Seg-Grad-CAM, Vinogradova et al. 2020), and patches blacked out (Zeiler and
Fergus 2014).

Guided backpropagation is left out on purpose: its maps stay the same when the weights are replaced
by random ones (Adebayo et al. 2018), so they show the picture's edges and not what was learnt.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # 2 still reports that there is no GPU

import keras
import numpy as np
from numpy.typing import NDArray

from brainseg import preprocess
from brainseg.errors import ConfigError
from brainseg.orientation import Turns, turns_for
from brainseg.saliency_request import METHODS, Progress, Question, depths, silent
from brainseg.types import FloatArray

COPIES = 16  # of SmoothGrad
STEPS = 32  # of integrated gradients
_NOISE = 0.1
_PATCH_SHARE = 8  # an occluding patch is 1/8 of the side
_TOGETHER = 4  # images in one gradient: bounds the memory, and the time until a stop is heard
_BATCH = 8
_as_they_lie = partial(turns_for, "any")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """A network ready to be explained: with gradients, and by its answers alone.

    ``logits`` takes (B, S, S, 1) to (B, S, S): the exported network where there is one, for it
    answers faster than Keras. ``turns`` tells by how many quarters each image lies turned from how
    the network is to see it; ``contrast`` is what the network was trained with.
    """

    model: keras.Model
    logits: Callable[[FloatArray], FloatArray]
    turns: Callable[[FloatArray], Turns] = _as_they_lie
    contrast: str = "linear"

    @property
    def levels(self) -> int:
        """How many times the network halves the image."""
        return sum(layer.name.endswith("_pool") for layer in self.model.layers)


def compute(
    opened: Opened, question: Question, method: str, progress: Progress = silent
) -> FloatArray:
    """Return the map (S, S) of one method: change of the target per unit of input, and the like.

    Raises:
        ConfigError: there is no such method, or no such depth in this network.
    """
    if method not in METHODS:
        raise ConfigError(f"no method is called {method!r}; choose one of {', '.join(METHODS)}")
    return np.asarray(_METHODS[method](opened, question, progress), dtype=np.float32)


def total(opened: Opened, images: FloatArray, weights: FloatArray) -> NDArray[np.float64]:
    """Return the target's value for each of (B, S, S, 1) images: (B,)."""
    parts = [images[first : first + _BATCH] for first in range(0, len(images), _BATCH)]
    logits = np.concatenate([opened.logits(part) for part in parts])
    return np.asarray((logits * weights).sum(axis=(1, 2), dtype=np.float64))


def _tensorflow() -> Any:
    """Return TensorFlow: the two functions below are all that depends on the backend.

    Raises:
        ConfigError: Keras runs on another.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ConfigError(f"saliency needs KERAS_BACKEND=tensorflow; here it is {backend}")
    import tensorflow

    return tensorflow


@lru_cache(maxsize=4)
def _input_gradient(model: keras.Model) -> Callable[[FloatArray, FloatArray], Any]:
    """Return what takes images (B, S, S, 1) and weights (S, S) to the target's gradient, compiled.

    Step by step, TensorFlow would also compute the gradients of all kernels, which nobody asks for:
    two to three times the work. In a graph they are left out.
    """
    tf = _tensorflow()
    size = model.input_shape[1]

    @tf.function(
        input_signature=[tf.TensorSpec((None, size, size, 1)), tf.TensorSpec((size, size))]
    )
    def gradient(images: Any, weights: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            score = tf.reduce_sum(model(images, training=False)[..., 0] * weights)
        return tape.gradient(score, images)

    return gradient  # type: ignore[no-any-return]


def _features(model: keras.Model, layer: str, question: Question) -> tuple[FloatArray, FloatArray]:
    """Return the output of a layer and the target's gradient with respect to it, (h, w, c)."""
    tf = _tensorflow()
    inner = keras.Model(model.inputs, [model.get_layer(layer).output, model.outputs[0]])
    image = tf.convert_to_tensor(question.image[np.newaxis])
    with tf.GradientTape() as tape:
        tape.watch(image)
        features, logits = inner(image, training=False)
        score = tf.reduce_sum(logits[..., 0] * question.weights)
    return np.asarray(features)[0], np.asarray(tape.gradient(score, features))[0]


def _mean_gradient(
    opened: Opened,
    images: FloatArray,
    weights: FloatArray,
    progress: Progress,
    shares: FloatArray | None = None,
) -> FloatArray:
    """Return the mean over (B, S, S, 1) images of the target's gradient, (S, S).

    ``shares`` (B,) says how much each image counts; all count the same without it.
    """
    counts = np.full(len(images), 1 / len(images), np.float32) if shares is None else shares
    gradient = _input_gradient(opened.model)
    summed = np.zeros(weights.shape, dtype=np.float64)
    for first in range(0, len(images), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        gradients = np.asarray(gradient(images[part], weights))[..., 0]
        summed += np.tensordot(counts[part], gradients, axes=1)
        progress(min(first + _TOGETHER, len(images)), len(images))
    return np.asarray(summed, dtype=np.float32)


def _gradient(opened: Opened, question: Question, progress: Progress) -> FloatArray:
    return _mean_gradient(opened, question.image[np.newaxis], question.weights, progress)


def _smoothgrad(opened: Opened, question: Question, progress: Progress) -> FloatArray:
    noise = np.random.default_rng(0).normal(0, _NOISE, (COPIES, *question.image.shape))
    copies = (question.image[np.newaxis] + noise).astype(np.float32)
    return _mean_gradient(opened, copies, question.weights, progress)


def _integrated(opened: Opened, question: Question, progress: Progress) -> FloatArray:
    ends = _way(opened, question)
    path = _brightened(question.image, (ends[1:] + ends[:-1]) / 2)
    shares = np.diff(ends).astype(np.float32)
    mean = _mean_gradient(opened, path, question.weights, progress, shares)
    return mean * question.image[..., 0]


def _way(opened: Opened, question: Question) -> NDArray[np.float64]:
    """Return the borders (STEPS + 1) of the steps from the black image, 0, to the image, 1.

    They lie closer together where the target changes fast, which is mostly in one short stretch of
    the way: equal steps pass over it.
    """
    ends = np.linspace(0.0, 1.0, STEPS + 1)
    change = np.abs(np.diff(total(opened, _brightened(question.image, ends), question.weights)))
    if change.sum() == 0:
        return ends
    travelled = np.cumsum(change / change.sum() + 1 / STEPS) / 2
    return np.interp(ends, np.concatenate([[0.0], travelled]), ends)


def _brightened(image: FloatArray, factors: NDArray[np.float64]) -> FloatArray:
    """Return (B, S, S, 1) images from black at factor 0 to the image at factor 1."""
    scaled = image[np.newaxis] * factors[:, np.newaxis, np.newaxis, np.newaxis]
    return np.asarray(scaled, dtype=np.float32)


def _gradcam(opened: Opened, question: Question, progress: Progress) -> FloatArray:
    known = depths(opened.levels)
    if question.depth not in known:
        raise ConfigError(
            f"no depth is called {question.depth!r}; choose one of {', '.join(known)}"
        )
    features, gradients = _features(opened.model, f"{question.depth}_2_relu", question)
    progress(1, 1)
    channels = gradients.mean(axis=(0, 1))
    positive = np.maximum((features * channels).sum(axis=-1), 0.0)
    return preprocess.restore_values(positive.astype(np.float32), question.image.shape[0])


def _occlusion(opened: Opened, question: Question, progress: Progress) -> FloatArray:
    image, side = question.image, question.image.shape[0]
    patch, step = side // _PATCH_SHARE, max(1, side // (2 * _PATCH_SHARE))
    corners = [(r, c) for r in range(0, side, step) for c in range(0, side, step)]
    windows = [(slice(r, r + patch), slice(c, c + patch)) for r, c in corners]
    whole = float(total(opened, image[np.newaxis], question.weights)[0])
    summed, count = np.zeros((side, side)), np.zeros((side, side))
    for first in range(0, len(windows), _BATCH):
        part = windows[first : first + _BATCH]
        hidden = np.repeat(image[np.newaxis], len(part), axis=0)
        for one, window in zip(hidden, part, strict=True):
            one[window] = 0.0
        for window, score in zip(part, total(opened, hidden, question.weights), strict=True):
            summed[window] += whole - score
            count[window] += 1
        progress(first + len(part), len(windows))
    return np.asarray(summed / count, dtype=np.float32)


_METHODS: dict[str, Callable[[Opened, Question, Progress], FloatArray]] = {
    "gradient": _gradient,
    "smoothgrad": _smoothgrad,
    "integrated": _integrated,
    "gradcam": _gradcam,
    "occlusion": _occlusion,
}
