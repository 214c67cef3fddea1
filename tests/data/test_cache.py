from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg import paths
from brainseg.data.cache import build_cache
from brainseg.data.catalog import read_catalog, read_image, read_mask
from brainseg.errors import DataError
from brainseg.preprocess import standardise, standardise_mask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty slices of 24 x 24 and more, the last without a mask; not all are square."""
    root = tmp_path / "set"
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    stream = np.random.default_rng(0)
    for number in range(40):
        shape = (24 + number % 3, 24)
        image = stream.integers(0, 256, shape, dtype=np.uint8)
        assert cv2.imwrite(str(root / "images" / f"{number}.png"), image)
        mask = np.zeros(shape, dtype=np.uint8)
        mask[4:15, 3 : 5 + number % 9] = 255
        if number < 39:
            assert cv2.imwrite(str(root / "masks" / f"{number}_mask.png"), mask)
    return root


def left_overs() -> list[Path]:
    return [path for path in paths.cache().iterdir() if path.name.startswith(".")]


def test_the_arrays_are_what_preprocessing_gives(folder: Path) -> None:
    catalog = read_catalog(folder)
    cache = build_cache(catalog, side=16)
    assert cache.images.shape == cache.masks.shape == (40, 16, 16)
    for sample in catalog.with_truth:
        row = cache.index(sample.number)
        image, _ = standardise(read_image(sample), 16)
        assert np.array_equal(cache.images[row], np.rint(image[..., 0] * 255))
        mask = read_mask(sample)
        assert mask is not None
        assert np.array_equal(cache.masks[row], standardise_mask(mask, 16))


def test_a_sample_without_truth_has_an_empty_mask_and_says_so(folder: Path) -> None:
    cache = build_cache(read_catalog(folder), side=16)
    assert not cache.masks[39].any()
    assert cache.has_truth.tolist() == [True] * 39 + [False]


def test_it_is_built_once_and_again_when_a_file_changes(folder: Path) -> None:
    first = build_cache(read_catalog(folder), side=16)
    stamp = (first.folder / "images.npy").stat().st_mtime_ns
    calls: list[tuple[int, int]] = []
    again = build_cache(read_catalog(folder), side=16, progress=lambda *step: calls.append(step))
    assert again.folder == first.folder
    assert (again.folder / "images.npy").stat().st_mtime_ns == stamp
    assert calls == [(40, 40)]
    assert cv2.imwrite(str(folder / "images" / "0.png"), np.eye(24, dtype=np.uint8))
    changed = build_cache(read_catalog(folder), side=16)
    assert changed.folder != first.folder
    assert not np.array_equal(changed.images[0], first.images[0])


def test_progress_counts_up_to_all(folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    build_cache(read_catalog(folder), side=8, progress=lambda *step: calls.append(step))
    assert calls == sorted(calls)
    assert calls[-1] == (40, 40)


def test_an_unreadable_image_is_named_and_nothing_is_left(folder: Path) -> None:
    (folder / "images" / "17.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"17\.png cannot be read"):
        build_cache(read_catalog(folder), side=16)
    assert list(paths.cache().iterdir()) == []


def test_a_pair_of_two_sizes_is_named(folder: Path) -> None:
    assert cv2.imwrite(str(folder / "masks" / "5_mask.png"), np.zeros((9, 7), dtype=np.uint8))
    with pytest.raises(DataError, match=r"5_mask\.png is 7x9 but its image is 24x26"):
        build_cache(read_catalog(folder), side=16)


@pytest.mark.parametrize("name", ["meta.json", "images.npy", "masks.npy"])
@pytest.mark.parametrize("damage", ["gone", "short"])
def test_a_damaged_cache_is_made_again(folder: Path, name: str, damage: str) -> None:
    catalog = read_catalog(folder)
    expected = build_cache(catalog, side=16)
    images = np.array(expected.images)
    victim = expected.folder / name
    victim.write_bytes(victim.read_bytes()[:50]) if damage == "short" else victim.unlink()
    assert np.array_equal(build_cache(catalog, side=16).images, images)
    assert left_overs() == []


def test_a_full_disk_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100})())
    with pytest.raises(DataError, match="free some space"):
        build_cache(read_catalog(folder), side=16)


def test_an_unknown_number_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="slice 40 is not among the 40 cached slices"):
        build_cache(read_catalog(folder), side=16).index(40)


@pytest.mark.real_data
def test_real_slices_keep_their_range_and_their_tumours(real_data: Path) -> None:
    catalog = read_catalog(real_data / "kaggle_sample")
    cache = build_cache(catalog)
    assert cache.images.shape == (13, 256, 256)
    assert cache.images.max(axis=(1, 2)).min() > 200
    for sample in catalog.samples:
        mask = read_mask(sample)
        assert mask is not None
        scaled = mask.sum() * (256 / mask.shape[0]) ** 2
        assert cache.masks[cache.index(sample.number)].sum() == pytest.approx(scaled, rel=0.1)
