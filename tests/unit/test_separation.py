"""How patterns lie, and the bounds on energies, counted by the code and by brute force."""

import math

import numpy as np
import pytest
import torch

from memlab.measures import propositions
from memlab.measures.separation import separation
from memlab.memory import energy


def drawn(n, width=6, seed=0, scale=1.0):
    return scale * torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def distances(some, other):
    return (some.double()[:, None] - other.double()).norm(dim=2)


@pytest.fixture(scope="module")
def patterns():
    return drawn(80)


def nearest_of(patterns):
    apart = distances(patterns, patterns)
    apart.fill_diagonal_(math.inf)
    return apart.amin(1)


def test_balls_reach_half_the_way_to_the_nearest_other(patterns):
    queries = {"training": patterns[:20] + 0.1 * drawn(20, seed=1), "validation": drawn(30, seed=2)}
    found = separation("2", patterns, np.arange(80), queries, [1.0])
    reach = nearest_of(patterns) / 2
    assert found.radius == pytest.approx(float(reach.mean()))
    for part, states in queries.items():
        near, which = distances(states, patterns).min(1)
        assert found.inside[part] == pytest.approx(float((near <= reach[which]).double().mean()))
    assert found.inside["training"] > found.inside["validation"]


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0])
def test_merged_patterns_and_close_pairs_are_those_within_the_merge_distance(patterns, beta):
    found = separation("2", patterns, np.arange(80), {"training": patterns[:1]}, [beta]).at[0]
    limit = math.sqrt(2 / beta)
    apart = distances(patterns, patterns)[~torch.eye(len(patterns), dtype=torch.bool)]
    assert found.merged == pytest.approx(float((nearest_of(patterns) < limit).double().mean()))
    assert found.close_pairs == pytest.approx(float((apart < limit).double().mean()))


def test_far_apart_every_pattern_is_stored_and_close_together_none_is():
    far, close = drawn(40, scale=20.0), drawn(40, scale=0.01)
    stored = [separation("2", patterns, np.arange(40), {"training": patterns[:1]}, [1.0]).at[0] for patterns in (far, close)]
    assert [(one.merged, one.stored.value) for one in stored] == [(0, 1), (1, 0)]


def test_doubles_count_as_one_pattern(patterns):
    twice = torch.cat([patterns, patterns[:7] + 1e-7])
    once, found = (separation("2", rows, np.arange(len(rows)), {"training": drawn(9, seed=3)}, [1.0]) for rows in (patterns, twice))
    assert (found.n_patterns, found.n_equal) == (80, 7)
    assert found.radius == pytest.approx(once.radius, rel=1e-4)
    assert found.at[0].merged == pytest.approx(once.at[0].merged)


def test_where_retrieval_ends_is_asked_of_512_patterns_with_an_interval_by_document():
    patterns = drawn(600, scale=0.8)
    by_pattern, by_document = (
        separation("2", patterns, documents, {"training": patterns[:1]}, [1.0]).at[0].stored
        for documents in (np.arange(600), np.arange(600) // 60)
    )
    assert by_pattern.n == by_document.n == 512
    assert 0 < by_pattern.low < by_pattern.value == by_document.value < by_pattern.high < 1
    assert (by_pattern.how, by_document.how) == ("Clopper-Pearson", "bootstrap over documents, at least Clopper-Pearson")
    assert (by_pattern.n_documents, by_document.n_documents) == (512, 10)


def test_doubles_leave_their_documents_too():
    patterns = torch.cat([drawn(60, scale=20.0), drawn(60, scale=20.0)])
    found = separation("2", patterns, np.arange(120) // 60, {"training": patterns[:1]}, [1.0])
    assert (found.n_patterns, found.n_equal) == (60, 60)
    assert found.at[0].stored.how == "Clopper-Pearson over rows of one document"


def test_the_bounds_are_broken_as_often_as_counting_says():
    state, patterns = drawn(50, seed=4).double(), drawn(30, seed=5).double()
    patterns *= 2 / patterns.norm(dim=1, keepdim=True) + 0.25 * drawn(30, 1, seed=6)  # norms that differ little
    found = propositions.propositions(state, patterns)
    g = distances(state, patterns).square().amin(1)
    spread = float(patterns.square().sum(1).max() - patterns.square().sum(1).min())
    network = -torch.logsumexp(2 * state @ patterns.T, 1) + state.square().sum(1) + math.log(30) + patterns.square().sum(1).max()
    outside = (g - network < -spread) | (g - network > spread + math.log(30))
    assert found[propositions.P3_STATED][:2] == (50, int(outside.sum()))
    assert 0 < found[propositions.P3_STATED].broken < 50
    assert all(found[name].broken == 0 for name in found if name != propositions.P3_STATED)


def test_equation_8_is_broken_by_another_energy(monkeypatch):
    energies = drawn(20, 4, seed=6).double()
    assert propositions.equation_8(energies) == (4, 0, 0.0)
    monkeypatch.setattr(energy, "global_energy", lambda energies: energy.GlobalEnergy(energies.amin(0) + 1, energies.argmin(0)))
    assert propositions.equation_8(energies).broken == 4
