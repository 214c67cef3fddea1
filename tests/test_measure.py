from __future__ import annotations

import math

import numpy as np
import pytest

from brainseg import mesh
from brainseg.measure import measure

SPACING = (5.0, 0.5, 2.0)  # slice, row, column


def box(depth: int = 4, height: int = 20, width: int = 30) -> np.ndarray:
    mask = np.zeros((depth, height, width), bool)
    mask[1:3, 4:10, 5:17] = True
    return mask


def test_an_empty_mask_measures_nothing_and_has_no_diameter():
    found = measure(np.zeros((3, 8, 8), bool), SPACING)
    assert found.area_px == (0, 0, 0)
    assert found.volume_ml == 0.0
    assert found.components == 0
    assert found.largest_diameter_mm is None
    assert found.largest_diameter_slice is None


def test_without_spacing_there_are_pixels_and_pieces_only():
    found = measure(box(), None)
    assert found.area_px == (0, 72, 72, 0)
    assert found.components == 1
    assert found.area_mm2 is found.volume_ml is found.largest_diameter_mm is None


def test_a_box_measures_its_sides():
    found = measure(box(), SPACING)
    assert found.area_mm2 == (0.0, 72.0, 72.0, 0.0)
    assert found.volume_ml == pytest.approx(2 * 72 * 5 / 1000)
    assert found.largest_diameter_mm == pytest.approx(math.hypot(6 * 0.5, 12 * 2.0), rel=1e-6)
    assert found.largest_diameter_slice == 1


def test_one_pixel_is_as_long_as_its_diagonal():
    mask = np.zeros((1, 5, 5), bool)
    mask[0, 0, 4] = True
    found = measure(mask, (1.0, 3.0, 4.0))
    assert found.largest_diameter_mm == pytest.approx(5.0)
    assert found.volume_ml is None  # one slice has no thickness that a file states


def test_the_diameter_of_a_disc_is_its_diameter():
    rows, columns = np.indices((80, 80))
    disc = ((rows - 40) ** 2 + (columns - 40) ** 2 <= 30**2)[np.newaxis]
    assert measure(disc, (1.0, 1.0, 1.0)).largest_diameter_mm == pytest.approx(61, abs=1)


def test_a_diameter_never_spans_two_pieces():
    mask = np.zeros((1, 10, 60), bool)
    mask[0, 2:5, 2:5] = mask[0, 2:5, 50:54] = True
    found = measure(mask, (1.0, 1.0, 1.0))
    assert found.components == 2
    assert found.largest_diameter_mm == pytest.approx(5.0)


def test_pieces_that_touch_at_a_corner_of_the_next_slice_are_one():
    mask = np.zeros((2, 6, 6), bool)
    mask[0, 2, 2] = mask[1, 3, 3] = True
    assert measure(mask, None).components == 1
    mask[1, 3, 3], mask[1, 5, 5] = False, True
    assert measure(mask, None).components == 2


def test_turning_the_slices_changes_no_measure():
    mask = np.random.default_rng(0).random((3, 12, 12)) > 0.7
    straight, turned = measure(mask, (2, 1, 1)), measure(np.rot90(mask, axes=(1, 2)), (2, 1, 1))
    assert straight == turned


@pytest.mark.parametrize(
    "spacing", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, math.nan, 1.0), (math.inf, 1.0, 1.0)]
)
def test_a_spacing_that_is_none_is_refused(spacing):
    with pytest.raises(ValueError, match="positive"):
        measure(box(), spacing)


def test_where_the_distance_of_the_slices_is_not_told_there_is_no_volume():
    found = measure(box(), (math.nan, *SPACING[1:]))
    assert found.volume_ml is None
    assert found.area_mm2 == measure(box(), SPACING).area_mm2
    assert found.largest_diameter_mm == measure(box(), SPACING).largest_diameter_mm


def test_a_single_slice_is_refused_without_its_axis():
    with pytest.raises(ValueError, match=r"\(D, H, W\)"):
        measure(np.zeros((4, 4), bool), None)


def enclosed(surface: mesh.Mesh) -> float:
    a, b, c = surface.points.astype(float)[surface.triangles].transpose(1, 0, 2)
    return abs(float((a * np.cross(b, c)).sum() / 6))


def test_the_surface_of_a_ball_is_closed_and_holds_its_volume():
    z, y, x = np.indices((40, 40, 40))
    distance = np.sqrt((z - 20) ** 2 + (y - 20) ** 2 + (x - 20) ** 2)
    values = np.clip(12 - distance, 0, 24).astype(np.float32)
    found = mesh.tumour(values, 2.0)
    assert found is not None
    edges = np.sort(np.concatenate([found.triangles[:, p] for p in ([0, 1], [1, 2], [2, 0])]))
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()
    assert enclosed(found) == pytest.approx(4 / 3 * math.pi * 10**3, rel=0.03)


def test_a_surface_lies_where_the_voxels_are_and_moves_with_the_affine():
    levels = np.zeros((6, 20, 20), np.uint8)
    levels[0:2, 8:12, 3:5] = 200  # at the border of the volume: closed all the same
    found = mesh.tumour(levels, 100)
    assert found is not None
    assert np.allclose(found.points.mean(axis=0), (0.5, 9.5, 3.5), atol=0.2)
    moved = found.moved([[0, 0, 2, 10], [0, -1, 0, 0], [5, 0, 0, -3]])
    assert np.allclose(moved.points.mean(axis=0), (17, -9.5, -0.5), atol=1)


def test_what_nothing_reaches_has_no_surface():
    assert mesh.tumour(np.zeros((3, 9, 9), np.uint8), 1) is None
    assert mesh.head(np.zeros((3, 9, 9), np.float32)) is None


def test_the_head_of_a_large_volume_stays_light():
    _, y, x = np.indices((20, 200, 200))
    values = np.where((y - 100) ** 2 + (x - 100) ** 2 < 80**2, 1000.0, 3.0).astype(np.float32)
    found = mesh.head(values)
    assert found is not None
    assert len(found.triangles) < 40_000
    assert found.points[:, 1].min() == pytest.approx(20, abs=6)
