from __future__ import annotations

import keras
import numpy as np
import pytest

from brainseg.training import optimizers
from brainseg.training.recipes import recipe


def _orthogonal(matrix: np.ndarray) -> np.ndarray:
    """Newton-Schulz by hand, as in Jordan's published code; the wide side may lie either way."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / np.linalg.norm(matrix)
    x = x.T if matrix.shape[0] > matrix.shape[1] else x
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def _one(name: str, **overrides) -> keras.optimizers.Optimizer:
    return optimizers.build(recipe("quick", model="unet", data="x", optimizer=name, **overrides))


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (3, 3, 8, 4), (2, 2, 4, 8), (1, 1, 16, 2)])
def test_muon_moves_a_kernel_as_the_matrix_that_multiplies_patches(shape: tuple[int, ...]):
    random = np.random.default_rng(0)
    start, first, second = random.normal(size=(3, *shape)).astype(np.float32)
    kernel = keras.Variable(start)
    muon = _one("muon", learning_rate=0.01, weight_decay=0.0)
    expected, momentum = (
        start.reshape(-1, shape[-1]),
        np.zeros((start.size // shape[-1], shape[-1])),
    )
    for gradient in (first, second):
        muon.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
        flat = gradient.reshape(-1, shape[-1])
        momentum = 0.95 * momentum + flat
        length = 0.2 * np.sqrt(max(flat.shape))
        expected = expected - 0.01 * length * _orthogonal(flat + 0.95 * momentum)
    np.testing.assert_allclose(
        np.asarray(kernel.value).reshape(expected.shape), expected, atol=2e-5
    )


@pytest.mark.parametrize("shape", [(8,), (3, 3, 1, 8), (1, 1, 8, 1)])
def test_muon_leaves_vectors_and_single_channels_to_adamw(shape: tuple[int, ...]):
    random = np.random.default_rng(0)
    start, gradient = random.normal(size=(2, *shape)).astype(np.float32)
    moved = []
    for name in ("muon", "adamw"):
        variable = keras.Variable(start)
        _one(name, weight_decay=0.0).apply([keras.ops.convert_to_tensor(gradient)], [variable])
        moved.append(np.asarray(variable.value))
    np.testing.assert_allclose(moved[0], moved[1], atol=1e-6)


def test_the_names_are_what_they_say():
    kinds = {name: type(_one(name)) for name in ("adam", "adamw", "muon")}
    assert kinds == {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "muon": optimizers.ConvMuon,
    }
