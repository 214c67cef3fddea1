from __future__ import annotations

import math

import numpy as np
import pytest

from brainseg import saliency_measures as measures
from brainseg.errors import ConfigError
from brainseg.saliency_request import Target, components, depths, grid_pixel, part_of, weigh
from brainseg.types import Geometry

SQUARE = Geometry(height=4, width=4, size=4)


def array(*rows: str | list[float]) -> np.ndarray:
    return np.array([list(row) for row in rows], dtype=np.float32)


def test_a_region_with_half_of_the_energy_on_a_quarter_of_the_area():
    inside = array([1, 0], [0, 0]) > 0
    found = measures.region(array([-3, 1], [1, 1]), inside)
    assert found.energy == pytest.approx(0.5)
    assert found.area == 0.25
    assert found.hit is True
    assert found.auc == 1.0


def test_the_pointing_game_is_lost_outside_and_undefined_without_a_tumour_or_a_map():
    inside = array([1, 0], [0, 0]) > 0
    assert measures.region(array([1, 2], [0, 0]), inside).hit is False
    assert measures.region(array([1, 2], [0, 0]), np.zeros((2, 2), bool)).hit is None
    empty = measures.region(np.zeros((2, 2), np.float32), inside)
    assert empty.hit is None
    assert math.isnan(empty.energy)
    assert empty.auc == 0.5


def test_ranks_are_compared_by_magnitude_and_a_flat_map_has_none():
    a = array([-4, 3], [2, -1])
    assert measures.rank_correlation(a, np.abs(a)) == pytest.approx(1.0)
    assert math.isnan(measures.rank_correlation(a, np.ones_like(a)))
    assert math.isnan(measures.rank_correlation(a, np.ones_like(a), given=a + 9))


def test_two_maps_that_share_only_a_third_are_not_alike_given_that():
    random = np.random.default_rng(2)
    shared, one, other = random.normal(size=(3, 60, 60)).astype(np.float32) + 9  # all positive
    a, b = shared + 0.3 * one, shared + 0.3 * other
    assert measures.rank_correlation(a, b) > 0.8
    assert abs(measures.rank_correlation(a, b, given=shared)) < 0.1
    assert measures.rank_correlation(a, a, given=shared) == pytest.approx(1.0)
    assert measures.rank_correlation(a, b, given=np.ones_like(a)) > 0.8


def test_the_brightest_pixels_and_what_two_maps_share_of_them():
    a = array([9, -8, 1, 0], [0, 0, 0, 0])
    assert measures.brightest(a, 0.25).sum() == 2
    assert measures.overlap(a, array([9, 0, 0, 8], [0, 0, 0, 0]), 0.25) == 0.5
    assert not measures.brightest(np.zeros((4, 4), np.float32)).any()
    assert math.isnan(measures.overlap(np.zeros_like(a), a))


def test_deletion_and_insertion_of_the_one_pixel_that_matters():
    """The score is the brightness of one pixel; a map that knows it deletes it first."""
    image = np.zeros((32, 32, 1), dtype=np.float32)
    image[2, 5] = 1.0
    good = image[..., 0]
    found = measures.removal(good, image, lambda batch: batch[:, 2, 5, 0].astype(float))
    first = int(np.argmax(found.shares * 1024 >= 0.5))  # the first step that takes a pixel
    assert found.deletion[:first].tolist() == [1.0] * first
    assert found.deletion[first:].tolist() == [0.0] * (len(found.shares) - first)
    assert found.insertion[-1] == 1.0
    assert found.insertion[first:].min() == 1.0
    assert found.insertion[0] < 0.2  # of the blurred image
    deleted, inserted = found.areas
    assert deleted < 0.05
    assert inserted > 0.95


def test_a_map_that_names_the_pixel_last_keeps_it_to_the_end():
    image = np.ones((8, 8, 1), dtype=np.float32)
    worst = np.ones((8, 8), dtype=np.float32)
    worst[2, 5] = 0.0
    found = measures.removal(worst, image, lambda batch: batch[:, 2, 5, 0].astype(float))
    assert found.deletion[:-1].min() == 1.0
    assert found.deletion[-1] == 0.0
    assert found.areas[0] > 0.95


def test_pixels_in_random_order_fall_in_proportion():
    image = np.ones((32, 32, 1), dtype=np.float32)
    found = measures.chance(image, lambda batch: batch.mean(axis=(1, 2, 3)).astype(float))
    assert found.deletion == pytest.approx(1 - found.shares, abs=1e-3)
    assert found.areas[0] == pytest.approx(0.5, abs=0.01)


def test_stability_of_a_map_that_ignores_the_image_and_of_one_that_flips():
    image = np.full((8, 8, 1), 0.5, dtype=np.float32)
    values = np.arange(64, dtype=np.float32).reshape(8, 8)
    steady = measures.stability(values, image, lambda _, progress: values)
    assert steady.sensitivity == 0.0
    assert steady.rank_correlation == pytest.approx(1.0)
    turned = measures.stability(values, image, lambda _, progress: -values)
    assert turned.sensitivity == pytest.approx(2.0)
    assert turned.rank_correlation == pytest.approx(1.0)  # of magnitudes


def test_parts_report_as_one():
    seen: list[tuple[int, int]] = []
    for index in range(2):
        for done in (1, 2):
            part_of(lambda *told: seen.append(told), index, 2)(done, 2)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("text", ["mask", "component 2", "pixel 120,88"])
def test_a_target_reads_what_it_writes(text: str):
    assert str(Target.parse(text)) == text


@pytest.mark.parametrize("text", ["", "masks", "component", "pixel 1", "component -1"])
def test_an_unknown_target_is_refused(text: str):
    with pytest.raises(ConfigError, match="write mask"):
        Target.parse(text)


def test_components_are_numbered_by_size_and_corners_connect():
    mask = array([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [1, 1, 1, 0]) > 0
    sizes = [int(part.sum()) for part in components(mask)]
    assert sizes == [4, 2]
    assert components(np.zeros((3, 3), bool)) == []


def test_what_is_summed_for_each_target():
    logits = array([1, -1, -1, -1], [1, -1, -1, -1], [-1, -1, -1, 2], [-1, -1, -1, -1])
    mask, words = weigh(logits, Target(), SQUARE)
    assert mask.sum() == 3
    assert "predicted mask" in words
    second, words = weigh(logits, Target(kind="component", number=2), SQUARE)
    assert (second.sum(), second[2, 3]) == (1, 1)
    assert "component 2 of 2" in words
    pixel, _ = weigh(logits, Target(kind="pixel", row=3, column=1), SQUARE)
    assert (pixel.sum(), pixel[3, 1]) == (1, 1)


def test_where_nothing_is_predicted_the_mask_gives_way_to_the_largest_logit():
    logits = array([-3, -1], [-4, -5])
    chosen, words = weigh(logits, Target(), Geometry(height=2, width=2, size=2))
    assert (chosen.sum(), chosen[0, 1]) == (1, 1)
    assert "nothing is predicted" in words


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target(kind="component", number=3), "has 1 component; there is no number 3"),
        (Target(kind="pixel", row=4), "rows go from 0 to 3"),
    ],
)
def test_what_is_not_there_is_refused(target: Target, said: str):
    with pytest.raises(ConfigError, match=said):
        weigh(np.ones((4, 4), np.float32), target, SQUARE)


def test_a_pixel_of_a_padded_scan_lands_in_its_cell_of_the_grid():
    """60 x 100 centred in 100 x 100 with 20 rows above, then 100 -> 50: row 0 becomes row 10."""
    wide = Geometry(height=60, width=100, size=50)
    assert grid_pixel(Target(kind="pixel", row=0, column=0), wide) == (10, 0)
    assert grid_pixel(Target(kind="pixel", row=59, column=99), wide) == (39, 49)


def test_depths_run_from_input_to_output():
    assert depths(2) == ("encoder1", "encoder2", "bottleneck", "decoder2", "decoder1")
