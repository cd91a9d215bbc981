"""Sizes of models and data: formulas against counting by hand and the figures printed in the paper."""

import math

import pytest

from memlab.theory import capacity, sizes


@pytest.mark.parametrize(("n_layer", "n_embd"), [(1, 1), (4, 128), (12, 768), (48, 1600)])
def test_a_transformer_has_twelve_l_d_squared_weights(n_layer, n_embd):
    attention = [(n_embd, n_embd)] * 4  # query, key, value, output
    feed_forward = [(n_embd, 4 * n_embd), (4 * n_embd, n_embd)]
    counted = n_layer * sum(rows * columns for rows, columns in attention + feed_forward)
    assert sizes.transformer_params(n_layer, n_embd) == counted == 12 * n_layer * n_embd**2


def test_a_feed_forward_part_of_another_width_is_counted_as_it_is():
    assert sizes.transformer_params(2, 10, n_inner=30) == 2 * (4 * 100 + 2 * 10 * 30)
    assert sizes.transformer_params(6, 512, n_inner=2048) == sizes.transformer_params(6, 512)


def test_gpt2_small_has_85_million_and_sees_106_tokens_for_each():
    n_params = sizes.transformer_params(12, 768)
    assert n_params == 84_934_656
    assert sizes.tokens_per_parameter(9.0e9, n_params) == pytest.approx(106, abs=0.5)


@pytest.mark.parametrize(
    ("n_params", "n_tokens", "printed"), [(39.95e6, 214.18e6, 8.71e-10), (60.26e6, 261.78e6, 8.79e-10), (80.20e6, 309.37e6, 8.38e-10)]
)
def test_the_ratios_of_the_paper_recompute(n_params, n_tokens, printed):
    assert sizes.n_over_d_squared(n_params, n_tokens) == pytest.approx(printed, abs=0.006e-10)
    assert sizes.MEASURED_RATIOS[n_params] == printed


@pytest.mark.parametrize("n_params", [1e5, 6.026e7, 1e12])
def test_matched_tokens_give_the_mean_ratio_back(n_params):
    mean = (8.71e-10 + 8.79e-10 + 8.38e-10) / 3
    assert sizes.n_over_d_squared(n_params, sizes.matched_tokens(n_params)) == pytest.approx(mean)
    assert sizes.matched_tokens(4 * n_params) == pytest.approx(2 * sizes.matched_tokens(n_params)), "D grows as √N"


def test_capacity_is_so_many_bits_for_every_parameter():
    assert capacity.capacity_bits(1_000_000) == 3.6e6
    assert capacity.BITS_PER_PARAMETER_OF["bf16"] < capacity.BITS_PER_PARAMETER < capacity.BITS_PER_PARAMETER_OF["fp32"]


def test_bits_of_uniform_tokens_are_log2_of_the_vocabulary_each():
    assert capacity.bits(math.log(8)) == pytest.approx(3)
    assert capacity.data_bits(64 * math.log(2048), 1000) == pytest.approx(1000 * 64 * 11)


@pytest.mark.parametrize(
    ("data", "held", "outlook", "share"),
    [
        (100, 100, "all", 1),
        (99, 100, "all", 1),
        (0, 100, "all", 1),
        (101, 100, "part", 100 / 101),
        (1000, 100, "part", 0.1),
        (1001, 100, "little", 100 / 1001),
    ],
)
def test_what_follows_from_capacity_and_data(data, held, outlook, share):
    assert capacity.outlook(data, held) == outlook
    assert capacity.share_held(data, held) == pytest.approx(share)


def test_text_that_is_seen_less_than_ten_times_is_not_seen_often():
    assert [capacity.seen_often(epochs) for epochs in (0, 9.99, 10, 100)] == [False, False, True, True]
