"""Alignment where the answer is known: updates along -∇E, against it, at random; and the nulls and intervals around it."""

import numpy as np
import pytest
import torch

from memlab.measures.alignment import GAUSSIAN, SHUFFLED, STORED, alignment, bootstrap, moves, shuffled
from memlab.memory.energy import energy_gradient, layer_energy, nearest_squared_distance


def cloud(n, width=12, scale=1.0, seed=0):
    return scale * torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("beta", [0.1, 1.0, 5.0])
def test_updates_along_the_gradient_have_cosine_1_and_lower_the_energy(beta):
    patterns, before = cloud(300), cloud(40, seed=1).double()
    after = before - 0.1 * energy_gradient(before, patterns, beta)
    found = moves(before, after, patterns, beta)
    assert torch.allclose(found.cosine, torch.ones(40, dtype=torch.float64), atol=1e-6)
    assert found.lowers_energy.all()
    uphill = moves(before, 2 * before - after, patterns, beta)
    assert torch.allclose(uphill.cosine, -torch.ones(40, dtype=torch.float64), atol=1e-6)


def test_updates_at_random_are_aligned_with_nothing():
    patterns, before = cloud(300, 64), cloud(400, 64, seed=1)
    found = moves(before, before + cloud(400, 64, seed=2), patterns, 1.0)
    assert abs(float(found.cosine.mean())) < 3 / (400 * 64) ** 0.5
    assert float(found.lowers_energy.double().mean()) < 0.1  # a long way in a direction that means nothing leads out of the cloud


def test_numbers_are_those_of_brute_force():
    patterns, before, after = cloud(70), cloud(30, seed=1), cloud(30, seed=2)
    found = moves(before, after, patterns, 0.7)
    down = -energy_gradient(before, patterns, 0.7)
    assert torch.allclose(found.cosine, torch.cosine_similarity((after - before).double(), down), atol=1e-6)
    assert torch.equal(found.lowers_energy, layer_energy(after, patterns, 0.7) < layer_energy(before, patterns, 0.7))
    assert torch.equal(found.lowers_nearest, nearest_squared_distance(after, patterns) < nearest_squared_distance(before, patterns))


def test_what_does_not_move_and_what_is_at_rest_have_no_direction():
    patterns = 100 * torch.eye(6)
    before = torch.cat([patterns[:2], patterns[2:4] + 1])
    after = before + torch.tensor([[1.0], [1.0], [0.0], [1.0]])
    assert moves(before, after, patterns).cosine.isnan().tolist() == [True, True, True, False]


def test_shuffling_keeps_every_coordinate_and_no_pattern():
    patterns = cloud(100)
    found = shuffled(patterns, 3)
    assert torch.equal(found.sort(0).values, patterns.sort(0).values)
    assert not (torch.cdist(found, patterns) == 0).any()
    assert torch.equal(found, shuffled(patterns, 3))
    assert not torch.equal(found, shuffled(patterns, 4))


def test_blocks_that_retrieve_are_above_both_nulls_on_both_parts():
    patterns = 3 * torch.sign(cloud(60, 24))
    before = {"training": patterns[:20] + cloud(20, 24, 0.3, 1), "validation": patterns[20:50] + cloud(30, 24, 0.3, 2)}
    after = {part: states - 0.3 * energy_gradient(states, patterns).float() for part, states in before.items()}
    rows = {part: np.arange(len(states)) for part, states in before.items()}
    found = alignment(2, before, after, rows, "before", patterns)
    assert [(one.part, one.patterns) for one in found] == [(part, name) for part in before for name in (STORED, SHUFFLED, GAUSSIAN)]
    for one in found:
        assert (one.block, one.reading, one.still) == (2, "before", 0)
        if one.patterns == STORED:
            assert one.cosine.value == pytest.approx(1, abs=1e-6)
            assert one.lowers_energy.value == one.lowers_nearest.value == 1
            assert one.margin is None
        else:
            assert one.margin.low > 0.3
            assert one.margin.value == pytest.approx(1 - one.cosine.value, abs=1e-6)


def test_each_part_is_measured_as_if_it_were_alone():
    patterns, before, after = cloud(80), cloud(30, seed=1), cloud(30, seed=2)
    parts = {"training": slice(0, 10), "validation": slice(10, 30)}
    both = alignment(
        1,
        {part: before[rows] for part, rows in parts.items()},
        {part: after[rows] for part, rows in parts.items()},
        {part: np.arange(rows.stop - rows.start) for part, rows in parts.items()},
        "after",
        patterns,
    )
    for part, rows in parts.items():
        stored = next(one for one in both if (one.part, one.patterns) == (part, STORED))
        assert stored.cosine.value == pytest.approx(float(moves(before[rows], after[rows], patterns).cosine.mean()))


def test_the_interval_of_a_mean_is_that_of_normal_theory_for_independent_values():
    values = cloud(4000, 1)[:, 0] + 5
    found = bootstrap(values, np.arange(4000))
    error = 1.96 * float(values.std()) / 4000**0.5
    assert found.value == pytest.approx(float(values.mean()), abs=1e-6)
    assert (found.value - found.low, found.high - found.value) == pytest.approx((error, error), rel=0.1)


def test_values_that_come_in_groups_have_a_wider_interval():
    values = cloud(50, 1)[:, 0].repeat_interleave(20)
    alone, grouped = bootstrap(values, np.arange(1000)), bootstrap(values, np.arange(1000) // 20)
    assert alone.value == grouped.value
    assert 3.5 < (grouped.high - grouped.low) / (alone.high - alone.low) < 5.5  # √20


def test_what_is_not_a_number_is_left_out_of_a_mean():
    found = bootstrap(torch.tensor([1.0, torch.nan, 3.0]), np.array([0, 0, 1]))
    assert (found.value, found.n) == (2, 2)
    assert bootstrap(torch.full((3,), torch.nan), np.arange(3)) is None
