from __future__ import annotations

import numpy as np
import pytest

from brainseg import uncertainty


def test_entropy_is_0_where_certain_and_1_bit_at_one_half() -> None:
    found = uncertainty.entropy(np.array([0.0, 1.0, 0.5], np.float32))
    assert found.tolist() == [0.0, 0.0, 1.0]


def test_entropy_is_the_same_for_tumour_and_not() -> None:
    p = np.linspace(0, 1, 101, dtype=np.float32)
    assert np.allclose(uncertainty.entropy(p), uncertainty.entropy(1 - p), atol=1e-6)


def test_entropy_rises_towards_one_half_and_stays_in_0_to_1() -> None:
    found = uncertainty.entropy(np.linspace(0, 0.5, 1001, dtype=np.float32))
    assert (np.diff(found) > 0).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_entropy_agrees_with_scipy() -> None:
    from scipy.stats import entropy

    p = np.random.default_rng(0).random((5, 7), dtype=np.float32)
    expected = entropy(np.stack([p, 1 - p]), base=2, axis=0)
    assert uncertainty.entropy(p) == pytest.approx(expected, abs=1e-6)


def test_networks_that_agree_do_not_disagree() -> None:
    one = np.random.default_rng(1).random((4, 4), dtype=np.float32)
    assert not uncertainty.disagreement(one, one).any()
    assert uncertainty.disagreement(np.zeros(3, np.float32), np.ones(3)).tolist() == [1, 1, 1]
