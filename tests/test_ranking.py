"""Order and likeness of pictures, by hand and against a second library."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from brainseg import ranking

TRUTH = np.array([[True, True], [False, False]])


@pytest.mark.parametrize(
    ("values", "area"),
    [
        ([[9, 8], [1, 2]], 1.0),  # every pair right
        ([[1, 2], [9, 8]], 0.0),  # every pair wrong
        ([[5, 5], [5, 5]], 0.5),  # all tied
        ([[3, 1], [2, 0]], 0.75),  # 3>2, 3>0, 1>0 right; 1>2 wrong
        ([[2, 1], [2, 0]], 0.625),  # 2=2 half, 2>0, 1<2 wrong, 1>0: 2.5 of 4
    ],
)
def test_auroc_counts_pairs_and_a_tie_as_half(values: list[list[int]], area: float):
    for kind in (np.uint8, np.float32):
        assert ranking.auroc(np.array(values, kind), TRUTH) == pytest.approx(area)


def test_auroc_agrees_with_scikit_learn_on_tied_and_on_continuous_values():
    random = np.random.default_rng(1)
    truth = random.random((30, 40)) < 0.1
    for values in (random.integers(0, 9, truth.shape).astype(np.uint8), random.random(truth.shape)):
        expected = roc_auc_score(truth.ravel(), values.ravel())
        assert ranking.auroc(values, truth) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("whole", [True, False])
def test_auroc_is_undefined_where_there_is_one_class(whole: bool):
    assert ranking.auroc(np.eye(3, dtype=np.uint8), np.full((3, 3), whole)) is None


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_ranks_of_equal_values_are_their_mean(kind: type):
    assert ranking.ranks(np.array([5, 1, 5, 7], kind)).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_correlations_agree_with_scipy_and_with_what_is_plain():
    random = np.random.default_rng(2)
    a, b = random.integers(0, 12, (2, 9, 7)).astype(np.uint8)
    pearson, spearman = stats.pearsonr(a.ravel(), b.ravel()), stats.spearmanr(a.ravel(), b.ravel())
    assert ranking.pearson(a, b) == pytest.approx(pearson.statistic)
    assert ranking.spearman(a, b) == pytest.approx(spearman.statistic)
    assert ranking.spearman(a, np.exp(a / 10.0)) == pytest.approx(1.0)
    assert ranking.pearson(a, 255 - a) == pytest.approx(-1.0)
    assert ranking.pearson(a, np.full_like(a, 3)) is None
    assert ranking.spearman(np.full_like(a, 3), a) is None
