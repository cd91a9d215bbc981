"""Alignment where the answer is known: updates along -∇E, against it, at random; and the nulls and intervals around it."""

import numpy as np
import pytest
import torch

from memlab.measures.alignment import GAUSSIAN, SHUFFLED, STORED, alignment, moves, shuffled
from memlab.measures.places import Where
from memlab.memory.energy import energy_gradient, layer_energy, nearest_squared_distance


def cloud(n, width=12, scale=1.0, seed=0):
    return scale * torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def places(documents, rows=None):
    """Where queries are, as far as intervals look at it."""
    n = len(documents)
    return Where(np.arange(n) if rows is None else rows, np.zeros(n), documents, np.zeros(n), np.zeros(n))


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
    where = {part: places(np.arange(len(states))) for part, states in before.items()}
    found = alignment(2, before, after, where, "before", patterns)
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
        {part: places(np.arange(rows.stop - rows.start)) for part, rows in parts.items()},
        "after",
        patterns,
    )
    for part, rows in parts.items():
        stored = next(one for one in both if (one.part, one.patterns) == (part, STORED))
        assert stored.cosine.value == pytest.approx(float(moves(before[rows], after[rows], patterns).cosine.mean()))


def stored_of(documents, rows=None, still=0):
    """How the updates of queries, of which some rest, are aligned: each dozen is nearly the same."""
    n = len(documents)
    centres = cloud(n // 12 + 1, seed=5)[torch.arange(n) // 12]
    before = centres + cloud(n, seed=1, scale=0.01)
    after = before + centres.flip(1) * (torch.arange(n) >= still)[:, None]
    where = {"training": places(documents, rows)}
    return alignment(1, {"training": before}, {"training": after}, where, "after", cloud(80))[0]


def test_intervals_resample_documents_which_hang_together():
    documents = np.repeat(np.arange(20), 12)
    alone, together = stored_of(np.arange(240)), stored_of(documents)
    assert (together.cosine.n, together.cosine.n_documents, together.cosine.how) == (240, 20, "bootstrap over documents")
    assert together.lowers_energy.n_documents == 20
    assert together.cosine.value == alone.cosine.value
    assert together.cosine.high - together.cosine.low > 2 * (alone.cosine.high - alone.cosine.low)


def test_of_a_single_document_its_rows_are_resampled():
    found = stored_of(np.zeros(40, int), np.repeat(np.arange(8), 5))
    assert (found.cosine.how, found.cosine.n_documents) == ("bootstrap over rows of one document", 1)


def test_updates_without_a_direction_are_left_out_of_the_mean():
    found = stored_of(np.repeat(np.arange(20), 3), still=6)
    assert (found.still, found.cosine.n, found.cosine.n_documents, found.lowers_energy.n) == (6, 54, 18, 60)
    assert stored_of(np.repeat(np.arange(20), 3), still=60).cosine is None
