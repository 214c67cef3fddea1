from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainseg.training.batches import Batches


def _batches(augment: str) -> Batches:
    images = np.arange(10, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8) * 20
    masks = np.zeros((10, 8, 8), np.uint8)
    masks[:, 2:5, 2:5] = 1
    rows = (1, 3, 5, 7, 9)
    return Batches(images=images, masks=masks, rows=rows, batch_size=2, seed=5, augment=augment)


def test_an_epoch_meets_every_row_once():
    parts = list(_batches("none").epoch(1))
    values = np.concatenate([x[:, 0, 0, 0] for x, _ in parts]) * 255 / 20
    assert sorted(np.round(values).astype(int)) == [1, 3, 5, 7, 9]
    assert len(parts) == len(_batches("none")) == 3


def test_batches_are_float32_with_a_channel():
    images, masks = next(_batches("reference").epoch(1))
    assert images.shape == masks.shape == (2, 8, 8, 1)
    assert images.dtype == masks.dtype == np.float32


@pytest.mark.parametrize("start", [0, 1, 2])
def test_starting_later_gives_the_same_later_batches(start: int):
    whole = list(_batches("reference").epoch(4))[start:]
    for (a, b), (c, d) in zip(whole, _batches("reference").epoch(4, start=start), strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)


def test_files_that_came_since_change_no_batch():
    before = _batches("reference")
    moved = replace(
        before,
        images=np.concatenate([np.zeros((2, 8, 8), np.uint8), before.images]),
        masks=np.concatenate([np.ones((2, 8, 8), np.uint8), before.masks]),
        rows=tuple(row + 2 for row in before.rows),
    )
    for (a, b), (c, d) in zip(before.epoch(3), moved.epoch(3), strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)


def test_epochs_differ():
    first, second = next(_batches("reference").epoch(1))[0], next(_batches("reference").epoch(2))[0]
    assert not np.array_equal(first, second)
