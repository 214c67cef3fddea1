"""Which side of a head is up, and networks that see heads upright only."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from brainseg import orientation
from brainseg.data.catalog import read_catalog, read_image, upright
from brainseg.errors import NetworkError
from brainseg.inference import Segmenter
from brainseg.training.prepare import load_data
from brainseg.training.recipes import recipe
from brainseg.types import Scan, Split
from tests.test_inference import SIDE, export


@pytest.fixture(scope="module")
def heads(demo_data: Path) -> np.ndarray:
    """Synthetic slices as a network would see them, upright: (N, 512, 512, 1) in 0..1."""
    catalog = read_catalog(demo_data)
    slices = [upright(read_image(sample), catalog) for sample in catalog.samples]
    return np.stack(slices)[..., np.newaxis].astype(np.float32) / 255


def test_most_heads_are_known_to_be_upright(heads: np.ndarray):
    assert np.mean(orientation.quarter_turns(heads) == 0) >= 0.9


def test_a_turned_slice_is_told_as_much_more_turned_however_it_lay(heads: np.ndarray):
    first = orientation.quarter_turns(heads)
    for turn in (1, 2, 3):
        views = np.rot90(heads, turn, axes=(1, 2))
        assert (orientation.quarter_turns(views) == (first + turn) % 4).all()


def test_arrays_are_turned_each_by_its_own_number_and_back():
    arrays = np.random.default_rng(0).random((4, 5, 5, 2))
    turns = np.array([0, 1, 2, 3])
    there = orientation.turned(arrays, turns)
    np.testing.assert_array_equal(there[3], np.rot90(arrays[3], 3))
    np.testing.assert_array_equal(orientation.turned(there, -turns), arrays)


@pytest.mark.parametrize("name", [orientation.BIN, orientation.XML, orientation.SUMS])
@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_a_damaged_network_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
):
    folder = shutil.copytree(orientation.FOLDER, tmp_path / "orientation")
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"0" + (folder / name).read_bytes()[1:])
    monkeypatch.setattr(orientation, "FOLDER", folder)
    orientation._request.cache_clear()
    with pytest.raises(NetworkError, match="install it again"):
        orientation.quarter_turns(np.zeros((1, 64, 64, 1), np.float32))
    orientation._request.cache_clear()


@pytest.fixture(scope="module")
def by_row(tmp_path_factory: pytest.TempPathFactory) -> tuple[Segmenter, Segmenter]:
    """The same network, whose answer depends on the row: as scans lie, and as heads stand."""
    folder = tmp_path_factory.mktemp("networks")
    plain = export(folder / "plain", by_row=True, features=True)
    turning = export(folder / "turning", by_row=True, features=True, orientation="upright")
    return Segmenter.load(plain), Segmenter.load(turning)


def test_a_network_of_upright_heads_answers_alike_however_the_scan_lies(by_row, heads: np.ndarray):
    plain, turning = by_row
    for head in heads[:6]:
        scan = Scan(pixels=head[..., 0], source="head")
        first = turning.predict(scan)
        for turn in (1, 2, 3):
            lying = Scan(pixels=np.ascontiguousarray(np.rot90(scan.pixels, turn)), source="lying")
            again = turning.predict(lying)
            back = np.rot90(again.probability, -turn)
            np.testing.assert_allclose(back, first.probability, atol=1e-5)
            np.testing.assert_allclose(again.features[0], first.features[0], atol=1e-5)
        as_it_lies = np.rot90(plain.predict(lying).probability, -3)
        assert not np.allclose(as_it_lies, plain.predict(scan).probability, atol=0.1)


def test_it_sees_an_upright_head_as_it_is(by_row, heads: np.ndarray):
    plain, turning = by_row
    known = heads[orientation.quarter_turns(heads) == 0][:4]
    scans = [Scan(pixels=head[..., 0], source="head") for head in known]
    for one, other in zip(plain.predict_many(scans), turning.predict_many(scans), strict=True):
        np.testing.assert_array_equal(one.probability, other.probability)


def test_logits_are_of_the_images_as_they_lie(by_row):
    plain, turning = by_row
    images = np.random.default_rng(1).random((2, SIDE, SIDE, 1)).astype(np.float32)
    np.testing.assert_array_equal(plain.logits(images), turning.logits(images))
    assert plain.turns(images).tolist() == [0, 0]


@pytest.mark.parametrize("settings", [{}, {"augment": "none", "tumour_free": "healthy"}])
def test_training_shows_slices_as_prediction_will(
    demo_data: Path, tmp_path: Path, settings: dict[str, str]
):
    """Also without augmentation, where tumour-free slices that lie otherwise would tell a label."""
    numbers = tuple(sample.number for sample in read_catalog(demo_data).samples)
    if "tumour_free" in settings:
        shutil.copytree(demo_data / "images", tmp_path / "healthy" / "images")
        settings = {**settings, "tumour_free": str(tmp_path / "healthy")}
    split = Split(train=numbers[:-4], val=numbers[-4:], test=(), seed=0, unit="slice")
    config = recipe("quick", model="unet", data=str(demo_data), size=64, **settings)
    assert config.upright
    found = load_data(config, split).data
    images = found.images[..., np.newaxis] / np.float32(255)
    assert (orientation.quarter_turns(images) == 0).all()
    assert found.masks.shape == found.images.shape
