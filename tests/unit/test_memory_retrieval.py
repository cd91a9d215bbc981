"""Retrieval: the step, the descent and what it ends at, against the step written out in float64 and the paper's Figure 1."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from memlab.errors import DataError, UsageError
from memlab.memory import energy
from memlab.memory.radius import typical_distance
from memlab.memory.retrieval import descend, distinct_points, retrieval_step

FIGURE_1 = torch.tensor([[-2.0], [0.0], [1.0]])
BETAS = [1e-6, 1e-3, 0.05, 0.3, 1.0, 1e3, 1e6]


def some(n_states=20, n_patterns=3000, width=16, spread=0.5):
    """States near patterns."""
    generator = torch.Generator().manual_seed(n_patterns)
    patterns = torch.randn(n_patterns, width, generator=generator)
    return patterns[:n_states] + spread * torch.randn(n_states, width, generator=generator), patterns


def written_out(state, patterns, beta):
    state, patterns = state.double(), patterns.double()
    return torch.softmax(-beta * torch.stack([(patterns - x).square().sum(1) for x in state]), 1) @ patterns


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("n_patterns", [1, 20, 3000])
def test_the_step_is_the_formula(beta, n_patterns):
    state, patterns = some(min(20, n_patterns), n_patterns)
    assert torch.allclose(retrieval_step(state, patterns, beta), written_out(state, patterns, beta), atol=1e-6)


@pytest.mark.parametrize("beta", [0.05, 3.0])
def test_the_step_is_half_a_gradient_down(beta):
    state, patterns = some()
    expected = state - energy.energy_gradient(state, patterns, beta) / 2
    assert torch.allclose(retrieval_step(state, patterns, beta), expected, atol=1e-6)


def test_the_step_keeps_its_digits_far_from_the_origin_and_among_many_near_doubles():
    generator = torch.Generator().manual_seed(0)
    patterns = 300 + 1e-2 * torch.randn(2000, 16, generator=generator)
    state = patterns[:5]
    for beta in (1.0, 1e3, 1e5):
        assert torch.allclose(retrieval_step(state, patterns, beta), written_out(state, patterns, beta), atol=1e-7, rtol=0)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=st.floats(-10, 10, width=32)),
    st.sampled_from([1e-3, 0.1, 1.0, 10.0, 1e3]),
    st.integers(0, 10),
)
def test_the_energy_never_rises_along_a_path(patterns, beta, seed):
    patterns = torch.from_numpy(patterns)
    state = 10 * torch.randn(4, patterns.shape[1], generator=torch.Generator().manual_seed(seed))
    found = descend(state, patterns, beta, keep_path=True, max_steps=30)
    dust = 1e-6 * (1 + found.energies.abs())
    assert (found.energies[1:] <= found.energies[:-1] + dust[1:]).all()
    for states, energies in zip(found.path, found.energies, strict=True):
        assert torch.allclose(energy.layer_energy(states, patterns, beta), energies, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("beta", BETAS)
def test_the_energy_never_rises_in_a_store_where_many_matter(beta):
    state, patterns = some()
    found = descend(state, patterns, beta)
    assert (found.energies.diff(dim=0) <= 1e-6 * (1 + found.energies[1:].abs())).all()
    assert torch.allclose(found.energies[-1], energy.layer_energy(found.fixed_points, patterns, beta), rtol=1e-6)


@pytest.mark.parametrize("beta", BETAS)
def test_what_has_converged_is_a_fixed_point(beta):
    state, patterns = some()
    scale = typical_distance(patterns)
    found = descend(state, patterns, beta, scale, tolerance=1e-4)
    assert found.converged.all()
    assert found.tolerance == pytest.approx(1e-4 * scale)
    again = written_out(found.fixed_points, patterns, beta)
    assert ((again - found.fixed_points).norm(dim=1) <= found.tolerance + 1e-6 * scale).all()
    weights = energy.association_weights(found.fixed_points, patterns, beta)
    assert torch.allclose(found.effective_patterns, energy.effective_patterns(weights), rtol=1e-5)
    distances = energy.squared_distances(found.fixed_points, patterns)
    assert torch.allclose(found.squared_distance, distances.amin(1), atol=1e-9)
    assert torch.equal(found.nearest, distances.argmin(1))


def test_the_patterns_of_the_papers_figure_1_have_two_fixed_points():
    found = descend(torch.tensor([[-3.0], [-1.2], [0.0], [1.0], [5.0]]), FIGURE_1)
    assert found.fixed_points[:, 0].tolist() == pytest.approx([-1.957, -1.957, 0.494, 0.494, 0.494], abs=1e-3)
    assert found.is_mixture.tolist() == [False, False, True, True, True]
    assert found.effective_patterns[2:].tolist() == pytest.approx([2.02] * 3, abs=0.01)
    assert found.nearest[:2].tolist() == [0, 0]
    assert distinct_points(found.fixed_points, 1e-3) == (pytest.approx(torch.tensor([0, 0, 1, 1, 1])), 2)


def test_a_descent_says_how_many_steps_it_took_and_where_it_was():
    state, patterns = some(5)
    found = descend(state, patterns, 0.3, keep_path=True)
    assert torch.equal(found.path[0], state.double())
    for number, steps in enumerate(found.n_steps.tolist()):
        assert torch.equal(found.path[steps, number], found.fixed_points[number])
        assert torch.equal(found.path[-1, number], found.fixed_points[number])
        if steps:
            step = written_out(found.path[:steps, number], patterns, 0.3)
            assert torch.allclose(found.path[1 : steps + 1, number], step, atol=1e-6)
    assert len(found.path) == len(found.energies) == int(found.n_steps.max()) + 1


def test_steps_that_run_out_are_said():
    found = descend(torch.tensor([[-1.2]]), FIGURE_1, max_steps=2)
    assert (found.converged.tolist(), found.n_steps.tolist()) == ([False], [2])
    still = descend(torch.tensor([[-1.2]]), FIGURE_1, max_steps=0)
    assert (still.fixed_points.tolist(), still.n_steps.tolist()) == ([[pytest.approx(-1.2)]], [0])


def test_several_tiles_of_states_are_joined(monkeypatch):
    from memlab.memory import neighbourhood

    state, patterns = some(40)
    expected = descend(state, patterns, 0.3, 1.0, keep_path=True)
    monkeypatch.setattr(neighbourhood, "_NUMBERS", 32 * 16 * 7)  # seven states at a time
    found = descend(state, patterns, 0.3, 1.0, keep_path=True)
    for name in ("fixed_points", "n_steps", "converged", "energies", "nearest", "effective_patterns", "path"):
        assert torch.allclose(getattr(found, name).double(), getattr(expected, name).double(), atol=1e-6), name


@pytest.mark.parametrize("beta", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("length", [1e-3, 1e4])
def test_one_pattern_and_equal_patterns_are_reached_in_one_step(beta, length):
    state = torch.zeros(2, 8)
    for n in (1, 50):
        patterns = torch.full((n, 8), length)
        found = descend(state, patterns, beta)
        assert found.converged.all()
        assert found.n_steps.tolist() == [1, 1]
        assert torch.allclose(found.fixed_points, patterns[:2].double().expand(2, -1))
        assert found.effective_patterns.tolist() == pytest.approx([n, n])


def test_a_memory_map_gives_the_same(tmp_path):
    state, patterns = some()
    np.save(tmp_path / "patterns.npy", patterns.numpy())
    mapped = np.load(tmp_path / "patterns.npy", mmap_mode="r")
    assert torch.equal(descend(state, mapped, 0.3).fixed_points, descend(state, patterns, 0.3).fixed_points)


def test_points_within_the_distance_are_one():
    points = torch.tensor([[0.0, 0], [5, 5], [1e-4, 0], [5, 5.0001], [0, 3]])
    labels, count = distinct_points(points, 1e-3)
    assert count == 3
    assert labels[0] == labels[2] != labels[4]
    assert labels[1] == labels[3] != labels[4]
    assert distinct_points(points, 0.0)[1] == 5
    assert distinct_points(torch.zeros(4, 2), 0.0)[1] == 1
    assert distinct_points(points, 100.0)[1] == 1
    assert distinct_points(torch.zeros(0, 2), 1.0)[1] == 0


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.integers(-3, 3).map(float)))
def test_well_separated_points_are_counted_as_a_set_would(points):
    labels, count = distinct_points(torch.from_numpy(points), 0.5)
    assert count == len({tuple(row) for row in points})
    assert len(torch.unique(labels)) == count


def test_wrong_requests_are_named():
    with pytest.raises(UsageError, match=r"^beta is -1"):
        descend(torch.zeros(1, 2), torch.zeros(3, 2), -1.0)
    with pytest.raises(DataError, match=r"^states have the shape"):
        retrieval_step(torch.zeros(1, 3), torch.zeros(3, 2))
