"""The shipped networks: intact, described, and as good on the demo data as the card says."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from brainseg import networks, paths
from brainseg.data.catalog import read_catalog, read_image, upright
from brainseg.evaluate import evaluate
from brainseg.inference import Segmenter, load
from brainseg.training.planning import open_data
from brainseg.types import Scan
from tests import shipped_outputs

NAMES = ("unet", "resunet")


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_network_is_intact_and_small(name: str):
    folder = networks.find_network(name)
    assert folder == paths.PRETRAINED / name
    assert networks.read_network(folder).architecture == name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 24 * 2**20


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_three_synthetic_slices_as_it_did_when_it_was_shipped(name: str):
    stored = json.loads(shipped_outputs.STORED.read_text())[name]
    assert stored["fingerprint"] == networks.fingerprint(name), (
        "the network was replaced: run `python -m tests.shipped_outputs`"
    )
    found = shipped_outputs.answers(name)
    assert found.keys() == stored["answers"].keys()
    for title, cells in found.items():
        expected = stored["answers"][title]
        assert np.abs(np.subtract(cells, expected)).max() <= shipped_outputs.TOLERANCE, title
        assert np.max(expected) > 0.2, f"{title}: an answer of nothing tests nothing"


@pytest.mark.parametrize("name", NAMES)
def test_it_has_features_and_knows_what_heads_look_like(name: str):
    segmenter = load(name)
    assert segmenter.has_features
    assert segmenter.heads is not None
    assert 1 < segmenter.heads.limit < 3


@pytest.mark.parametrize("name", NAMES)
def test_no_patient_is_on_two_sides_of_its_split(name: str, real_data: Path):
    split = networks.read_split(networks.find_network(name))
    opened = open_data(real_data / "cheng256", real_data / "normal256")
    patient = {s.number: s.patient for catalog in opened for s in catalog.samples}
    parts = [{patient[n] for n in part} for part in (split.train, split.val, split.test)]
    assert all(parts)
    for first, second in itertools.combinations(parts, 2):
        assert not first & second


@pytest.mark.parametrize("orientation", ["file", "upright"])
@pytest.mark.parametrize("name", NAMES)
def test_it_finds_the_tumours_of_the_demo_data(name: str, orientation: str, demo_data: Path):
    catalog = read_catalog(demo_data)
    segmenter = Segmenter.load(networks.find_network(name))
    numbers = [sample.number for sample in catalog.with_truth]
    found = evaluate(segmenter, catalog, numbers, orientation=orientation)
    assert found.summary["dice"] >= 0.6


@pytest.mark.parametrize("name", NAMES)
def test_its_weights_are_the_ones_it_predicts_with(name: str, demo_data: Path):
    from brainseg import saliency

    folder = networks.find_network(name)
    catalog = read_catalog(demo_data)
    pixels = np.ascontiguousarray(upright(read_image(catalog.samples[0]), catalog))
    segmenter = Segmenter.load(folder)
    image = segmenter_input(pixels, segmenter.config.size)
    model = saliency.open_network(folder).model
    logits = np.asarray(model(image, training=False))[..., 0]
    expected = 1 / (1 + np.exp(-logits.astype(np.float64)))
    found = segmenter.probabilities(image)
    assert np.abs(found - expected).max() < 0.02  # float16 storage, where ship chose it, rounds
    assert segmenter.predict(Scan(pixels=pixels)).probability.shape == pixels.shape


def segmenter_input(pixels: np.ndarray, size: int) -> np.ndarray:
    from brainseg.preprocess import standardise

    return standardise(pixels, size)[0][np.newaxis]
