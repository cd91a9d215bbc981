"""Collapse where the answer is known: one basin, as many basins as patterns, and brute force in between."""

import math

import pytest
import torch

from memlab.errors import UsageError
from memlab.measures.collapse import SHARES, collapse, frozen_beta, median_apart
from memlab.memory.search import search


def cloud(n, width=12, scale=1.0, seed=0):
    return scale * torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def test_patterns_far_apart_are_as_many_fixed_points_and_one_is_in_play():
    patterns = 100 * torch.eye(20)
    near = patterns + cloud(20, 20, 0.1)
    found = collapse("1", patterns, {"training": near, "validation": near[:20]}, (1.0,))
    for part in ("training", "validation"):
        reached = found.at(part, 1.0)
        assert reached.effective_patterns == pytest.approx(1)
        assert (reached.fixed_points, reached.mixtures, reached.unsettled) == (20, 0, 0)


def test_one_cluster_is_one_fixed_point_with_all_patterns_in_play():
    patterns = cloud(200, scale=0.01)
    reached = collapse("1", patterns, {"training": cloud(30, scale=0.01, seed=1)}, (1.0,)).at("training", 1.0)
    assert reached.effective_patterns == pytest.approx(200, rel=1e-3)
    assert (reached.fixed_points, reached.mixtures) == (1, 1)


def test_clusters_far_apart_are_as_many_fixed_points_as_clusters():
    centres = 100 * torch.eye(5).repeat_interleave(40, 0)
    patterns = centres + cloud(200, 5, 0.01)
    reached = collapse("1", patterns, {"training": patterns[::7] + 0.02}, (1.0,)).at("training", 1.0)
    assert reached.fixed_points == 5
    assert reached.effective_patterns == pytest.approx(40, rel=1e-2)


@pytest.mark.parametrize("beta", [0.2, 1.0, 3.0])
def test_numbers_are_those_of_brute_force(beta):
    patterns, queries = cloud(80), cloud(25, seed=1)
    found = collapse("3", patterns, {"validation": queries}, (0.5, beta))
    squared = (queries.double()[:, None] - patterns.double()).square().sum(2)
    weights = torch.softmax(-beta * squared, 1)
    number = torch.exp(torch.special.entr(weights).sum(1)).sort().values[12]
    energy = (-torch.logsumexp(-beta * squared, 1) / beta).sort().values[12]
    reached = found.at("validation", beta)
    assert reached.effective_patterns == pytest.approx(float(number), rel=1e-6)
    assert reached.energy == pytest.approx(float(energy), rel=1e-6)
    nearest = squared.amin(1).sqrt()
    assert found.distances["validation"] == pytest.approx([float(torch.quantile(nearest, share)) for share in SHARES])
    assert (found.layer, found.n_patterns, found.n_queries) == ("3", 80, 25)


def test_the_distances_of_a_layer_are_those_of_its_patterns():
    patterns = cloud(60)
    apart = torch.cdist(patterns.double(), patterns.double(), compute_mode="donot_use_mm_for_euclid_dist")
    found = collapse("1", patterns, {"training": cloud(3, seed=1)}, (1.0,))
    assert found.apart == pytest.approx(float(apart[torch.ones(60, 60).triu(1).bool()].median()))
    assert found.nearest == pytest.approx(float(apart.fill_diagonal_(math.inf).amin(1).median()))
    assert median_apart(patterns[:1]) == 0


def test_the_frozen_beta_has_eight_patterns_in_play():
    patterns, queries = cloud(500), cloud(50, seed=1)
    beta = frozen_beta(queries, patterns)
    assert float(search(queries, patterns, 1, [beta]).effective_patterns.median()) == pytest.approx(8, rel=1e-3)


def test_no_beta_is_frozen_where_there_are_fewer_patterns():
    assert frozen_beta(cloud(10, seed=1), cloud(5)) is None


def test_equal_patterns_are_one_fixed_point():
    reached = collapse("0", torch.ones(9, 4), {"training": cloud(6, 4)}, (1.0,)).at("training", 1.0)
    assert (reached.fixed_points, reached.unsettled) == (1, 0)
    assert reached.effective_patterns == pytest.approx(9)


def test_a_beta_that_is_none_is_refused():
    with pytest.raises(UsageError, match="beta is -1"):
        collapse("0", cloud(5), {"training": cloud(2)}, (-1.0,))
