"""The data order is a function of seed and step: every row once an epoch, whoever asks, whenever."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memlab.data import batches

sizes = st.one_of(st.integers(1, 40), st.integers(1, 3000))


@given(st.integers(0, 2**63 - 1), sizes)
@example(0, 1)
@example(0, 2**10)
@example(0, 2**10 + 1)
def test_each_epoch_is_a_permutation_of_the_rows(seed, n):
    order = batches.rows(seed, 0, 3 * n, n)
    for epoch in order.reshape(3, n):
        assert np.array_equal(np.sort(epoch), np.arange(n))


@given(st.integers(0, 2**63 - 1), st.integers(1, 50), st.integers(1, 200), st.integers(0, 30), st.sampled_from(["epochs", "random"]))
def test_a_step_depends_on_seed_and_step_alone(seed, batch, n, step, order):
    whole = batches.rows(seed, 0, batch * (step + 1), n, order)  # one long step is many short ones
    assert np.array_equal(batches.rows(seed, step, batch, n, order), whole[-batch:])
    assert whole.dtype == np.int64
    assert 0 <= whole.min() <= whole.max() < n


@settings(max_examples=30)
@given(st.integers(1, 16), st.integers(1, 64), st.integers(1, 100))
def test_the_slices_of_all_ranks_make_up_the_global_batch(world, batch, n):
    together = batches.rows(1, 3, batch, n)
    slices = [batches.rows(1, 3, batch, n)[rank::world] for rank in range(world)]
    woven = np.full((-(-batch // world), world), -1)
    for rank, part in enumerate(slices):
        woven[: len(part), rank] = part
    assert np.array_equal(woven[woven >= 0], together)


def test_epochs_and_seeds_differ():
    n = 500
    orders = [batches.rows(seed, epoch, n, n) for seed in range(5) for epoch in range(5)]
    draws = [batches.rows(seed, 0, n, n, "random") for seed in range(5)]
    for drawn in (orders, draws):
        agreement = [(a == b).sum() for number, a in enumerate(drawn) for b in drawn[:number]]
        assert np.mean(agreement) < 2  # about 1 in any two random orders
        assert max(agreement) < 10


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 4, 5, 100])
def test_every_row_is_equally_likely_at_every_place(n):
    n_seeds = 1000
    first, last = (np.array([batches.permute(np.array([place]), n, seed)[0] for seed in range(n_seeds)]) for place in (0, n - 1))
    for rows in (first, last):
        expected = n_seeds / n
        chi_square = ((np.bincount(rows.astype(int), minlength=n) - expected) ** 2 / expected).sum()
        assert chi_square < (n - 1) + 5 * np.sqrt(2 * (n - 1))


def test_neighbours_in_the_order_are_no_neighbours_in_the_text():
    order = batches.rows(0, 0, 10_000, 10_000)
    assert abs(np.corrcoef(np.arange(10_000), order)[0, 1]) < 0.05
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.05
    assert (np.abs(np.diff(order)) == 1).sum() < 15  # 2 expected


def test_random_rows_are_drawn_with_repetition_and_uniformly():
    rows = batches.rows(0, 0, 50_000, 50, "random")
    chi_square = ((np.bincount(rows, minlength=50) - 1000) ** 2 / 1000).sum()
    assert chi_square < 49 + 5 * np.sqrt(2 * 49)
    assert len(set(batches.rows(0, 0, 50, 50, "random").tolist())) < 50


def test_the_order_stays_what_it_is():
    """If this fails, runs that were stopped would go on with another order: do not change the order."""
    assert batches.rows(0, 0, 8, 100).tolist() == [32, 36, 90, 45, 8, 71, 44, 24]
    assert batches.rows(7, 3, 4, 100, "random").tolist() == [64, 35, 59, 92]


def test_positions_beyond_32_bits_have_an_order_too():
    n = 1000
    far = batches.rows(0, 2**33, n, n)
    assert np.array_equal(np.sort(far), np.arange(n))
    assert not np.array_equal(far, batches.rows(0, 0, n, n))


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20, unique=True), st.integers(-(2**63), 2**64))
def test_the_hash_keeps_different_values_apart(values, seed):
    hashed = batches.mix(np.array(values, np.uint64), seed)
    assert len(np.unique(hashed)) == len(values)


def test_the_hash_flips_half_of_the_bits():
    values = np.arange(500, dtype=np.uint64)
    for other in (batches.mix(values ^ np.uint64(1), 0), batches.mix(values, 1)):
        flipped = np.bitwise_count(batches.mix(values, 0) ^ other)
        assert 31 < flipped.mean() < 33
