"""Energies of states among patterns: against sums written out in float64, and the paper's propositions on random vectors."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from memlab.errors import DataError, UsageError
from memlab.memory import energy

FIGURE_1 = torch.tensor([[-2.0], [0.0], [1.0]])
BETAS = [1e-6, 0.1, 1.0, 20.0, 1e6]

numbers = st.floats(-20, 20, width=32)
vectors = st.integers(1, 5).flatmap(
    lambda width: st.tuples(
        hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.just(width)), elements=numbers),
        hnp.arrays(np.float32, st.tuples(st.integers(1, 8), st.just(width)), elements=numbers),
    )
)


def some(n_states=7, n_patterns=50, width=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_states, width, generator=generator), torch.randn(n_patterns, width, generator=generator)


def written_out(state, patterns, beta):
    """E_β by the formula, pattern by pattern, in Python's own numbers."""
    found = []
    for x in state.double().tolist():
        distances = [math.fsum((a - b) ** 2 for a, b in zip(x, row, strict=True)) for row in patterns.double().tolist()]
        least = min(distances)
        found.append(least - math.log(math.fsum(math.exp(-beta * (d - least)) for d in distances)) / beta)
    return torch.tensor(found, dtype=torch.float64)


def test_distances_keep_their_digits_where_vectors_are_long_and_close():
    patterns = torch.full((3, 64), 1e4) + torch.tensor([[0.0], [0.5], [1.0]])
    found = energy.squared_distances(patterns[:1], patterns)
    assert found.tolist() == [[0, 64 * 0.25, 64]]
    assert energy.nearest_squared_distance(patterns[1:], patterns).tolist() == [0, 0]


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("length", [1e-3, 1.0, 1e4])
def test_the_energy_is_the_formula(beta, length):
    state, patterns = (part * length for part in some())
    assert torch.allclose(energy.layer_energy(state, patterns, beta), written_out(state, patterns, beta), rtol=1e-9, atol=1e-12 / beta)


@pytest.mark.parametrize("beta", [0.1, 1.0, 20.0])
def test_energy_lies_just_below_the_nearest_distance(beta):
    state, patterns = some()
    nearest = torch.cdist(state, patterns).square().amin(-1)
    found = energy.layer_energy(state, patterns, beta)
    assert (found <= nearest + 1e-4).all()
    assert (found >= nearest - math.log(50) / beta - 1e-4).all()


@given(vectors, st.sampled_from([0.01, 0.5, 1.0, 3.0, 50.0]))
def test_propositions_1_to_3_hold_as_corrected(pair, beta):
    state, patterns = map(torch.from_numpy, pair)
    nearest = energy.nearest_squared_distance(state, patterns)
    found = energy.layer_energy(state, patterns, beta)
    hopfield = energy.mchn_energy(state, patterns, 2 * beta)
    dust = 1e-9 * (1 + nearest.amax() + energy.squared_norms(patterns).amax() + 1 / beta)
    for value, (lower, upper) in [
        (found, energy.proposition_1(nearest, len(patterns), beta)),
        (2 * hopfield - math.log(len(patterns)) / beta - found, energy.proposition_2(patterns)),
        (nearest - 2 * hopfield, energy.proposition_3(patterns, beta)),
    ]:
        assert (value >= lower - dust).all()
        assert (value <= upper + dust).all()


@given(vectors)
def test_proposition_2_as_stated_is_true_but_wider(pair):
    _, patterns = map(torch.from_numpy, pair)
    stated, sharp = energy.proposition_2(patterns, as_stated=True), energy.proposition_2(patterns)
    assert stated.lower <= sharp.lower
    assert stated.upper == sharp.upper == energy.norm_spread(patterns)


def test_the_lower_bound_of_proposition_3_as_stated_fails_in_about_half_of_random_trials():
    failed = 0
    for seed in range(200):
        state, patterns = some(1, 10, 4, seed)
        value = energy.nearest_squared_distance(state, patterns) - 2 * energy.mchn_energy(state, patterns, 2.0)
        failed += bool(value < energy.proposition_3(patterns, as_stated=True).lower)
    assert 40 < failed < 160


@pytest.mark.parametrize("beta", [0.5, 2.0, 8.0])
def test_the_hopfield_energy_is_the_formula(beta):
    state, patterns = (part.double() for part in some())
    norms = patterns.square().sum(1)
    expected = -torch.logsumexp(beta * state @ patterns.T, 1) / beta + state.square().sum(1) / 2 + math.log(50) / beta + norms.amax() / 2
    assert torch.allclose(energy.mchn_energy(state, patterns, beta), expected)


def test_on_a_sphere_both_energies_differ_by_a_constant():
    state, patterns = some()
    patterns = torch.nn.functional.normalize(patterns.double(), dim=1)
    difference = 2 * energy.mchn_energy(state, patterns, 2.0) - math.log(50) - energy.layer_energy(state, patterns, 1.0)
    assert torch.allclose(difference, torch.zeros(7).double(), atol=1e-12)


@pytest.mark.parametrize("beta", [0.1, 1.0, 5.0])
def test_the_gradient_is_the_slope_of_the_energy(beta):
    state, patterns = (part.double() for part in some(4, 9, 5))
    step = 1e-5
    slopes = torch.stack(
        [
            (energy.layer_energy(state + step * axis, patterns, beta) - energy.layer_energy(state - step * axis, patterns, beta))
            / (2 * step)
            for axis in torch.eye(5).double()
        ],
        1,
    )
    assert torch.allclose(energy.energy_gradient(state, patterns, beta), slopes, atol=1e-6)


@pytest.mark.parametrize("beta", BETAS)
def test_the_association_weights_share_out_one(beta):
    state, patterns = some()
    weights = energy.association_weights(state, patterns, beta)
    assert torch.allclose(weights.sum(1), torch.ones(7).double())
    assert torch.equal(weights.argmax(1), torch.cdist(state.double(), patterns.double()).argmin(1))


def test_effective_patterns_count_what_takes_part():
    weights = torch.tensor([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    assert energy.effective_patterns(weights).tolist() == pytest.approx([1, 2, 4])


def test_the_patterns_of_the_papers_figure_1_have_two_minima():
    line = torch.linspace(-4, 3, 7001, dtype=torch.float64)[:, None]
    found = energy.layer_energy(line, FIGURE_1)
    lowest = line[1:-1][(found[1:-1] < found[:-2]) & (found[1:-1] < found[2:])]
    assert lowest[:, 0].tolist() == pytest.approx([-1.957, 0.494], abs=1e-3)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.floats(-300, 300)))
def test_the_global_energy_lies_just_below_the_lowest_layer(energies):
    energies = torch.from_numpy(energies)
    found = energy.global_energy(energies)
    lowest = energies.amin(0)
    assert (found.energy <= lowest).all()
    assert (found.energy >= lowest - math.log(len(energies)) - 1e-9).all()
    assert torch.equal(energies.gather(0, found.layer[None])[0], lowest)


def test_the_scaled_energy_does_not_know_the_unit():
    state, patterns = some()
    nearest = float(energy.nearest_squared_distance(state, patterns).median())
    found = energy.scaled_energy(state, patterns, nearest)
    assert torch.allclose(energy.scaled_energy(100 * state, 100 * patterns, 100**2 * nearest), found, rtol=1e-6)
    assert torch.allclose(found, written_out(state / nearest**0.5, patterns / nearest**0.5, 1.0), rtol=1e-5)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("length", [1e-3, 1e4])
def test_one_pattern_and_equal_patterns_give_finite_energies(beta, length):
    state = torch.full((2, 8), length)
    for n in (1, 5):
        patterns = torch.zeros(n, 8)
        squared = 8 * float(torch.tensor(length)) ** 2
        assert energy.layer_energy(state, patterns, beta).tolist() == pytest.approx([squared - math.log(n) / beta] * 2, rel=1e-12)
        assert energy.effective_patterns(energy.association_weights(state, patterns, beta)).tolist() == pytest.approx([n] * 2)
        assert torch.allclose(energy.energy_gradient(state, patterns, beta), 2 * state.double())


@pytest.mark.parametrize(
    ("state", "patterns", "message"),
    [
        (torch.tensor([[0.0], [math.nan]]), torch.ones(2, 1), r"^state 1 is not finite"),
        (torch.zeros(1, 1), torch.tensor([[0.0], [1.0], [math.inf]]), r"^pattern 2 is not finite"),
        (torch.zeros(1, 2), torch.zeros(3, 1), r"^states have the shape \(1, 2\); they must be rows of 1 numbers"),
        (torch.zeros(1, 2), torch.zeros(0, 2), r"^patterns have the shape \(0, 2\); at least one row"),
        (torch.full((1, 1), 1e20), torch.zeros(3, 1), r"^state 0 is not finite, or longer than 1e15"),
    ],
)
def test_numbers_that_make_no_sense_are_named(state, patterns, message):
    with pytest.raises(DataError, match=message):
        energy.layer_energy(state, patterns)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("function", [energy.layer_energy, energy.association_weights, energy.energy_gradient, energy.mchn_energy])
def test_beta_must_be_positive(function, beta):
    with pytest.raises(UsageError, match=r"^beta is .*; it must be positive and finite"):
        function(torch.zeros(1, 1), torch.zeros(1, 1), beta)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf])
def test_a_layer_whose_patterns_are_all_equal_has_no_scale(scale):
    with pytest.raises(DataError, match="the scale of a layer is"):
        energy.scaled_energy(torch.zeros(1, 1), torch.zeros(2, 1), scale)
