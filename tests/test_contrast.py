"""Networks that see the scan equalised: in prediction, activations, saliency, and training on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brainseg import preprocess, saliency
from brainseg.errors import ConfigError
from brainseg.inference import Segmenter
from brainseg.training.planning import new_run
from brainseg.training.recipes import recipe
from brainseg.types import Scan
from tests.test_inference import SIDE, export
from tests.test_saliency import IMAGE, linear  # noqa: F401


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("network") / "even", contrast="equalised")


@pytest.fixture(scope="module")
def scan() -> Scan:
    random = np.random.default_rng(2)
    return Scan(pixels=random.gamma(2.0, 300.0, (48, 40)).astype(np.float32))


def test_a_prediction_is_of_the_equalised_scan(folder: Path, scan: Scan):
    segmenter = Segmenter.load(folder)
    image, geometry = preprocess.standardise(scan.pixels, SIDE)
    expected = 1 / (1 + np.exp(-20 * (preprocess.equalise(image)[..., 0] - 0.5)))
    found = segmenter.predict(scan).probability
    np.testing.assert_allclose(found, preprocess.restore(expected, geometry), atol=1e-4)
    np.testing.assert_array_equal(segmenter.predict_many([scan])[0].probability, found)


def test_a_gamma_hardly_changes_what_it_sees(folder: Path):
    segmenter = Segmenter.load(folder)
    pixels = np.random.default_rng(4).uniform(0.2, 1.0, (SIDE, SIDE)).astype(np.float32)
    pixels[0, 0] = 0.0  # air
    one, other = (segmenter.seen(Scan(pixels=pixels**g))[0] for g in (1.0, 1.4))
    assert np.abs(one - other).max() < 0.03
    plain, curved = (preprocess.standardise(pixels**g, SIDE)[0] for g in (1.0, 1.4))
    assert np.abs(plain - curved).max() > 0.08


def test_saliency_explains_the_equalised_scan(linear: saliency.Opened):  # noqa: F811
    scan = Scan(pixels=IMAGE[..., 0] ** 3)
    image = preprocess.standardise(scan.pixels, len(IMAGE))[0]
    for contrast, seen in (("linear", image), ("equalised", preprocess.equalise(image))):
        found = saliency.explain(replace(linear, contrast=contrast), scan, "gradient")
        np.testing.assert_array_equal(found.question.image, seen)


def test_first_weights_of_another_contrast_are_refused(folder: Path, demo_data: Path):
    config = recipe("quick", model="unet", data=str(demo_data), initial=str(folder))
    with pytest.raises(ConfigError, match=r"give .*--contrast equalised"):
        new_run(config)
