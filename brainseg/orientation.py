"""Which side of a head is up, so that a network has to know heads upright only.

A small convolutional network names one of the four quarter turns, as in Gidaris et al. 2018
("Unsupervised representation learning by predicting image rotations", arXiv 1803.07728). It is
asked four times, about the slice in each of its turns, and the answers are averaged: so the same
slice is turned to the same picture however it came in, even where the guess is wrong. Left and
right are not told apart: heads are nearly symmetric, and training flips them. Trained and measured
by ``python -m benchmarks.orientation`` (docs/MODEL_CARD.md). No Keras here.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainseg import files, paths, preprocess
from brainseg.errors import NetworkError
from brainseg.types import FloatArray

SIDE = 64  # pixels that it sees
FOLDER = paths.ORIENTATION
XML, BIN, SUMS = "network.xml", "network.bin", "SHA256SUMS"
_BATCH = 64
_one_at_a_time = threading.Lock()

Turns = NDArray[np.int64]


def quarter_turns(images: FloatArray) -> Turns:
    """Return how each image (B, S, S, C) in 0..1 came to lie, from upright: (B,) in 0..3.

    ``np.rot90(upright, turns)`` is what was given; channel 0 is looked at.

    Raises:
        NetworkError: the file of the network is missing or damaged.
    """
    small = np.stack([seen(image[..., 0]) for image in images])
    views = np.stack([np.rot90(small, turn, axes=(1, 2)) for turn in range(4)], axis=1)
    answers = _logits(views.reshape(-1, SIDE, SIDE, 1)).reshape(-1, 4, 4)
    seen_upright = [np.roll(answers[:, turn], -turn, axis=1) for turn in range(4)]
    return np.asarray(np.mean(seen_upright, axis=0).argmax(axis=1), dtype=np.int64)


def seen(image: FloatArray) -> FloatArray:
    """Return an image (S, S) in 0..1 as this network sees it: small, and of even contrast."""
    return preprocess.equalise(preprocess.resize(image, SIDE))


def turns_for(orientation: str, images: FloatArray) -> Turns:
    """Return the turns of images for a network of this ``orientation``: none where any will do.

    Raises:
        NetworkError: as ``quarter_turns``.
    """
    return np.zeros(len(images), np.int64) if orientation == "any" else quarter_turns(images)


def turned(arrays: NDArray[Any], turns: Turns) -> NDArray[Any]:
    """Turn each of (B, S, S, ...) by its number of quarters, as ``np.rot90`` does."""
    if not turns.any():
        return arrays
    return np.stack([np.rot90(a, turn) for a, turn in zip(arrays, turns, strict=True)])


def _logits(images: FloatArray) -> FloatArray:
    request = _request()
    answers = []
    with _one_at_a_time:
        for first in range(0, len(images), _BATCH):
            part = np.ascontiguousarray(images[first : first + _BATCH], dtype=np.float32)
            answers.append(np.array(request.infer({0: part}, share_inputs=True)[0]))
    return np.concatenate(answers)


@lru_cache(maxsize=1)
def _request() -> Any:
    from brainseg.runtime import core

    try:
        lines = (FOLDER / SUMS).read_text().splitlines()
        known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        for name in (XML, BIN):
            if files.sha256(FOLDER / name) != known.get(name):
                raise NetworkError(f"{FOLDER / name} was altered or damaged; install it again")
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        model = core().compile_model(FOLDER / XML, "CPU", options)
    except (OSError, RuntimeError) as error:
        raise NetworkError(f"{FOLDER} is incomplete or damaged; install it again") from error
    return model.create_infer_request()
