"""Ticks, number formats, thinning and smoothing do what they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab.render import scale

numbers = st.floats(-1e12, 1e12)


@given(numbers, st.floats(1e-6, 1e12), st.integers(2, 12))
def test_linear_ticks_are_even_multiples_of_one_two_or_five_inside_the_range(low, span, at_most):
    high = low + span
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    ticks = scale.linear_ticks(low, high, at_most)
    assert len(ticks) <= at_most
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in ticks)
    mantissa = float(f"{scale.tick_step(high - low, at_most):.6e}".split("e")[0])
    assert any(math.isclose(mantissa, factor, rel_tol=1e-5) for factor in (1, 2, 5))


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 10, "0 2 4 6 8 10"),
        (0, 700, "0 200 400 600"),
        (3, 3.5, "3.0 3.1 3.2 3.3 3.4 3.5"),
        (0, 2500, "0 500 1,000 1,500 2,000 2,500"),
        (0, 12_345, "0 5k 10k"),
        (99_990, 100_010, "99,990 99,995 100,000 100,005 100,010"),
        (0, 3e6, "0 1M 2M 3M"),
        (0, 1e30, "0 2e29 4e29 6e29 8e29 1e30"),
        (-3, 3, "-2 0 2"),
    ],
)
def test_linear_tick_labels_share_decimals_and_suffix(low, high, labels):
    assert " ".join(scale.tick_labels(scale.linear_ticks(low, high))) == labels


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.15, 9, "0.2 0.5 1 2 5"),
        (0.1, 10, "0.1 0.3 1 3 10"),
        (1, 3000, "1 10 100 1k"),
        (3, 3.5, "3.0 3.1 3.2 3.3 3.4 3.5"),
        (1, 1e30, "1 1M 1T 1e18 1e24 1e30"),
    ],
)
def test_logarithmic_ticks_divide_decades_as_finely_as_fits(low, high, labels):
    assert " ".join(scale.tick_labels(scale.log_ticks(low, high))) == labels


@given(st.floats(1e-12, 1e12), st.floats(1.001, 1e12), st.integers(2, 12))
def test_logarithmic_ticks_stay_inside_and_are_few(low, ratio, at_most):
    ticks = scale.log_ticks(low, low * ratio, at_most)
    assert len(ticks) <= at_most
    assert all(low * (1 - 1e-6) <= tick <= low * ratio * (1 + 1e-6) for tick in ticks)


@pytest.mark.parametrize("given_range", [(1, 1), (2, 1), (0, math.inf), (math.nan, 1)])
def test_a_range_that_is_empty_or_not_finite_has_no_ticks(given_range):
    assert scale.linear_ticks(*given_range) == []
    assert scale.log_ticks(*given_range) == []
    assert scale.tick_labels([]) == []


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0, "0"), (999, "999"), (999.6, "1k"), (8192, "8.19k"), (999_950, "1M"), (1_250_000, "1.25M"), (124e6, "124M"), (1.5e9, "1.5B")),
        *((-1234, "-1.23k"), (0.0123, "0.0123"), (1.2e-5, "1.2e-5"), (5e15, "5e15"), (math.nan, "NaN"), (-math.inf, "-∞")),
    ],
)
def test_short_numbers_have_three_digits_and_a_suffix(number, text):
    assert scale.short(number) == text


@given(st.floats(1e-4, 1e14))
def test_a_short_number_is_right_to_half_a_percent(number):
    text = scale.short(number)
    factor = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1.0)
    assert float(text.rstrip("kMBT")) * factor == pytest.approx(number, rel=0.00501)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (0.15, "0.150"), (8.3, "8.30"), (5120.4, "5,120"), (9.999, "10.0"), (1e-7, "1e-7"), (math.inf, "∞")]
)
def test_decimals_keep_their_zeros(number, text):
    assert scale.decimal(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0 s"), (0.35, "350 ms"), (0.9999, "1.0 s"), (5.2, "5.2 s"), (9.96, "10 s"), (59.6, "1 m 00 s"), (65, "1 m 05 s")),
        *((3599.7, "1 h 00 m"), (7500, "2 h 05 m"), (86_399, "1 d 00 h"), (273_600, "3 d 04 h"), (-70, "-1 m 10 s"), (math.nan, "unknown")),
    ],
)
def test_durations_have_two_units_and_carry_over(seconds, text):
    assert scale.duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (512, "512 B"), (1500, "1.5 kB"), (12.8e9, "12.8 GB"), (999_999, "1 MB")])
def test_bytes_are_in_decimal_units(size, text):
    assert scale.nbytes(size) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.01, "1 %"),
        (0.001, "0.1 %"),
        (0.1234, "12.3 %"),
        (0.99999, ">99.9 %"),
        (1e-9, "<0.001 %"),
        (1.5, "150 %"),
    ],
)
def test_only_nothing_is_zero_percent_and_only_all_is_a_hundred(fraction, text):
    assert scale.percent(fraction) == text


def test_counts_are_in_full():
    assert scale.count(8192) == "8,192"


@given(st.lists(st.floats(-1e6, 1e6), min_size=200, max_size=400), st.integers(1, 40))
def test_thinning_keeps_the_extremes_of_every_column_and_invents_nothing(values, columns):
    x, y = np.arange(len(values), dtype=float), np.array(values)
    kept_x, kept_y = scale.decimate(x, y, columns, 0, x[-1] + 1)
    assert kept_x.size <= 2 * columns
    assert (np.diff(kept_x) > 0).all()
    assert (y[kept_x.astype(int)] == kept_y).all()
    column = np.floor(x / (x[-1] + 1) * columns)
    kept_column = column[kept_x.astype(int)]
    for index in range(columns):
        assert kept_y[kept_column == index].min() == y[column == index].min()
        assert kept_y[kept_column == index].max() == y[column == index].max()


def test_thinning_keeps_a_gap_and_the_neighbours_of_the_view():
    x = np.arange(100.0)
    y = np.where((x >= 40) & (x < 60), np.nan, x)
    kept_x, kept_y = scale.decimate(x, y, 5, 20, 80)
    assert kept_x[0] == 19
    assert kept_x[-1] == 80
    assert np.isnan(kept_y[(kept_x >= 44) & (kept_x < 56)]).all()


@given(st.floats(0, 0.999), st.floats(-1e3, 1e3), st.integers(1, 50))
def test_smoothing_a_constant_gives_the_constant_from_the_first_value_on(weight, value, size):
    assert scale.smooth(np.full(size, value), weight) == pytest.approx(np.full(size, value), abs=1e-9)


def test_smoothing_is_the_weighted_mean_of_the_finite_values_so_far():
    y = np.array([1.0, np.nan, 3.0, np.inf, 5.0])
    smoothed = scale.smooth(y, 0.5)
    assert np.isnan(smoothed[[1, 3]]).all()
    assert smoothed[[0, 2, 4]] == pytest.approx([1, (0.5 * 1 + 3) / 1.5, (0.25 * 1 + 0.5 * 3 + 5) / 1.75])


def test_no_weight_smooths_nothing_and_a_weight_of_one_is_refused():
    assert scale.smooth([3, 1, 2], 0.0).tolist() == [3, 1, 2]
    with pytest.raises(ValueError, match="weight is 1"):
        scale.smooth([1.0], 1)
