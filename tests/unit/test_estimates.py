"""Intervals are those of the exact distributions or of documents drawn anew; AUC is the chance that one kind scores above the other."""

import math
from itertools import product
from statistics import NormalDist

import numpy as np
import pytest

from memlab.measures import resampling
from memlab.measures.estimates import auc, difference, mean, rate, ratio, share
from memlab.measures.intervals import clopper_pearson
from memlab.render.estimate import estimate_words


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


def clustered(generator, n_documents, rows_each, own=0.3):
    """Rows of documents that hang together: each the value of its document, normal with variance 1, and a little of its own."""
    documents = np.repeat(np.arange(n_documents), rows_each)
    return generator.normal(size=n_documents)[documents] + own * generator.normal(size=len(documents)), documents


def drawn_anew(documents, seed):
    """The rows of documents drawn with replacement, written out, one resample after the other."""
    generator, names = np.random.default_rng(seed), np.unique(documents)
    for _ in range(resampling.RESAMPLES):
        yield np.concatenate([np.flatnonzero(documents == names[number]) for number in generator.integers(0, len(names), len(names))])


def ends(values, m):
    """Percentiles for a mean of m: as wide as Student's t at 7 degrees of freedom, with √(m/(m - 1))."""
    assert m == 8
    share = 100 * NormalDist().cdf(-2.3646 * math.sqrt(8 / 7))
    return pytest.approx(np.percentile(values, [share, 100 - share]), rel=1e-3, abs=1e-3)


def test_means_ratios_and_areas_are_those_of_documents_drawn_and_put_together():
    generator = np.random.default_rng(5)
    documents, others = generator.permutation(np.arange(40) % 8 - 3), generator.permutation(np.arange(30) % 8)
    a, b = generator.normal(size=40), generator.normal(size=30)
    wholes = generator.integers(1, 9, 40)
    resamples, other_resamples = list(drawn_anew(documents, 2)), list(drawn_anew(others, 3))
    both = list(zip(resamples, other_resamples, strict=True))
    found = {
        mean(a, 2, documents): [a[some].mean() for some in resamples],
        ratio(a, wholes, 2, documents): [a[some].sum() / wholes[some].sum() for some in resamples],
        difference(a, b, 2, documents, others): [a[some].mean() - b[other].mean() for some, other in both],
        auc(a, b, 2, documents, others): [(a[some][:, None] > b[other]).mean() for some, other in both],
    }
    for estimate, values in found.items():
        assert (estimate.low, estimate.high) == ends(values, 8)
        assert estimate.how == "bootstrap over documents"
    assert [(estimate.n, estimate.n_documents) for estimate in found] == [(40, 8), (40, 8), (70, 16), (70, 16)]


def test_resampling_comes_near_to_all_resamples_that_there_are():
    values, documents = clustered(np.random.default_rng(4), 5, 3)
    means = values.reshape(5, 3).mean(1)
    every = [means[list(some)].mean() for some in product(range(5), repeat=5)]
    expanded = 100 * NormalDist().cdf(-2.776 * math.sqrt(5 / 4))
    low, high = np.percentile(every, [expanded, 100 - expanded])
    found = mean(values, documents=documents)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05 * (high - low))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mean", "ratio", "share", "auc", "difference"])
def test_intervals_by_document_hold_the_truth_and_those_by_row_are_far_too_narrow(kind, monkeypatch):
    monkeypatch.setattr(resampling, "RESAMPLES", 250)
    generator = np.random.default_rng(11)
    truth, estimate = {
        "mean": (0.0, lambda a, b, seed, of, others: mean(a, seed, of)),
        "ratio": (0.0, lambda a, b, seed, of, others: ratio(4 * a, np.full(len(a), 4), seed, of)),
        "share": (0.5, lambda a, b, seed, of, others: share(a > 0, seed, of)),
        "auc": (0.5, auc),
        "difference": (0.0, difference),
    }[kind]
    held = {"documents": 0, "rows": 0}
    for seed in range(200):
        (a, one), (b, other) = clustered(generator, 16, 8), clustered(generator, 16, 8)
        for by, of, others in (("documents", one, other), ("rows", None, None)):
            found = estimate(a, b, seed, of, others)
            held[by] += found.low <= truth <= found.high
    assert 0.9 * 200 <= held["documents"] <= 0.99 * 200
    assert held["rows"] < 0.65 * 200


def test_where_each_row_is_its_own_document_documents_change_nothing():
    values = np.random.default_rng(0).normal(size=30)
    canaries = -1 - np.arange(30)
    with_them, without = mean(values, 3, canaries), mean(values, 3)
    assert (with_them.low, with_them.high) == (without.low, without.high)
    assert (with_them.how, without.how) == ("bootstrap over documents", "bootstrap over rows")
    assert (with_them.n_documents, without.n_documents) == (30, None)
    found = share(values > 1, documents=canaries)
    assert (found.low, found.high) == clopper_pearson(int((values > 1).sum()), 30)
    assert found.how == "Clopper-Pearson"


def test_of_one_document_rows_are_all_that_there_is_to_draw():
    values = np.random.default_rng(0).normal(size=30)
    one = np.zeros(30, int)
    assert (mean(values, 3, one).low, mean(values, 3, one).how) == (mean(values, 3).low, "bootstrap over rows of one document")
    assert mean(values, 3, one).n_documents == 1
    assert share(values > 1, documents=one).how == "Clopper-Pearson over rows of one document"


@pytest.mark.parametrize("value", [False, True])
def test_none_or_all_of_a_share_have_the_exact_interval_of_the_documents(value):
    found = share(np.full(60, value), documents=np.arange(60) // 5)
    assert (found.low, found.high) == clopper_pearson(12 * value, 12)
    assert (found.value, found.n, found.n_documents, found.how) == (value, 60, 12, "Clopper-Pearson on documents")


def test_a_share_is_never_surer_than_independent_rows_would_make_it():
    found = share(np.arange(60) == 7, documents=np.arange(60) // 2)
    low, high = clopper_pearson(1, 60)
    assert found.low <= low
    assert found.high >= high


def test_documents_must_be_those_of_the_observations():
    with pytest.raises(ValueError, match="3 observations belong to 2 documents"):
        mean(np.zeros(3), documents=np.zeros(2, int))


def test_a_share_that_rounds_to_nothing_has_no_sign():
    assert estimate_words({"value": 0.004, "low": -0.0003, "high": 0.009}, "share") == "0.4% (0.0% to 0.9%)"
    assert estimate_words({"value": -0.004, "low": -0.02, "high": 0.009}, "nats") == "0.00 nats (-0.02 to 0.01)"
