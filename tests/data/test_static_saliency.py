from __future__ import annotations

import numpy as np
import pytest

from brainseg.data.static_saliency import METHODS, _surround, fine_grained, spectral_residual

BOTH = pytest.mark.parametrize("method", [spectral_residual, fine_grained])


def disc(side: int = 256, centre: tuple[int, int] = (90, 150), radius: int = 14) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2
    return (40.0 + 100.0 * inside).astype(np.float32)


def test_there_is_a_name_for_each_map() -> None:
    assert len(METHODS) == 2


@BOTH
@pytest.mark.parametrize("value", [0.0, 87.0])
def test_a_flat_image_has_no_salient_pixel(method, value: float) -> None:
    found = method(np.full((64, 80), value, dtype=np.float32))
    assert found.shape == (64, 80)
    assert not found.any()


@BOTH
def test_a_bright_disc_is_salient(method) -> None:
    found = method(disc())
    near = np.s_[90 - 24 : 90 + 24, 150 - 24 : 150 + 24]
    away = found.copy()
    away[near] = 0
    assert found[near].mean() > 5 * away.mean()
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert np.hypot(row - 90, column - 150) < 24


def test_a_dark_disc_is_as_salient_as_a_bright_one_to_centre_and_surround() -> None:
    np.testing.assert_allclose(fine_grained(disc()), fine_grained(-disc()), atol=1e-4)


@BOTH
def test_maps_span_zero_to_one_and_keep_the_shape(method) -> None:
    rng = np.random.default_rng(0)
    found = method(rng.uniform(0, 255, (96, 130)).astype(np.float32))
    assert found.shape == (96, 130)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() == 1


@BOTH
def test_brightness_and_contrast_do_not_matter(method) -> None:
    image = disc() + np.random.default_rng(1).normal(0, 3, (256, 256)).astype(np.float32)
    np.testing.assert_allclose(method(3 * image + 20), method(image), atol=2e-2)


@BOTH
def test_a_transposed_image_has_the_transposed_map(method) -> None:
    image = disc()
    np.testing.assert_allclose(method(image.T), method(image).T, atol=1e-3)


@BOTH
def test_the_image_is_left_as_it_was(method) -> None:
    image = disc()
    method(image)
    np.testing.assert_array_equal(image, disc())


def test_a_surround_is_the_mean_of_the_square_without_its_centre() -> None:
    image = np.random.default_rng(2).uniform(0, 255, (20, 30)).astype(np.float32)
    for row, column in ((0, 0), (19, 29), (10, 15), (3, 27)):
        rows = slice(max(row - 4, 0), row + 5)
        columns = slice(max(column - 4, 0), column + 5)
        square = image[rows, columns]
        mean = (square.sum(dtype=np.float64) - image[row, column]) / (square.size - 1)
        assert _surround(image, 4)[row, column] == pytest.approx(mean, rel=1e-5)
