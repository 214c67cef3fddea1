from __future__ import annotations

import cv2
import numpy as np
import pytest

from brainseg import preprocess
from brainseg.errors import ScanError
from brainseg.types import Geometry

SHAPES = [(512, 512), (256, 256), (384, 274), (100, 400), (401, 99), (64, 63), (7, 30), (1, 1)]
SIZES = [64, 128, 256]


def block(shape: tuple[int, int]) -> np.ndarray:
    """A bright rectangle off the centre."""
    height, width = shape
    pixels = np.zeros(shape, np.float32)
    pixels[height // 4 : height // 2 + 1, width // 3 : width // 2 + 1] = 1
    return pixels


def centre(weights: np.ndarray) -> np.ndarray:
    return np.array([(axis * weights).sum() / weights.sum() for axis in np.indices(weights.shape)])


def test_on_0_to_255_min_max_is_division_by_255() -> None:
    pixels = np.arange(256, dtype=np.float32).reshape(16, 16)
    assert np.array_equal(preprocess.rescale(pixels), pixels / np.float32(255))
    image, _ = preprocess.standardise(pixels, 16)
    assert np.array_equal(image[..., 0], pixels / np.float32(255))


def test_gain_and_offset_of_the_scanner_do_not_matter() -> None:
    pixels = np.random.default_rng(0).integers(0, 4096, (60, 60)).astype(np.float32)
    plain, _ = preprocess.standardise(pixels, 64)
    shifted, _ = preprocess.standardise(pixels * 8 - 1024, 64)
    assert np.allclose(plain, shifted, atol=1e-6)


def test_a_flat_scan_is_black() -> None:
    assert not preprocess.rescale(np.full((5, 5), 1234, np.float32)).any()


def test_the_largest_numbers_do_not_overflow() -> None:
    largest = np.finfo(np.float32).max
    found = preprocess.rescale(np.array([[-largest, 0, largest]], np.float32))
    assert found.tolist() == [[0.0, 0.5, 1.0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    pixels = np.zeros((8, 8), np.float32)
    pixels[3, 3] = value
    with pytest.raises(ScanError, match="not finite"):
        preprocess.standardise(pixels, 64)


@pytest.mark.parametrize("shape", [(0, 5), (5,), (2, 5, 5), (5, 5, 1)])
def test_anything_but_one_grey_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ScanError, match="one grey image"):
        preprocess.standardise(np.zeros(shape, np.float32), 64)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", SIZES)
def test_the_input_is_a_square_in_0_to_1(shape: tuple[int, int], size: int) -> None:
    image, geometry = preprocess.standardise(block(shape) * 3000 - 7, size)
    assert image.shape == (size, size, 1)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    assert geometry == Geometry(height=shape[0], width=shape[1], size=size)


def test_padding_never_stretches() -> None:
    rows, columns = np.indices((120, 300))
    disc = ((rows - 60) ** 2 + (columns - 150) ** 2 < 40**2).astype(np.float32)
    image, _ = preprocess.standardise(disc, 150)
    inside = image[..., 0] > 0.5
    height, width = inside.any(axis=1).sum(), inside.any(axis=0).sum()
    assert height == width
    assert abs(width - 40) <= 1


def test_the_padding_is_black_and_on_both_sides() -> None:
    image, _ = preprocess.standardise(np.eye(50, 100, dtype=np.float32) + 5, 100)
    assert not image[:25].any()
    assert not image[75:].any()
    assert image[25:75].any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", SIZES)
def test_restore_undoes_the_geometry(shape: tuple[int, int], size: int) -> None:
    pixels = block(shape)
    image, geometry = preprocess.standardise(pixels, size)
    restored = preprocess.restore(image[..., 0], geometry)
    assert restored.shape == shape
    assert restored.dtype == np.float32
    if not pixels.all():
        pixel = max(1.0, geometry.side / size)  # the coarser of the two grids
        assert np.abs(centre(restored) - centre(pixels)).max() < 0.5 * pixel
        assert restored.sum() == pytest.approx(pixels.sum(), rel=0.35 if min(shape) < 30 else 0.1)


@pytest.mark.parametrize("size", [64, 129])
def test_a_marked_pixel_stays_where_it_is_at_every_odd_size(size: int) -> None:
    rng = np.random.default_rng(size)
    for height in range(33, 513, 2):
        width = int(rng.choice(np.arange(33, 513, 2)))
        row, column = (
            rng.integers(height // 4, 3 * height // 4),
            rng.integers(width // 4, width // 2),
        )
        pixels = np.zeros((height, width), np.float32)
        pixels[row, column] = 1
        image, geometry = preprocess.standardise(pixels, size)
        restored = preprocess.restore(image[..., 0], geometry)
        off = np.abs(centre(restored) - (row, column)).max()
        assert off < 0.51 * max(1.0, geometry.side / size), (height, width, row, column)


@pytest.mark.parametrize("shape", [(256, 256), (300, 200)])
def test_restore_is_the_exact_inverse_where_nothing_is_resized(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).random(shape, dtype=np.float32)
    pixels[0, 0], pixels[-1, -1] = 0, 1
    image, geometry = preprocess.standardise(pixels, max(shape))
    assert np.allclose(preprocess.restore(image[..., 0], geometry), pixels, atol=1e-6)


def test_image_and_mask_stay_on_each_other() -> None:
    pixels = block((384, 274))
    image, geometry = preprocess.standardise(pixels, 128)
    mask = preprocess.standardise_mask(pixels > 0, 128)
    assert np.array_equal(image[..., 0] >= 0.5, mask)
    back = preprocess.restore(mask.astype(np.float32), geometry) >= 0.5
    half_a_cell = np.ones((5, 5), np.uint8)  # 3 scan pixels make one of the network's
    rim = cv2.dilate(pixels, half_a_cell) != cv2.erode(pixels, half_a_cell)
    assert not (back != (pixels > 0))[~rim].any()


def test_a_mask_pixel_needs_half_of_its_area() -> None:
    mask = np.zeros((8, 8), bool)
    mask[0, 0] = True  # a quarter of the first 2 x 2
    mask[0, 2:4] = True  # half of the second
    mask[2:4, 0:2] = True
    mask[4, 4] = mask[4, 5] = mask[5, 4] = True  # three quarters
    expected = np.zeros((4, 4), bool)
    expected[0, 1] = expected[1, 0] = expected[2, 2] = True
    found = preprocess.standardise_mask(mask, 4)
    assert found.dtype == bool
    assert np.array_equal(found, expected)


def test_masks_keep_their_area() -> None:
    rows, columns = np.indices((512, 512))
    mask = (rows - 200) ** 2 + (columns - 300) ** 2 < 33**2
    for size in SIZES:
        share = preprocess.standardise_mask(mask, size).mean()
        assert share == pytest.approx(mask.mean(), rel=0.06)


def test_empty_and_full_masks_stay_so() -> None:
    assert not preprocess.standardise_mask(np.zeros((90, 90), bool), 64).any()
    assert preprocess.standardise_mask(np.ones((90, 90), bool), 64).all()


def test_a_long_thin_picture_is_refused_before_it_eats_memory():
    with pytest.raises(ScanError, match="16384x1"):
        preprocess.standardise(np.zeros((16384, 1), np.float32), 64)


def test_equalising_spreads_the_levels_of_the_head_evenly_and_leaves_the_air():
    random = np.random.default_rng(0)
    image = np.zeros((64, 64, 1), np.float32)
    image[:16] = random.uniform(0, preprocess.AIR, (16, 64, 1))
    image[16:] = random.uniform(0.2, 0.3, (48, 64, 1))  # a head of few levels
    image[16:18] = 1.0  # and bright fat
    spread = preprocess.equalise(image)
    assert spread.dtype == np.float32
    assert np.array_equal(spread[:16], image[:16])
    order = np.argsort(image[16:].ravel(), kind="stable")
    assert (np.diff(spread[16:].ravel()[order]) >= 0).all()
    ranks = (np.arange(order.size) + 0.5) / order.size
    expected = preprocess.AIR + (1 - preprocess.AIR) * ranks
    tissue = slice(0, 46 * 64)
    assert np.abs(spread[16:].ravel()[order] - expected)[tissue].max() < 0.06
    assert spread.max() <= 1


@pytest.mark.parametrize("gamma", [0.7, 1.4])
def test_equalising_undoes_a_gamma(gamma: float):
    random = np.random.default_rng(1)
    image = random.uniform(0.3, 1.0, (64, 64)).astype(np.float32)
    plain, curved = preprocess.equalise(image), preprocess.equalise(image**gamma)
    assert np.abs(plain - curved).max() < 0.02


def test_equalising_nothing_changes_nothing():
    black = np.zeros((8, 8, 1), np.float32)
    assert np.array_equal(preprocess.equalise(black), black)
