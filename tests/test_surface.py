from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import metrics as skimage_metrics

from brainseg import surface


@pytest.fixture(params=range(6))
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Two blobs with holes and pieces, one touching the edge of the image."""
    rng = np.random.default_rng(request.param)
    smooth = ndimage.gaussian_filter(rng.normal(size=(2, 60, 80)), (0, 4, 4))
    return smooth[0] > 0.06, smooth[1] > 0.08


def _by_distance_maps(one: np.ndarray, other: np.ndarray, spacing=(1.0, 1.0)) -> list[np.ndarray]:
    """The same distances read from Euclidean distance maps of the outlines."""
    cross = ndimage.generate_binary_structure(2, 1)
    outlines = [m & ~ndimage.binary_erosion(m, cross, border_value=0) for m in (one, other)]
    maps = [ndimage.distance_transform_edt(~line, sampling=spacing) for line in outlines]
    return [maps[1][outlines[0]], maps[0][outlines[1]]]


def test_the_outline_is_the_mask_less_its_erosion(pair):
    for mask in pair:
        inner = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(2, 1))
        assert np.array_equal(surface.outline(mask), mask & ~inner)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.49, 0.49), (0.5, 2.0)])
def test_distances_agree_with_distance_maps(pair, spacing):
    expected = _by_distance_maps(*pair, spacing)
    found = surface.distances(*pair, spacing)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.sort(one), np.sort(other), atol=1e-9)
    high = max(np.percentile(way, 95) for way in expected)
    assert surface.hausdorff95(*pair, spacing) == pytest.approx(high)
    everything = np.concatenate(expected)
    assert surface.mean_distance(*pair, spacing) == pytest.approx(everything.mean())


def test_the_hundredth_percentile_is_the_hausdorff_distance_of_scikit_image(pair):
    lines = [surface.outline(mask) for mask in pair]
    expected = skimage_metrics.hausdorff_distance(*lines)
    assert surface.hausdorff(surface.distances(*pair), 100) == pytest.approx(expected)


def test_two_squares_three_pixels_apart_by_hand():
    one, other = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    one[5:8, 5:8] = True
    other[5:8, 8:11] = True
    found = surface.distances(one, other)
    # of 8 outline pixels, 3 columns lie 1, 2 and 3 from the other square; the middle is inside
    expected = [1, 1, 1, 2, 2, 3, 3, 3]
    assert sorted(found[0]) == sorted(found[1]) == expected
    assert surface.hausdorff95(one, other) == 3
    assert surface.mean_distance(one, other) == 2
    assert surface.mean_distance(one, other, (0.5, 0.5)) == 1


def test_one_far_pixel_in_a_hundred_is_forgiven_by_95_percent_and_a_piece_is_not():
    truth = np.zeros((100, 100), bool)
    truth[20:60, 20:60] = True
    spot = truth.copy()
    spot[95, 95] = True
    assert surface.hausdorff95(spot, truth) == 0
    assert surface.hausdorff(surface.distances(spot, truth), 100) > 40
    piece = truth.copy()
    piece[80:95, 80:95] = True
    assert surface.hausdorff95(piece, truth) > 30
    assert surface.hausdorff95(truth, piece) == surface.hausdorff95(piece, truth)


def test_equal_masks_lie_at_zero_and_a_single_pixel_has_an_outline():
    dot = np.zeros((9, 9), bool)
    dot[4, 4] = True
    assert surface.outline(dot).sum() == 1
    assert surface.hausdorff95(dot, dot) == surface.mean_distance(dot, dot) == 0


def test_a_distance_to_nothing_is_undefined():
    dot, empty = np.eye(5, dtype=bool), np.zeros((5, 5), bool)
    for one, other in ((dot, empty), (empty, dot), (empty, empty)):
        assert surface.hausdorff95(one, other) is None
        assert surface.mean_distance(one, other) is None


def test_the_edge_of_the_image_is_outline():
    full = np.ones((4, 5), bool)
    assert surface.outline(full).sum() == 2 * 5 + 2 * 2


def test_masks_of_different_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        surface.hausdorff95(np.ones((2, 3), bool), np.ones((3, 2), bool))
