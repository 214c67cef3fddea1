"""Does a method depend on what the network learnt? The randomisation check of Adebayo et al. 2018.

Layer by layer, from the output to the input, the weights go back to random ones, and the map is
computed again for the same target. A map that stays the same shows the picture, not the network.

In segmentation the target itself says where to look: any network's gradient is largest near it. So
what is compared is what two maps have in common beyond the distance to the target, and only where
the image is not black.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from brainseg import saliency_methods
from brainseg.export import load_model
from brainseg.saliency_measures import SanityCheck, Stage, overlap, rank_correlation
from brainseg.saliency_methods import Opened
from brainseg.saliency_request import Progress, Question, depths, part_of, silent
from brainseg.types import FloatArray

_BLACK = 0.05  # of the 0..1 range: around a head every map is alike, for nothing is there


def check(
    folder: Path,
    question: Question,
    method: str,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> SanityCheck:
    """Randomise a copy of a network step by step and compare its maps with the first.

    Args:
        folder: of the network.
        question: what it is asked, the target included: that stays the same.
        method: how.
        seed: of the random weights.
        progress: told after every batch; what it raises ends the computation.

    Raises:
        ConfigError: there is no such method or depth.
        NetworkError: the network is missing or damaged.
    """
    return check_model(load_model(folder), question, method, seed=seed, progress=progress)


def check_model(
    model: keras.Model,
    question: Question,
    method: str,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> SanityCheck:
    """As ``check``, with a network in memory; its weights are random afterwards."""
    opened = Opened(model=model, logits=lambda images: _answers(model, images))
    order = ("logits", *reversed(depths(opened.levels)))
    count = len(order) + 1

    def look(index: int) -> FloatArray:
        return saliency_methods.compute(opened, question, method, part_of(progress, index, count))

    def compare(name: str, now: FloatArray) -> Stage:
        alike = rank_correlation(trained[seen], now[seen], given=distance[seen])
        return Stage(layer=name, rank_correlation=alike, overlap=overlap(trained[seen], now[seen]))

    seen = question.image[..., 0] > _BLACK
    seen = seen if seen.any() else ~seen
    distance = cv2.distanceTransform((question.weights == 0).astype(np.uint8), cv2.DIST_L2, 5)
    trained = look(0)
    stages = [compare("", trained)]
    for index, name in enumerate(order, 1):
        randomise(model, name, seed)
        stages.append(compare(name, look(index)))
    return SanityCheck(stages=tuple(stages))


def _answers(model: keras.Model, images: FloatArray) -> FloatArray:
    return np.asarray(keras.ops.convert_to_numpy(model(images, training=False)))[..., 0]


def randomise(model: keras.Model, name: str, seed: int = 0) -> None:
    """Give the layers of one unit the weights of a network that has learnt nothing.

    Kernels are drawn as Glorot and Bengio 2010 do, normalisation neither scales nor shifts; the
    same layer and seed give the same weights.
    """
    for layer in model.layers:
        if layer.name == name or layer.name.startswith(f"{name}_"):
            random = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
            for variable in layer.weights:
                variable.assign(_fresh(variable.path, tuple(variable.shape), random))


def _fresh(path: str, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
    if path.endswith("kernel"):
        area = int(np.prod(shape[:-2]))
        limit = np.sqrt(6.0 / (area * (shape[-2] + shape[-1])))
        return random.uniform(-limit, limit, shape).astype(np.float32)
    return np.full(shape, float(path.endswith(("gamma", "variance"))), dtype=np.float32)
