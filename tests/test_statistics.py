from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from brainseg import statistics


def test_groups_of_one_give_the_bootstrap_of_scipy():
    values = np.random.default_rng(0).beta(4, 1, size=60)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    found = statistics.bootstrap_interval(values, range(60), draws=20_000)
    assert found == pytest.approx((expected.low, expected.high), abs=0.002)


def test_two_groups_by_hand():
    # four equally likely draws: aa 0, ab and ba 0.75, bb 1; 2.5 % at each end is inside aa and bb
    values, groups = [0.0, 1.0, 1.0, 1.0], ["a", "b", "b", "b"]
    assert statistics.bootstrap_interval(values, groups) == (0.0, 1.0)


def test_patients_with_many_like_slices_widen_the_interval():
    rng = np.random.default_rng(2)
    patients = np.repeat(np.arange(20), 15)
    values = rng.normal(size=20)[patients] + 0.1 * rng.normal(size=300)
    by_patient = statistics.bootstrap_interval(values, patients)
    by_slice = statistics.bootstrap_interval(values, range(300))
    assert by_patient[1] - by_patient[0] > 2 * (by_slice[1] - by_slice[0])
    assert by_patient[0] < values.mean() < by_patient[1]


def test_the_interval_is_repeatable_narrower_at_a_lower_level_and_needs_two_groups():
    values, groups = [0.1, 0.5, 0.9, 0.7], [1, 2, 3, 4]
    low, high = statistics.bootstrap_interval(values, groups)
    assert (low, high) == statistics.bootstrap_interval(values, groups)
    inner = statistics.bootstrap_interval(values, groups, level=0.5)
    assert low < inner[0] < inner[1] < high
    assert statistics.bootstrap_interval([1.0, 2.0], ["a", "a"]) == (None, None)


def test_the_signed_rank_test_agrees_with_all_sign_flips_by_hand():
    a, b = [0.9, 0.8, 0.7, 0.95, 0.6], [0.5, 0.75, 0.72, 0.8, 0.3]
    difference = np.subtract(a, b)
    ranks = stats.rankdata(np.abs(difference))
    observed = ranks[difference > 0].sum()
    sums = [np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=5)]
    extreme = np.abs(np.array(sums) - 7.5) >= abs(observed - 7.5)
    found = statistics.paired_wilcoxon(a, b)
    assert found.p_value == pytest.approx(extreme.mean())
    assert (found.pairs, found.wins, found.losses) == (5, 4, 1)
    assert found.difference == pytest.approx(difference.mean())


def test_pairs_that_never_differ_have_no_p_value():
    found = statistics.paired_wilcoxon([0.5, 0.7], [0.5, 0.7])
    assert found.p_value is None
    assert (found.wins, found.losses, found.difference) == (0, 0, 0.0)
    assert statistics.paired_wilcoxon([], []).difference is None


def test_pairs_of_different_number_are_refused():
    with pytest.raises(ValueError, match="1 and 2"):
        statistics.paired_wilcoxon([0.1], [0.1, 0.2])


def test_swapping_the_networks_swaps_the_sides():
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 30))
    one, other = statistics.paired_wilcoxon(a, b), statistics.paired_wilcoxon(b, a)
    assert one.p_value == pytest.approx(other.p_value)
    assert (one.wins, one.losses) == (other.losses, other.wins)


def test_networks_are_compared_on_shared_slices_and_patients():
    a = {1: 0.9, 2: 0.8, 3: 0.4, 7: 0.1}
    b = {1: 0.8, 2: 0.6, 3: 0.5, 8: 1.0}
    found = statistics.compare(a, b, {1: "p", 2: "p", 3: "q", 7: "r"})
    assert found.by_slice.pairs == 3
    assert found.by_slice.difference == pytest.approx(0.2 / 3)
    assert found.by_patient.pairs == 2
    assert found.by_patient.difference == pytest.approx((0.15 - 0.1) / 2)
    assert found.low <= found.by_slice.difference <= found.high
