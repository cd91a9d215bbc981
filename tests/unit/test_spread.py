"""The spread of vectors against all pairs, on clouds whose answer is known, exactly and through faiss."""

import sys

import numpy as np
import pytest
import torch

from memlab.errors import DataError, UsageError
from memlab.measures.spread import spread
from memlab.memory import approximate
from memlab.memory.radius import matched_gaussian, nearest_distances
from memlab.theory.partition import log_partition


def cloud(n=600, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed)) * torch.linspace(0.5, 2, width)


def all_pairs(states):
    distances = torch.cdist(states.double(), states.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return distances.fill_diagonal_(torch.inf).amin(1).numpy()


def test_all_of_the_vectors_have_the_distances_of_all_pairs():
    states = cloud()
    found = spread(states)
    nearest, whole = all_pairs(states), found.measured[-1]
    assert (whole.n_vectors, whole.n_equal, found.recall) == (600, 0, None)
    assert [whole.mean, whole.median, 2 * whole.radius] == pytest.approx([nearest.mean(), np.median(nearest), nearest.mean()])
    assert whole.quantiles == pytest.approx(np.quantile(nearest, [0.05, 0.25, 0.5, 0.75, 0.95]))
    assert whole.counts == np.histogram(nearest, found.edges)[0].tolist()
    assert sum(whole.counts) == 600


def test_theory_stands_beside_it():
    found = spread(cloud())
    assert found.stated_radius == pytest.approx((12 / (2 * np.pi * np.e)) ** 0.5)
    assert log_partition(12, 600, found.unit_radius) == pytest.approx(0, abs=1e-6)
    assert found.log_partition == pytest.approx(log_partition(12, 600, found.measured[-1].radius))


@pytest.mark.slow
def test_a_gaussian_cloud_is_its_own_null_and_clusters_are_not():
    found = spread(cloud(2000))
    assert found.measured[-1].radius == pytest.approx(found.null[-1].radius, rel=0.03)
    centres = cloud(20, seed=1).repeat(50, 1)
    clusters = spread(centres + 0.01 * torch.randn(1000, 12, generator=torch.Generator().manual_seed(2)))
    assert clusters.measured[-1].radius < 0.1 * clusters.null[-1].radius


def test_the_null_is_the_mean_over_many_draws_with_their_range():
    states = cloud(100)
    found = spread(states, seed=4)
    draws = [all_pairs(draw).mean() / 2 for draw in matched_gaussian(states, 4, 2000).split(100)]
    assert (found.n_draws, found.null[-1].n_vectors) == (20, 2000)
    assert [found.null[-1].radius, *found.null_range] == pytest.approx([np.mean(draws), min(draws), max(draws)])
    assert found.null_range[1] > 1.1 * found.null_range[0]  # one draw alone would say either
    assert spread(states, seed=5).null[-1].radius == pytest.approx(found.null[-1].radius, rel=0.02)


def test_many_vectors_have_fewer_draws(monkeypatch):
    monkeypatch.setattr("memlab.measures.spread._DRAWN", 1000)
    assert [spread(cloud(n)).n_draws for n in (40, 300, 1200)] == [20, 3, 1]


def test_doubles_are_counted_and_named_apart():
    states = cloud(100)
    states[90:] = states[:10]
    whole = spread(states).measured[-1]
    nearest = all_pairs(states)
    assert whole.n_equal == 20
    assert whole.mean_apart == pytest.approx(nearest[nearest > 0].mean())
    same = spread(torch.ones(10, 3))
    assert (same.measured[-1].mean, same.measured[-1].mean_apart, same.measured[-1].n_equal) == (0, 0, 10)


@pytest.mark.slow
def test_shares_grow_and_follow_from_the_seed():
    first, again, other = spread(cloud()), spread(cloud()), spread(cloud(), seed=1)
    assert [one.n_vectors for one in first.measured] == [150, 300, 450, 600]
    assert first == again
    assert other.measured[0] != first.measured[0]
    assert other.measured[-1].mean == first.measured[-1].mean


def test_too_few_vectors_are_refused():
    with pytest.raises(DataError, match="there are 7 vectors only"):
        spread(cloud(7))


def test_without_faiss_approximate_search_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UsageError, match="approximate search needs faiss, which is not installed; pip install 'memlab\\[faiss\\]'"):
        spread(cloud(), by_faiss=True)


@pytest.fixture
def faiss():
    return pytest.importorskip("faiss")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("faiss")
def test_with_all_lists_looked_through_faiss_is_exact():
    states = cloud(1500)
    states[:3] = states[3:6]
    found = approximate.nearest_distances(states, 1.0, n_probed=10**6)
    assert found.recall == 1
    assert found.n_probed == found.n_lists > 1
    assert found.distances.values == pytest.approx(np.sort(all_pairs(states)))
    assert found.distances.n_equal == 6


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("faiss")
def test_with_few_lists_distances_are_never_too_small_and_the_recall_says_how_many_are_right():
    states = cloud(3000)
    found = approximate.nearest_distances(states, 0.5, seed=3, n_probed=1)
    exact = nearest_distances(states, (0.5,), seed=3)[0]
    assert found.distances.n_patterns == exact.n_patterns == 1500
    assert (found.distances.values >= exact.values - 1e-9).all()
    assert 0.2 < found.recall < 1
    assert found.n_checked == 256


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("faiss")
def test_a_spread_through_faiss_carries_its_recall():
    found = spread(cloud(), by_faiss=True)
    assert set(found.recall) == {"measured", "null"}
    assert all(0 < share <= 1 for share in found.recall.values())
