"""Distances to the nearest other pattern, on shares of them, and the Gaussian null: against all pairs, and against its own moments."""

import math

import numpy as np
import pytest
import torch

from memlab.errors import DataError
from memlab.memory import radius


def some(n=400, width=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, width, generator=generator) * torch.linspace(0.5, 2, width) + 3


def all_pairs(patterns):
    return torch.cdist(patterns.double(), patterns.double(), compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(math.inf)


def test_each_pattern_has_its_nearest_other():
    patterns = some()
    squared, index = radius.nearest_other(patterns)
    assert torch.allclose(squared.sqrt(), all_pairs(patterns).amin(1))
    assert torch.equal(index, all_pairs(patterns).argmin(1))


def test_more_patterns_than_are_searched_at_a_time(monkeypatch):
    monkeypatch.setattr(radius, "_TILE", 100)
    patterns = some(250)
    assert torch.allclose(radius.nearest_other(patterns)[0].sqrt(), all_pairs(patterns).amin(1))


def test_a_double_is_another_pattern_at_distance_zero():
    patterns = torch.cat([some(50), some(50)[:10]])
    squared, index = radius.nearest_other(patterns)
    assert (squared == 0).sum() == 20
    assert index[:10].tolist() == list(range(50, 60))


def test_the_typical_distance_passes_over_doubles():
    patterns = some(50)
    nearest = all_pairs(patterns).amin(1)
    assert radius.typical_distance(patterns) == pytest.approx(float(nearest.median()))
    doubled = torch.cat([patterns, patterns[:5]])
    assert nearest.amin() <= radius.typical_distance(doubled) <= nearest.amax()
    assert radius.typical_distance(torch.ones(4, 2)) == 0
    assert radius.typical_distance(torch.ones(1, 2)) == 0


def test_shares_are_nested_seeded_and_grow_denser():
    patterns = some()
    found = radius.nearest_distances(patterns, seed=3)
    assert [each.share for each in found] == [0.25, 0.5, 0.75, 1.0]
    assert [each.n_patterns for each in found] == [100, 200, 300, 400]
    assert [each.n_dimensions for each in found] == [8] * 4
    means = [each.mean for each in found]
    assert means == sorted(means, reverse=True)
    assert np.allclose(found[-1].values, np.sort(all_pairs(patterns).amin(1)))
    again, other = radius.nearest_distances(patterns, seed=3)[0], radius.nearest_distances(patterns, seed=4)[0]
    assert np.array_equal(found[0].values, again.values)
    assert not np.array_equal(found[0].values, other.values)


def test_a_share_is_searched_within_itself():
    patterns = some(200)
    found = radius.nearest_distances(patterns, (0.5,), seed=1)[0]
    chosen = np.sort(np.random.default_rng(1).permutation(200)[:100])
    assert np.allclose(found.values, np.sort(all_pairs(patterns[chosen]).amin(1)))


def test_the_summary_is_that_of_the_values():
    values = np.array([0.0, 0.0, 1.0, 2.0, 7.0])
    found = radius.Distances(1.0, 3, values)
    assert (found.mean, found.median, found.radius, found.n_equal) == (2, 1, 1, 2)
    assert found.quantiles((0.0, 0.5, 1.0)) == [0, 1, 7]
    assert found.histogram(np.array([0.0, 1.0, 2.0, 4.0])).tolist() == [2, 1, 1]


def test_a_memory_map_gives_the_same(tmp_path):
    np.save(tmp_path / "patterns.npy", some().numpy())
    mapped = np.load(tmp_path / "patterns.npy", mmap_mode="r")
    for ours, expected in zip(radius.nearest_distances(mapped), radius.nearest_distances(some()), strict=True):
        assert np.array_equal(ours.values, expected.values)
    assert torch.equal(radius.matched_gaussian(mapped, seed=1), radius.matched_gaussian(some(), seed=1))


def test_the_null_has_the_mean_and_the_covariance_of_the_patterns():
    patterns = some(500, 5) @ torch.tensor([[1.0, 0.5, 0, 0, 0]] * 5)  # of rank one as well
    patterns = patterns + 0.3 * some(500, 5, seed=1)
    drawn = radius.matched_gaussian(patterns, n=200_000)
    assert drawn.shape == (200_000, 5)
    spread = np.cov(patterns.double().numpy().T)
    assert np.allclose(drawn.double().mean(0), patterns.double().mean(0), atol=0.02 * math.sqrt(spread.max()))
    assert np.allclose(np.cov(drawn.double().numpy().T), spread, atol=0.02 * spread.max())


def test_with_fewer_patterns_than_dimensions_the_null_stays_in_their_span():
    patterns = some(6, 20)
    drawn = radius.matched_gaussian(patterns, n=50_000).double()
    assert np.allclose(np.cov(drawn.numpy().T), np.cov(patterns.double().numpy().T), atol=0.3)
    centred = patterns.double() - patterns.double().mean(0)
    outside = torch.linalg.svd(centred, full_matrices=True).Vh[5:]
    assert ((drawn - patterns.double().mean(0)) @ outside.T).abs().max() < 1e-5


def test_the_null_is_seeded_and_as_large_as_the_patterns():
    patterns = some(30)
    drawn = radius.matched_gaussian(patterns, seed=2)
    assert drawn.shape == patterns.shape
    assert torch.equal(drawn, radius.matched_gaussian(patterns, seed=2))
    assert not torch.equal(drawn, radius.matched_gaussian(patterns, seed=3))


def test_gaussian_patterns_are_as_far_apart_as_their_null_and_clustered_ones_closer():
    gaussian = some(1000)
    clustered = gaussian[:100].repeat(10, 1) + 0.01 * torch.randn(1000, 8, generator=torch.Generator().manual_seed(5))
    for patterns, low, high in ((gaussian, 0.9, 1.1), (clustered, 0.0, 0.1)):
        null = radius.matched_gaussian(patterns)
        ours, theirs = (radius.nearest_distances(each, (1.0,))[0].median for each in (patterns, null))
        assert low < ours / theirs < high


def test_wrong_requests_are_named():
    with pytest.raises(DataError, match="there is one pattern only"):
        radius.nearest_other(torch.zeros(1, 2))
    with pytest.raises(DataError, match="one pattern has no covariance"):
        radius.matched_gaussian(torch.zeros(1, 2))
    with pytest.raises(DataError, match=r"^0.1 of 10 patterns are 1; between two and all are needed"):
        radius.nearest_distances(torch.zeros(10, 2), (0.1,))
