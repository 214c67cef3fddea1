from __future__ import annotations

import numpy as np
import pytest

from brainseg.training.augment import Augmentation, apply, draw


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    image = random.random((32, 32)).astype(np.float32)
    mask = np.zeros((32, 32), np.float32)
    mask[8:14, 10:20] = 1
    return image, mask


def test_the_default_draw_is_the_identity(pair):
    image, mask = apply(*pair, Augmentation())
    np.testing.assert_array_equal(image, pair[0])
    np.testing.assert_array_equal(mask, pair[1])


def test_the_same_draw_gives_the_same_pixels(pair):
    one = draw(np.random.default_rng(7))
    np.testing.assert_array_equal(apply(*pair, one)[0], apply(*pair, one)[0])


def test_the_same_generator_gives_the_same_draw():
    assert draw(np.random.default_rng(3)) == draw(np.random.default_rng(3))
    assert draw(np.random.default_rng(3)) != draw(np.random.default_rng(4))


def test_draws_reach_all_eight_symmetries():
    random = np.random.default_rng(0)
    seen = {(a.transpose, a.flip_rows, a.flip_columns) for a in (draw(random) for _ in range(200))}
    assert len(seen) == 8


def test_without_strength_only_the_symmetries_are_left():
    random = np.random.default_rng(0)
    for _ in range(50):
        a = draw(random, "reference", strength=0)
        moved = (a.flip_rows, a.flip_columns, a.transpose, a.noise_seed)
        still = Augmentation(
            flip_rows=moved[0], flip_columns=moved[1], transpose=moved[2], noise_seed=moved[3]
        )
        assert a == still


def test_half_the_strength_goes_half_as_far():
    whole = draw(np.random.default_rng(5), strength=1)
    half = draw(np.random.default_rng(5), strength=0.5)
    assert whole.degrees != 0
    assert half.degrees == whole.degrees / 2
    assert half.scale - 1 == pytest.approx((whole.scale - 1) / 2)


def test_image_and_mask_move_together(pair):
    _, mask = pair
    moved_image, moved_mask = apply(
        mask, mask, Augmentation(transpose=True, flip_rows=True, degrees=17, scale=1.2)
    )
    np.testing.assert_array_equal(moved_image >= 0.5, moved_mask > 0)


@pytest.mark.parametrize("seed", range(20))
def test_values_stay_in_range_and_masks_stay_binary(pair, seed: int):
    image, mask = apply(*pair, draw(np.random.default_rng(seed)))
    assert image.dtype == mask.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    assert set(np.unique(mask)) <= {0.0, 1.0}


def test_a_shift_moves_by_a_share_of_the_side(pair):
    _, mask = apply(*pair, Augmentation(shift=(0.25, 0.0)))
    np.testing.assert_array_equal(mask[16:22, 10:20], 1)
    assert mask.sum() == pair[1].sum()
