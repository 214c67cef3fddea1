from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from brainseg import activations, export, models, networks, preprocess
from brainseg.data.catalog import read_catalog, read_image, upright
from brainseg.errors import NetworkError
from brainseg.networks import NetworkConfig

SIZE = 32
DEPTH = 2


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4000, (40, 30)).astype(np.float32)


def built(architecture: str, norm: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = models.build(architecture, size=SIZE, base=4, depth=DEPTH, norm=norm)
    model(np.random.default_rng(0).random((8, SIZE, SIZE, 1)), training=True)
    return model


def exported(model: keras.Model, folder: Path, norm: str, *, half: bool) -> Path:
    config = NetworkConfig(
        name="small", architecture=model.name, size=SIZE, base=4, depth=DEPTH, norm=norm
    )
    return export.write_network(model, folder, config, None, half=half)


KINDS = {
    "plain": ("unet", "batch", False),
    "residual": ("resunet", "batch", False),
    "group norm, float16": ("resunet", "group", True),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[keras.Model, Path]]:
    """Three kinds of network and where they were exported to."""
    found = {}
    for kind, (architecture, norm, half) in KINDS.items():
        model = built(architecture, norm)
        folder = tmp_path_factory.mktemp("networks") / "network"
        found[kind] = (model, exported(model, folder, norm, half=half))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_block_answers_as_its_layer_does_in_keras(
    kind: str, pixels: np.ndarray, made: dict[str, tuple[keras.Model, Path]]
) -> None:
    model, folder = made[kind]
    exact = 1e-4 if kind in ("plain", "residual") else 1e-2  # weights in float16, some folded first
    found = activations.observe(folder, pixels, strongest=3)
    assert tuple(found) == activations.block_names(DEPTH)
    image = preprocess.standardise(pixels, SIZE)[0][np.newaxis]
    for block, seen in found.items():
        layer = keras.Model(model.input, model.get_layer(f"{block}_2_relu").output)
        whole = np.asarray(layer(image, training=False))[0]
        assert seen.shape == whole.shape
        assert seen.high == pytest.approx(whole.max(), abs=exact)
        assert seen.silent == (whole.max(axis=(0, 1)) == 0).sum()
        means = whole.mean(axis=(0, 1))
        assert means[list(seen.channels)] == pytest.approx(np.sort(means)[::-1][:3], abs=exact)
        for channel, drawn in zip(seen.channels, seen.maps, strict=True):
            assert drawn == pytest.approx(whole[..., channel], abs=exact)


LYING = {
    "upright": np.array, "turned": np.rot90, "upside down": lambda head: np.rot90(head, 2),
    "transposed": np.transpose,
}  # fmt: skip


@pytest.mark.parametrize("lying", LYING)
def test_the_maps_of_a_network_that_sees_heads_upright_lie_as_the_scan_was_given(
    lying: str, demo_data: Path, made: dict[str, tuple[keras.Model, Path]], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(made["residual"][1], tmp_path / "network"))
    config = replace(networks.read_network(folder), orientation="upright")
    networks.write_network_json(folder, config)
    networks.seal(folder)
    catalog = read_catalog(demo_data)
    head = LYING[lying](upright(read_image(catalog.samples[0]), catalog)).astype(np.float32)
    found = activations.observe(folder, head, strongest=1)["encoder1"]
    image = preprocess.standardise(head, SIZE)[0][..., 0]
    views = [np.rot90(image, turn) for turn in range(4)]
    alike = [np.corrcoef(view.ravel(), found.maps[0].ravel())[0, 1] for view in views]
    assert alike[0] > 0.9 > 0.6 > max(alike[1:])
    assert found.added is not None
    assert np.maximum(found.added.sum(axis=0), 0) == pytest.approx(found.maps, abs=1e-5)


def test_only_a_residual_block_is_a_sum_and_the_shortcut_comes_second(
    pixels: np.ndarray, made: dict[str, tuple[keras.Model, Path]]
) -> None:
    seen = activations.observe(made["plain"][1], pixels)
    assert all(found.added is None for found in seen.values())
    residual, folder = made["residual"]
    image = preprocess.standardise(pixels, SIZE)[0][np.newaxis]
    for block, found in activations.observe(folder, pixels).items():
        assert found.added is not None
        assert np.maximum(found.added.sum(axis=0), 0) == pytest.approx(found.maps, abs=1e-5)
        layer = residual.get_layer(f"{block}_shortcut_bn").output
        shortcut = np.asarray(keras.Model(residual.input, layer)(image, training=False))[0]
        expected = np.moveaxis(shortcut[..., list(found.channels)], -1, 0)
        assert found.added[1] == pytest.approx(expected, abs=1e-4)


def test_a_network_of_another_depth_than_it_says_is_refused(
    tmp_path: Path, made: dict[str, tuple[keras.Model, Path]]
) -> None:
    folder = Path(shutil.copytree(made["plain"][1], tmp_path / "network"))
    wrong = NetworkConfig(name="small", architecture="unet", size=SIZE, base=4, depth=3)
    networks.write_network_json(folder, wrong)
    networks.seal(folder)
    with pytest.raises(NetworkError, match="10 ReLU layers where depth 3 asks for 14"):
        activations.observe(folder, np.ones((8, 8), np.float32))
