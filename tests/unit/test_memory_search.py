"""Exact search: the k nearest and the log-sum-exp against brute force in float64, on kind and on nasty stores."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from memlab.errors import DataError, UsageError
from memlab.memory import rows
from memlab.memory.search import full_precision, search

BETAS = [1e-6, 1e-3, 0.03, 0.3, 1.0, 10.0, 1e3, 1e6]


def brute(queries, patterns, betas=(), exclude=None):
    """All distances, their order (ties by number), log-sum-exps and effective patterns, from differences in float64."""
    distances = torch.stack([(patterns.double() - query).square().sum(1) for query in queries.double()])
    if exclude is not None:
        for row, numbers in zip(distances, exclude.reshape(len(queries), -1), strict=True):
            row[numbers[numbers >= 0]] = math.inf
    values, order = distances.sort(dim=1, stable=True)
    inverse = torch.tensor(betas, dtype=torch.float64)[:, None, None]
    log_sums = torch.logsumexp(-inverse * distances, 2)
    weights = torch.exp(-inverse * distances - log_sums[:, :, None])
    return values, order, log_sums.T, torch.exp(torch.special.entr(weights).sum(2)).T


def clusters(generator, n, width, centres, spread, length):
    middle = length * torch.randn(centres, width, generator=generator)
    return middle[torch.randint(centres, (n,), generator=generator)] + spread * torch.randn(n, width, generator=generator)


def store(kind, n, width):
    """Queries and patterns of a kind; 12 queries."""
    g = torch.Generator().manual_seed(n + width)
    patterns, queries = torch.randn(n, width, generator=g), torch.randn(12, width, generator=g)
    if kind == "far from the origin":
        return queries + 300, patterns + 300
    if kind == "short":
        return queries * 1e-3 / width**0.5, patterns * 1e-3 / width**0.5
    if kind == "long":
        return queries * 1e4 / width**0.5, patterns * 1e4 / width**0.5
    if kind == "stored":
        return 5 * patterns[torch.arange(12) % n], 5 * patterns
    if kind == "clusters":
        patterns = clusters(g, n, width, 20, 1e-3, 10)
        return patterns[torch.arange(12) % n] + 1e-3 * queries, patterns
    if kind == "doubles":
        patterns = clusters(g, n, width, 100, 0, 1)
        return patterns[torch.arange(12) % n] + 0.1, patterns
    if kind == "all equal":
        return queries, patterns[:1].repeat(n, 1)
    if kind == "a few huge dimensions":
        scale = torch.logspace(-2, 2, width)
        return queries * scale, patterns * scale
    if kind == "of all lengths":
        return queries, patterns * torch.logspace(-3, 4, n)[torch.randperm(n, generator=g), None]
    if kind == "ever nearer":
        return 0.01 * queries, patterns * torch.linspace(5, 0.1, n)[:, None]
    return queries, patterns


KINDS = [
    "plain",
    "far from the origin",
    "short",
    "long",
    "stored",
    "clusters",
    "doubles",
    "all equal",
    "a few huge dimensions",
    "of all lengths",
    "ever nearer",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "width"), [(6000, 24), (3000, 200), (20_000, 2), (7, 5), (1, 3)])
def test_search_agrees_with_brute_force(kind, n, width):
    queries, patterns = store(kind, n, width)
    k = min(n, 10)
    found = search(queries, patterns, k, BETAS)
    distances, order, log_sums, numbers = brute(queries, patterns, BETAS)
    assert torch.allclose(found.squared_distances, distances[:, :k], rtol=1e-12, atol=0)
    assert torch.equal(found.indices, order[:, :k])
    error = (found.log_sum_exp - log_sums).abs() / log_sums.abs().clamp(min=1)
    assert error.max() <= 1e-6
    assert torch.allclose(found.energies, -found.log_sum_exp / found.betas, rtol=1e-12)
    assert torch.allclose(found.effective_patterns, numbers, rtol=2e-5)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.integers(-2, 2).map(float)),
    st.integers(1, 40),
    st.data(),
)
def test_ties_come_in_the_order_of_their_numbers(patterns, k, data):
    patterns = torch.from_numpy(patterns)
    k = min(k, len(patterns))
    queries = torch.full((2, patterns.shape[1]), 0.5)  # never equal to a pattern
    exclude = torch.tensor(data.draw(st.lists(st.integers(-1, len(patterns) - 1), min_size=2, max_size=2)))
    found = search(queries, patterns, k, [1.0], exclude)
    distances, order, log_sums, _ = brute(queries, patterns, [1.0], exclude)
    there = distances[:, :k].isfinite()
    assert torch.allclose(found.squared_distances, distances[:, :k], rtol=1e-14)
    assert torch.equal(found.indices, torch.where(there, order[:, :k], -1))
    assert torch.allclose(found.log_sum_exp, log_sums)


def test_a_stored_row_is_at_distance_zero_from_itself_however_long_it_is():
    patterns = 1e4 * torch.randn(500, 64) + 1e4
    found = search(patterns, patterns, 2)
    assert torch.equal(found.indices[:, 0], torch.arange(500))
    assert (found.squared_distances[:, 0] == 0).all()
    assert (found.squared_distances[:, 1] > 0).all()


def test_excluded_rows_count_for_nothing():
    queries, patterns = store("plain", 3000, 24)
    exclude = torch.randint(-1, 3000, (12, 5))
    exclude[:, 0] = brute(queries, patterns)[1][:, 0]
    found = search(queries, patterns, 20, [0.1], exclude)
    distances, order, log_sums, _ = brute(queries, patterns, [0.1], exclude)
    assert torch.equal(found.indices, order[:, :20])
    assert torch.allclose(found.squared_distances, distances[:, :20])
    assert torch.allclose(found.log_sum_exp, log_sums)


def test_where_exclusion_leaves_fewer_than_k_the_rest_is_empty():
    found = search(torch.zeros(2, 1), torch.tensor([[1.0], [2.0]]), 2, [1.0], torch.tensor([[0, -1], [0, 1]]))
    assert found.indices.tolist() == [[1, -1], [-1, -1]]
    assert found.squared_distances.tolist() == [[4, math.inf], [math.inf, math.inf]]
    assert found.log_sum_exp[:, 0].tolist() == [-4, -math.inf]


def test_more_queries_than_a_tile_and_a_last_block_of_one():
    patterns = torch.randn(2 * rows.block_rows(8, 1024) + 1, 8)
    queries = torch.randn(2100, 8)
    found = search(queries, patterns, 3, [2.0])
    some = torch.tensor([0, 1023, 1024, 2047, 2048, 2099])
    distances, order, log_sums, _ = brute(queries[some], patterns, [2.0])
    assert torch.equal(found.indices[some], order[:, :3])
    assert torch.allclose(found.squared_distances[some], distances[:, :3])
    assert torch.allclose(found.log_sum_exp[some], log_sums)


@pytest.mark.slow
def test_a_hundred_thousand_patterns():
    queries, patterns = store("plain", 100_000, 4)
    found = search(queries, patterns, 32, BETAS)
    distances, order, log_sums, numbers = brute(queries, patterns, BETAS)
    assert torch.equal(found.indices, order[:, :32])
    assert torch.allclose(found.squared_distances, distances[:, :32], rtol=1e-12)
    assert torch.allclose(found.log_sum_exp, log_sums, rtol=1e-6, atol=1e-6)
    assert torch.allclose(found.effective_patterns, numbers, rtol=2e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_a_read_only_memory_map_is_searched_as_it_lies(tmp_path, dtype):
    queries, patterns = store("plain", 3000, 24)
    np.save(tmp_path / "patterns.npy", patterns.numpy().astype(dtype))
    mapped = np.load(tmp_path / "patterns.npy", mmap_mode="r")
    found = search(queries, mapped, 5, [1.0])
    distances, order, log_sums, _ = brute(queries, torch.from_numpy(np.array(mapped)), [1.0])
    assert torch.equal(found.indices, order[:, :5])
    assert torch.allclose(found.squared_distances, distances[:, :5], rtol=1e-12)
    assert torch.allclose(found.log_sum_exp, log_sums)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_numbers_of_any_type_are_searched_as_they_are(dtype):
    queries, patterns = (part.to(dtype) for part in store("plain", 3000, 24))
    found = search(queries, patterns, 5, [1.0])
    distances, order, _, _ = brute(queries, patterns)
    assert torch.equal(found.indices, order[:, :5])
    assert torch.allclose(found.squared_distances, distances[:, :5], rtol=1e-12)


def test_a_subset_of_a_store_is_a_store():
    queries, patterns = store("plain", 3000, 24)
    chosen = np.random.default_rng(0).permutation(3000)[:1000]
    for whole in (patterns, patterns.numpy()):
        found = search(queries, rows.Subset(whole, chosen), 5, [1.0])
        expected = search(queries, patterns[chosen], 5, [1.0])
        assert torch.equal(found.indices, expected.indices)
        assert torch.equal(found.log_sum_exp, expected.log_sum_exp)


def test_autocast_and_coarse_products_around_it_change_nothing():
    queries, patterns = store("plain", 3000, 200)
    expected = search(queries, patterns, 5, [1.0])
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = search(queries, patterns, 5, [1.0])
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert torch.equal(found.indices, expected.indices)
    assert torch.equal(found.log_sum_exp, expected.log_sum_exp)


def test_a_product_that_is_not_float32_is_noticed(monkeypatch):
    queries, patterns = store("plain", 3000, 200)
    exact = torch.addmm
    monkeypatch.setattr(torch, "addmm", lambda bias, a, b, **rest: exact(bias, a.bfloat16().float(), b.bfloat16().float(), **rest))
    found = search(queries, patterns, 5, [1.0])
    assert found.n_again == len(queries)
    assert torch.equal(found.indices, brute(queries, patterns)[1][:, :5])


def test_plain_data_needs_one_pass_only():
    assert search(*store("plain", 6000, 24), 10, [1.0]).n_again == 0


def test_no_query_finds_nothing():
    found = search(torch.zeros(0, 4), torch.zeros(3, 4), 2, [1.0])
    assert found.indices.shape == found.squared_distances.shape == (0, 2)
    assert found.log_sum_exp.shape == (0, 1)


def test_gradients_are_not_followed():
    queries, patterns = store("plain", 100, 3)
    found = search(queries.requires_grad_(), patterns.requires_grad_(), 2, [1.0])
    assert not found.log_sum_exp.requires_grad


def test_full_precision_is_given_back_after_an_error():
    before = torch.get_float32_matmul_precision()
    with pytest.raises(ZeroDivisionError), full_precision(torch.device("cpu")):
        raise ZeroDivisionError
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e20])
def test_numbers_that_make_no_sense_are_named(bad):
    queries, patterns = store("plain", 3000, 24)
    broken = patterns.clone()
    broken[2501, 3] = bad
    with pytest.raises(DataError, match=r"^pattern 2501 is not finite, or longer than 1e15"):
        search(queries, broken)
    broken = queries.clone()
    broken[3, 3] = bad
    with pytest.raises(DataError, match=r"^state 3 is not finite, or longer than 1e15"):
        search(broken, patterns)


@pytest.mark.parametrize(
    ("k", "betas", "message"),
    [
        (0, [], r"^k is 0; it must lie between 1 and the number of patterns, 7$"),
        (8, [], r"^k is 8; it must lie between 1 and the number of patterns, 7$"),
        (1, [1.0, 0.0], r"^beta is 0; it must be positive and finite$"),
        (1, [math.inf], r"^beta is inf; it must be positive and finite$"),
    ],
)
def test_a_wrong_request_is_named(k, betas, message):
    with pytest.raises(UsageError, match=message):
        search(*store("plain", 7, 5), k, betas)


def test_states_of_another_width_are_named():
    with pytest.raises(DataError, match=r"^states have the shape \(2, 4\); they must be rows of 3 numbers"):
        search(torch.zeros(2, 4), torch.zeros(5, 3))
    with pytest.raises(DataError, match=r"^patterns have the shape \(0, 3\); at least one row"):
        search(torch.zeros(2, 3), torch.zeros(0, 3))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_finds_the_same(kind):
    queries, patterns = store(kind, 6000, 24)
    found = search(queries.cuda(), patterns.cuda(), 10, BETAS)
    expected = search(queries, patterns, 10, BETAS)
    assert torch.equal(found.indices.cpu(), expected.indices)
    assert torch.allclose(found.squared_distances.cpu(), expected.squared_distances, rtol=1e-12)
    assert torch.allclose(found.log_sum_exp.cpu(), expected.log_sum_exp, rtol=1e-6, atol=1e-6)
