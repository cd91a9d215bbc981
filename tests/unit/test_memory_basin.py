"""Basins: where two minima become one, which β keeps a few patterns in play, and which states belong to a pattern."""

import math

import pytest
import torch

from memlab.errors import DataError, UsageError
from memlab.memory import basin, energy
from memlab.memory.radius import nearest_other
from memlab.memory.search import search


def some(n=2000, width=16, n_queries=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_queries, width, generator=generator), torch.randn(n, width, generator=generator)


@pytest.mark.parametrize("apart", [0.3, 1.0, 5.0])
def test_a_pair_has_one_minimum_below_its_merge_temperature_and_two_above(apart):
    pair = torch.tensor([[0.0], [apart]])
    critical = float(basin.merge_temperature(torch.tensor(apart**2)))
    line = torch.linspace(-0.1 * apart, 1.1 * apart, 4801, dtype=torch.float64)[:, None]
    for factor, minima in ((0.97, 1), (1.03, 2)):
        found = energy.layer_energy(line, pair, factor * critical)
        assert int(((found[1:-1] < found[:-2]) & (found[1:-1] < found[2:])).sum()) == minima


def test_the_nearest_rival_is_the_nearest_other_pattern():
    _, patterns = some(300)
    found = basin.nearest_rival(patterns, torch.tensor([5, 0, 299]))
    distances = torch.cdist(patterns.double(), patterns.double()).square().fill_diagonal_(math.inf)
    assert torch.equal(found.index, distances.argmin(1)[[5, 0, 299]])
    assert torch.allclose(found.squared_distance, distances.amin(1)[[5, 0, 299]])
    assert torch.allclose(found.merge_temperature, 2 / found.squared_distance)


def test_doubles_never_part():
    found = basin.nearest_rival(torch.zeros(2, 3), torch.tensor([0, 1]))
    assert found.index.tolist() == [1, 0]
    assert found.merge_temperature.tolist() == [math.inf, math.inf]


@pytest.mark.parametrize("target", [1.5, 8.0, 100.0])
@pytest.mark.parametrize("length", [1e-3, 1.0, 1e4])
def test_beta_by_perplexity_has_the_number_asked_for(target, length):
    queries, patterns = some()
    queries, patterns = queries * length, patterns * length
    found = basin.beta_by_perplexity(queries, patterns, target)
    numbers = energy.effective_patterns(energy.association_weights(queries, patterns, found.beta))
    assert float(numbers.median()) == pytest.approx(target, rel=3e-4)
    assert found.effective_patterns == pytest.approx(target, rel=2e-4)


def test_beta_by_perplexity_leaves_out_what_it_is_told_to():
    _, patterns = some()
    own = torch.arange(50)
    found = basin.beta_by_perplexity(patterns[:50], patterns, 8.0, exclude=own)
    numbers = search(patterns[:50], patterns, 1, [found.beta], own).effective_patterns.median()
    assert float(numbers) == pytest.approx(8, rel=1e-3)


def test_a_perplexity_that_no_beta_has_is_said():
    queries, patterns = some(5)
    with pytest.raises(DataError, match=r"no beta has 8 effective patterns: over these 60 queries .* of 5 patterns"):
        basin.beta_by_perplexity(queries, patterns, 8.0)
    doubles = patterns.repeat_interleave(20, 0)
    with pytest.raises(DataError, match=r"no beta has 8 effective patterns: .* goes from 100 down to 20 of 100 patterns"):
        basin.beta_by_perplexity(queries, doubles, 8.0)
    with pytest.raises(DataError, match="every query equals all of its nearest patterns"):
        basin.beta_by_perplexity(torch.zeros(2, 3), torch.zeros(4, 3))


def test_the_merged_share_counts_rivals_closer_than_the_basin():
    _, patterns = some(300)
    squared, _ = nearest_other(patterns)
    beta = 2 / float(squared.median())
    assert basin.merged_share(squared, beta) == pytest.approx(0.5, abs=0.01)
    assert basin.merged_share(squared, 1e9) == 0
    assert basin.merged_share(squared, 1e-9) == 1


@pytest.mark.parametrize("distance", [0.0, 3.0, 5.0, 100.0])
def test_close_pairs_are_counted_among_all_pairs(distance):
    _, patterns = some(200)
    apart = torch.pdist(patterns.double())
    assert basin.close_pairs(patterns, distance) == pytest.approx(float((apart < distance).double().mean()))


def test_close_pairs_of_a_large_store_are_estimated_from_a_seeded_part():
    _, patterns = some(3000)
    exact = float((torch.pdist(patterns.double()) < 5).double().mean())
    assert basin.close_pairs(patterns, 5.0, n=1000) == pytest.approx(exact, rel=0.1)
    assert basin.close_pairs(patterns, 5.0, n=300, seed=1) == basin.close_pairs(patterns, 5.0, n=300, seed=1)


def test_wrong_requests_are_named():
    with pytest.raises(DataError, match="there is one pattern only"):
        basin.close_pairs(torch.zeros(1, 2), 1.0)
    with pytest.raises(DataError, match="there is one pattern only"):
        basin.nearest_rival(torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(UsageError, match="beta is -1"):
        basin.merged_share(torch.ones(3), -1.0)
