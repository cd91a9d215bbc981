"""Intervals are those of the exact distributions, and AUC is the chance that one kind scores above the other."""

import math
from itertools import product

import numpy as np
import pytest

from memlab.measures.estimates import Estimate, auc, mean, rate


def at_least(k, n, p):
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


@pytest.mark.parametrize(("k", "n"), [(1, 5), (3, 7), (17, 40), (40, 41), (2, 100)])
def test_the_ends_of_a_rate_leave_two_and_a_half_per_cent_on_either_side(k, n):
    found = rate(k, n)
    assert at_least(k, n, found.low) == pytest.approx(0.025, rel=1e-6)
    assert 1 - at_least(k + 1, n, found.high) == pytest.approx(0.025, rel=1e-6)
    assert found.low < found.value == k / n < found.high


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_none_and_all_have_the_known_ends(n):
    none, every = rate(0, n), rate(n, n)
    assert (none.low, every.high) == (0, 1)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / n), rel=1e-9)
    assert every.low == pytest.approx(0.025 ** (1 / n), rel=1e-9)


def test_a_rate_of_a_hundred_thousand_is_no_problem():
    found = rate(30_000, 100_000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(0.3 * 0.7 / 1e5), rel=0.01)


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_what_is_no_rate_is_refused(k, n):
    with pytest.raises(ValueError, match="is no"):
        rate(k, n)


def test_a_mean_lies_in_an_interval_of_about_two_standard_errors():
    values = np.random.default_rng(0).normal(3, 2, 400)
    found = mean(values)
    assert found.value == values.mean()
    assert found.high - found.low == pytest.approx(2 * 1.96 * 2 / 20, rel=0.15)
    assert mean(values) == found != mean(values, seed=1)


@pytest.mark.parametrize(("positive", "negative"), [([1, 2, 3], [0, 1]), ([5, 5], [5]), ([0.1], [3, 2]), ([4, 6, 6], [6, 1, 9])])
def test_auc_is_a_count_of_pairs(positive, negative):
    won = [(a > b) + 0.5 * (a == b) for a, b in product(positive, negative)]
    assert auc(np.array(positive), np.array(negative)).value == pytest.approx(sum(won) / len(won))


def test_scores_of_one_distribution_are_not_told_apart():
    generator = np.random.default_rng(1)
    found = auc(generator.normal(size=200), generator.normal(size=150))
    assert found.low < 0.5 < found.high


def test_an_auc_needs_both_kinds():
    with pytest.raises(ValueError, match="both kinds"):
        auc(np.array([1.0]), np.array([]))


def test_intervals_that_share_a_value_overlap():
    def of(low, high):
        return Estimate(0, low, high, 1, "")

    assert of(0, 2).overlaps(of(2, 3))
    assert not of(0, 1).overlaps(of(2, 3))
