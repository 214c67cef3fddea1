"""Every method against networks whose answer is known, and the check against a random network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from brainseg import models, networks, saliency, saliency_methods, saliency_sanity
from brainseg.data.catalog import read_catalog, read_image
from brainseg.errors import ConfigError
from brainseg.saliency_methods import Opened
from brainseg.saliency_request import METHODS, Question, Target, depths
from brainseg.types import Scan

SIDE = 16
KERNEL = np.array([[0, 1, 0], [1, -2, 3], [0, 1, 0]], dtype=np.float32)
WHERE = (5, 9)
RANDOM = np.random.default_rng(3)
IMAGE = RANDOM.uniform(size=(SIDE, SIDE, 1)).astype(np.float32)


def opened(model: keras.Model) -> Opened:
    return Opened(model=model, logits=lambda x: np.asarray(model(x, training=False))[..., 0])


@pytest.fixture(scope="module")
def linear() -> Opened:
    """One linear layer: the logit at a pixel is a weighted sum of its neighbourhood, plus 0.5."""
    layer = keras.layers.Conv2D(1, 3, padding="same")
    inputs = keras.Input((SIDE, SIDE, 1))
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([KERNEL[..., np.newaxis, np.newaxis], np.array([0.5], dtype=np.float32)])
    return opened(model)


@pytest.fixture(scope="module")
def question() -> Question:
    weights = np.zeros((SIDE, SIDE), dtype=np.float32)
    weights[WHERE] = 1.0
    return Question(image=IMAGE, weights=weights)


@pytest.fixture(scope="module")
def known_gradient() -> np.ndarray:
    """Of the linear network at ``WHERE``: its kernel, laid around that pixel."""
    map_ = np.zeros((SIDE, SIDE), dtype=np.float32)
    map_[4:7, 8:11] = KERNEL
    return map_


@pytest.mark.parametrize("method", ["gradient", "smoothgrad"])
def test_the_gradient_of_a_linear_network_is_its_kernel(
    linear: Opened, question: Question, known_gradient: np.ndarray, method: str
):
    found = saliency_methods.compute(linear, question, method)
    assert found == pytest.approx(known_gradient, abs=1e-5)


def test_integrated_gradients_of_a_linear_network_are_kernel_times_image(
    linear: Opened, question: Question, known_gradient: np.ndarray
):
    found = saliency_methods.compute(linear, question, "integrated")
    assert found == pytest.approx(known_gradient * IMAGE[..., 0], abs=1e-5)


def test_integrated_gradients_sum_to_the_difference_of_the_output(linear: Opened):
    """Completeness (Sundararajan et al. 2017), through the whole path, for the predicted mask."""
    found = saliency.explain(linear, Scan(pixels=IMAGE[..., 0]), "integrated")
    assert found.difference is not None
    assert found.grid.sum() == pytest.approx(found.difference, rel=1e-4)
    assert found.completeness_error is not None
    assert found.completeness_error < 1e-4


def test_occlusion_of_a_linear_network_is_what_the_patch_contributed(
    linear: Opened, question: Question
):
    """Patches of 2 x 2, each pixel under up to four: the fall is the hidden part of the sum."""
    found = saliency_methods.compute(linear, question, "occlusion")
    parts = np.zeros((SIDE + 1, SIDE + 1))
    parts[4:7, 8:11] = KERNEL * IMAGE[4:7, 8:11, 0]
    falls = {(r, c): parts[r : r + 2, c : c + 2].sum() for r in range(SIDE) for c in range(SIDE)}
    row, column = WHERE
    over = [falls[row - i, column - j] for i in (0, 1) for j in (0, 1)]
    assert found[WHERE] == pytest.approx(np.mean(over), abs=1e-4)
    assert found[0, 0] == pytest.approx(0.0, abs=1e-5)


@pytest.fixture(scope="module")
def small() -> keras.Model:
    keras.utils.set_random_seed(1)
    return models.build("resunet", size=32, base=4, depth=2)


@pytest.mark.parametrize("depth", depths(2))
def test_gradcam_looks_at_every_depth_and_is_never_negative(small: keras.Model, depth: str):
    image = np.random.default_rng(0).uniform(size=(32, 32, 1)).astype(np.float32)
    asked = Question(image=image, weights=np.ones((32, 32), np.float32), depth=depth)
    found = saliency_methods.compute(opened(small), asked, "gradcam")
    assert found.shape == (32, 32)
    assert found.min() >= 0.0


def test_gradcam_weighs_features_by_their_mean_gradient():
    """Two features, twice and minus once the image; logits = 3 x first + 1 x second."""
    inputs = keras.Input((8, 8, 1))
    features = keras.layers.Conv2D(2, 1, name="features", use_bias=False)
    relu = keras.layers.ReLU(name="bottleneck_2_relu")
    last = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(inputs, last(relu(features(inputs))))
    features.set_weights([np.array([[[[2.0, -1.0]]]], dtype=np.float32)])
    last.set_weights([np.array([[[[3.0], [1.0]]]], dtype=np.float32)])
    image = np.random.default_rng(0).uniform(size=(8, 8, 1)).astype(np.float32)
    asked = Question(image=image, weights=np.ones((8, 8), np.float32))
    found = saliency_methods.compute(opened(model), asked, "gradcam")
    assert found == pytest.approx(2.0 * 3.0 * image[..., 0], rel=1e-4)


def test_unknown_methods_and_depths_are_refused(linear: Opened, question: Question):
    with pytest.raises(ConfigError, match="occlusion"):
        saliency_methods.compute(linear, question, "guided-backprop")
    with pytest.raises(ConfigError, match="bottleneck"):
        saliency_methods.compute(linear, Question(
            image=IMAGE, weights=question.weights, depth="encoder9"), "gradcam")  # fmt: skip


class Stop(BaseException):
    """As Streamlit stops a script: no Exception."""


@pytest.mark.parametrize("method", METHODS)
def test_what_the_progress_raises_ends_the_computation_within_a_step(
    small: keras.Model, method: str
):
    image = np.full((32, 32, 1), 0.5, dtype=np.float32)
    told = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        raise Stop

    asked = Question(image=image, weights=np.ones((32, 32), np.float32))
    with pytest.raises(Stop):
        saliency_methods.compute(opened(small), asked, method, stop)
    assert len(told) == 1


def test_a_random_network_randomised_again_with_its_own_seed_changes_nothing():
    """So the check says what it must of a map that does not change: it fails."""
    model = models.build("unet", size=32, base=4, depth=2)
    for name in ("logits", *depths(2)):
        saliency_sanity.randomise(model, name, seed=0)
    image = np.random.default_rng(0).uniform(size=(32, 32, 1)).astype(np.float32)
    asked = Question(image=image, weights=np.ones((32, 32), np.float32))
    found = saliency_sanity.check_model(model, asked, "gradient", seed=0)
    assert [stage.layer for stage in found.stages] == [
        "", "logits", "decoder1", "decoder2", "bottleneck", "encoder2", "encoder1",
    ]  # fmt: skip
    assert [s.rank_correlation for s in found.stages] == pytest.approx([1.0] * 7)
    assert [s.overlap for s in found.stages] == [1.0] * 7
    assert not found.passes


def test_a_method_that_shows_the_picture_fails_the_check(
    small: keras.Model, monkeypatch: pytest.MonkeyPatch
):
    """As guided backpropagation does: edges of the picture, whatever the weights."""
    monkeypatch.setitem(
        saliency_methods._METHODS, "gradient",
        lambda opened, question, progress: np.abs(np.gradient(question.image[..., 0])[0]),
    )  # fmt: skip
    image = np.random.default_rng(0).uniform(size=(32, 32, 1)).astype(np.float32)
    asked = Question(image=image, weights=np.ones((32, 32), np.float32))
    copy = keras.models.clone_model(small)
    assert not saliency_sanity.check_model(copy, asked, "gradient").passes


@pytest.fixture(scope="module")
def trained(demo_data: Path) -> tuple[Path, Opened, Scan]:
    folder = networks.find_network("unet")
    sample = next(s for s in read_catalog(demo_data).samples if s.tumour != "none")
    return folder, saliency.open_network(folder), Scan(pixels=read_image(sample))


def test_the_gradient_of_the_trained_network_passes_the_check(trained):
    folder, network, scan = trained
    found = saliency.explain(network, scan, "gradient")
    checked = saliency_sanity.check(folder, found.question, "gradient")
    assert checked.stages[0].rank_correlation == pytest.approx(1.0)
    assert checked.passes
    again = saliency.explain(network, scan, "gradient")  # the network itself was not touched
    assert np.array_equal(again.grid, found.grid)


def test_the_trained_network_explains_its_largest_component_and_a_pixel_in_scan_geometry(trained):
    _, network, scan = trained
    largest = saliency.explain(network, scan, target=Target(kind="component", number=1))
    assert "component 1 of" in largest.target
    assert largest.values.shape == scan.pixels.shape
    assert np.abs(largest.values).max() <= np.abs(largest.grid).max() * 1.0001
    row, column = (int(n) for n in np.argwhere(scan.pixels == scan.pixels.max())[0])
    pixel = saliency.explain(network, scan, target=Target(kind="pixel", row=row, column=column))
    assert pixel.question.weights.sum() == 1


def test_curves_and_stability_of_the_trained_network(trained):
    _, network, scan = trained
    found = saliency.explain(network, scan, "gradient")
    curves, chance = saliency.removal(network, found)
    assert curves.deletion[0] == pytest.approx(curves.insertion[-1])  # both are the whole slice
    assert curves.deletion[0] >= 0.5  # the mean over predicted pixels
    assert curves.deletion[0] == pytest.approx(chance.deletion[0])
    steady = saliency.stability(network, found)
    assert steady.sensitivity > 0
    assert -1 <= steady.rank_correlation <= 1


def test_the_map_of_a_turned_scan_is_the_turned_map(linear: Opened):
    scan = np.pad(IMAGE[..., 0], ((0, 0), (0, 0)))
    plain = saliency.explain(linear, Scan(pixels=scan, source="scan"), "gradient")
    turning = replace(linear, turns=lambda images: np.full(len(images), 3))
    lying = Scan(pixels=np.ascontiguousarray(np.rot90(scan, 3)), source="lying")
    found = saliency.explain(turning, lying, "gradient")
    np.testing.assert_allclose(np.rot90(found.values, -3), plain.values, atol=1e-6)
    np.testing.assert_array_equal(found.question.image, plain.question.image)
    pixel = Target.parse("pixel 3,4")
    there = saliency.explain(linear, Scan(pixels=scan, source="scan"), "gradient", target=pixel)
    turned_pixel = Target.parse(f"pixel 4,{SIDE - 1 - 3}")  # np.rot90 by three quarters
    again = saliency.explain(turning, lying, "gradient", target=turned_pixel)
    np.testing.assert_allclose(np.rot90(again.values, -3), there.values, atol=1e-6)
