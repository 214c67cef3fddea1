from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from brainseg import preprocess
from brainseg.data.catalog import read_catalog, read_image, read_mask, upright
from brainseg.errors import BrainsegError
from ui import learning, preparing


@pytest.fixture
def mask() -> np.ndarray:
    rows, columns = np.mgrid[:128, :128] / 128
    return ((rows - 0.42) / 0.095) ** 2 + ((columns - 0.61) / 0.068) ** 2 <= 1


def test_shrinking_ends_at_dice_zero_while_accuracy_stays_high(mask: np.ndarray) -> None:
    sweep = learning.sweep(mask)
    assert (sweep[0].dice, sweep[0].accuracy) == (1.0, 1.0)
    assert sweep[-1].dice == 0.0
    assert sweep[-1].accuracy > 0.97
    assert all(a.dice > b.dice for a, b in itertools.pairwise(sweep))


def test_cross_entropy_of_an_empty_mask_is_far_below_an_untrained_network(
    mask: np.ndarray,
) -> None:
    assert learning.sweep(mask)[-1].cross_entropy < 0.25 * math.log(2)


def test_a_prediction_at_one_half_has_the_cross_entropy_of_an_untrained_network(
    mask: np.ndarray,
) -> None:
    assert learning.score(mask, 0.3, confidence=0.5).cross_entropy == pytest.approx(math.log(2))


def test_the_share_that_is_kept_is_what_was_asked_for(mask: np.ndarray) -> None:
    assert learning.shrink(mask, 0.25).sum() == round(0.25 * mask.sum())
    assert not (learning.shrink(mask, 0.5) & ~mask).any()


def test_a_shift_moves_every_pixel_and_loses_what_leaves_the_image(mask: np.ndarray) -> None:
    moved = learning.shrink(mask, 1.0, 7)
    assert (moved[:, 7:] == mask[:, :-7]).all()
    assert not learning.shrink(mask, 1.0, 127).any()
    assert learning.score(mask, 1.0, 7).dice < 1.0


def test_patience_stops_after_so_many_epochs_without_a_lower_loss() -> None:
    losses = [0.9, 0.5, 0.6, 0.7, 0.8, 0.1]
    assert learning.stop_early(losses, 3) == learning.Patience(best_epoch=2, stopped_at=5)
    assert learning.stop_early(losses, 4) == learning.Patience(best_epoch=6, stopped_at=6)


def test_run_lengths_of_a_mask_worked_by_hand() -> None:
    mask = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 1]], dtype=bool)
    assert learning.run_lengths(mask) == [(1, 3), (8, 1)]
    assert learning.run_lengths(np.zeros((2, 2), bool)) == []
    assert learning.run_lengths(np.ones((2, 2), bool)) == [(0, 4)]


def test_run_lengths_and_back_is_the_same_mask() -> None:
    mask = np.random.default_rng(0).random((19, 23)) < 0.4
    flat = np.zeros(mask.size, bool)
    for start, length in learning.run_lengths(mask):
        flat[start : start + length] = True
    assert (flat.reshape(mask.shape) == mask).all()


def test_sizes_count_what_they_say(mask: np.ndarray) -> None:
    sizes = {size.form: size.size_bytes for size in learning.mask_sizes(mask)}
    assert sizes["Flat list"] == mask.astype(np.uint8).nbytes
    assert sizes["Flat list of bits"] == np.packbits(mask).nbytes
    assert sizes["Index form"] == np.flatnonzero(mask).astype(np.int32).nbytes
    assert sizes["Run lengths"] == np.array(learning.run_lengths(mask), np.int32).nbytes


def test_a_lost_mask_leaves_the_pairs_before_it_alone() -> None:
    images, masks = ["0", "1", "2"], ["0m", "1m", "2m"]
    assert learning.pair_by_position(images, masks, "1m") == [
        ("0", "0m", "0m"), ("1", "2m", "none"), ("2", "none", "2m"),
    ]  # fmt: skip


def test_a_map_that_is_the_mask_gives_it_away_and_a_flat_one_guesses(mask: np.ndarray) -> None:
    assert learning.gives_away(mask.astype(np.float32), mask) == (1.0, 0.0, 1.0)
    assert learning.gives_away(np.ones(mask.shape, np.float32), mask)[2] == 0.5
    assert learning.gives_away(-mask.astype(np.float32), mask)[2] == 0.0


def test_indices_and_back_is_the_same_mask(mask: np.ndarray) -> None:
    small = mask[::6, ::6]
    back = learning.from_indices(learning.indices(small), *small.shape)
    assert back == small.astype(int).tolist()


@pytest.mark.parametrize("text", ["4", "1, x", "-1"])
def test_indices_that_do_not_fit_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(BrainsegError, match="index"):
        learning.from_indices(learning.parse_indices(text), 2, 2)


@pytest.mark.parametrize("size", [64, 256])
def test_the_last_steps_are_what_networks_of_either_contrast_get(
    demo_data: Path, size: int
) -> None:
    catalog = read_catalog(demo_data)
    sample = catalog.samples[0]
    steps = preparing.image_steps(catalog, sample, size, narrow=False)
    expected = preprocess.standardise(read_image(sample), size)[0][..., 0]
    assert (steps[-2].values == upright(expected, catalog)).all()
    assert (steps[-1].values == upright(preprocess.equalise(expected), catalog)).all()
    assert steps[0].values.shape[:2] == read_image(sample).shape


def test_a_narrow_slice_is_padded_with_zeros_left_and_right(demo_data: Path) -> None:
    catalog = read_catalog(demo_data)
    steps = preparing.image_steps(catalog, catalog.samples[0], 64, narrow=True)
    before, square = steps[2].values, steps[3].values
    assert before.shape[1] < before.shape[0] == square.shape[0] == square.shape[1]
    assert not square[:, 0].any()


def test_the_mask_that_is_learned_is_at_least_half_of_its_share(demo_data: Path) -> None:
    mask = read_mask(read_catalog(demo_data).samples[0])
    small, share = preparing.mask_steps(mask, 64)
    assert (small == (share >= 0.5)).all()
    assert ((share > 0) & (share < 0.5)).any()
