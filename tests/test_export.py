from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from benchmarks.average import average
from brainseg import export, models, networks
from brainseg.gate import GateSlices
from brainseg.inference import Segmenter
from brainseg.networks import NetworkConfig
from brainseg.types import Split

SIZE = 32
CONFIG = NetworkConfig(name="small", architecture="resunet", size=SIZE, base=8, depth=2)
SPLIT = Split(train=(1, 2), val=(3,), test=(4,), seed=0, unit="patient")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    built = models.build("resunet", size=SIZE, base=8, depth=2)
    noise = np.random.default_rng(0).random((8, SIZE, SIZE, 1))
    built(noise, training=True)  # moves the statistics of the normalisation
    return built


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (90, SIZE, SIZE), np.uint8)


@pytest.fixture(scope="module")
def folder(
    model: keras.Model, images: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    heads = GateSlices.spread(images, range(60), range(60, 90))
    where = tmp_path_factory.mktemp("export") / "network"
    return export.write_network(model, where, CONFIG, SPLIT, heads=heads)


def test_the_export_answers_as_the_model_does_with_features_beside(
    model: keras.Model, folder: Path, images: np.ndarray
) -> None:
    batch = images[:5].astype(np.float32)[..., np.newaxis] / 255
    probability, features = Segmenter.load(folder).infer(batch)
    logits, expected = (np.asarray(a) for a in export.with_features(model)(batch, training=False))
    assert np.allclose(probability, 1 / (1 + np.exp(-logits[..., 0])), atol=1e-5)
    assert features == pytest.approx(expected, abs=1e-5)
    deepest = keras.Model(model.input, model.get_layer("bottleneck_2_relu").output)(batch)
    deepest = np.asarray(deepest)
    by_hand = np.concatenate([deepest.mean(axis=(1, 2)), deepest.std(axis=(1, 2))], axis=1)
    assert features == pytest.approx(by_hand, abs=1e-4)


def test_a_network_with_group_norm_answers_as_the_model_does(
    images: np.ndarray, tmp_path: Path
) -> None:
    model = models.build("unet", size=SIZE, base=8, depth=2, norm="group")
    config = replace(CONFIG, architecture="unet", norm="group")
    folder = export.write_network(model, tmp_path / "network", config, SPLIT)
    batch = images[:5].astype(np.float32)[..., np.newaxis] / 255
    probability, features = Segmenter.load(folder).infer(batch)
    logits, expected = (np.asarray(a) for a in export.with_features(model)(batch, training=False))
    assert np.allclose(probability, 1 / (1 + np.exp(-logits[..., 0])), atol=1e-5)
    assert features == pytest.approx(expected, abs=1e-4)


def test_everything_is_under_the_checksums_and_the_gate_is_there(folder: Path) -> None:
    assert networks.read_network(folder) == CONFIG
    assert networks.read_split(folder) == SPLIT
    listed = (folder / networks.SUMS).read_text()
    assert all(name in listed for name in networks.LISTED if name != networks.HISTORY)
    assert Segmenter.load(folder).heads is not None
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".")]


def test_an_altered_gate_is_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    from brainseg.errors import NetworkError

    copy = shutil.copytree(folder, tmp_path / "network")
    data = bytearray((copy / networks.GATE).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / networks.GATE).write_bytes(data)
    with pytest.raises(NetworkError, match=r"gate\.npz does not match its checksum"):
        Segmenter.load(copy)


def test_a_stored_network_is_loaded_as_it_was(model: keras.Model, folder: Path) -> None:
    for mine, stored in zip(model.variables, export.load_model(folder).variables, strict=True):
        assert np.array_equal(np.asarray(mine), np.asarray(stored))


def test_half_precision_halves_the_files_and_hardly_moves_the_answer(
    model: keras.Model, folder: Path, images: np.ndarray, tmp_path: Path
) -> None:
    half = export.write_network(
        export.load_model(folder), tmp_path / "network", CONFIG, None, half=True
    )
    for name in (networks.WEIGHTS, networks.BIN):
        assert (half / name).stat().st_size < 0.85 * (folder / name).stat().st_size
    assert networks.read_split(half) is None
    assert Segmenter.load(half).heads is None
    batch = images[:5].astype(np.float32)[..., np.newaxis] / 255
    exact, rounded = (Segmenter.load(one).probabilities(batch) for one in (folder, half))
    assert 0 < np.abs(exact - rounded).max() < 5e-3
    stored = np.asarray(export.load_model(half).variables[0])
    assert stored.dtype == np.float32


def test_an_average_of_two_networks_lies_between_them(
    model: keras.Model, folder: Path, tmp_path: Path
) -> None:
    other = keras.models.clone_model(model)
    other.set_weights([np.asarray(weight) + 1 for weight in model.get_weights()])
    second = export.write_network(other, tmp_path / "second", CONFIG, SPLIT)
    average(folder, second, tmp_path / "average", 0.75)
    found = export.load_model(tmp_path / "average").get_weights()
    for mine, mixed in zip(model.get_weights(), found, strict=True):
        assert np.asarray(mixed) == pytest.approx(np.asarray(mine) + 0.75, abs=1e-6)
    assert networks.read_split(tmp_path / "average") == SPLIT
    wider = models.build("resunet", size=SIZE, base=16, depth=2)
    config = replace(CONFIG, base=16)
    export.write_network(wider, tmp_path / "wider", config, SPLIT)
    with pytest.raises(ValueError, match="differ in form"):
        average(folder, tmp_path / "wider", tmp_path / "none", 0.5)
