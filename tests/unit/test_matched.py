"""D* by the definition of experiment E7 on logs made by hand, and the exponent of N over it on data that have one."""

import pytest

from memlab.lab.sweep_shown import published
from memlab.theory import matched


def test_the_mean_square_is_over_the_iterations_after_the_validation_minimum():
    validation = [(0, 5.0), (100, 2.0), (200, 2.5), (300, 3.0)]
    losses = [(50, 9.0), (100, 9.0), (150, 1.9), (200, 1.7), (250, 0.0), (300, 0.0)]
    assert matched.mean_square(losses, validation, later=100) == (100, pytest.approx((0.1**2 + 0.3**2) / 2))
    assert matched.mean_square(losses, validation, later=150)[1] == pytest.approx((0.01 + 0.09 + 4.0) / 3)


def test_a_training_that_ends_too_soon_after_the_minimum_says_nothing():
    validation = [(0, 5.0), (100, 2.0)]
    assert matched.mean_square([(100, 2.0), (199, 2.0)], validation, later=100) == (100, None)
    assert matched.mean_square([(100, 2.0), (200, 2.0)], validation, later=100) == (100, 0.0)
    assert matched.mean_square([], [(0, 5.0)], later=1) == (0, None)


def test_the_least_data_is_the_smallest_below_the_threshold():
    assert matched.least_tokens({167: 0.07, 190: 0.05, 214: 0.0399, 238: 0.03}) == matched.Least(214)
    assert matched.least_tokens({238: 0.03, 167: 0.04}) == matched.Least(238), "0.04 is not below 0.04"
    assert matched.least_tokens({167: 0.07, 190: 0.05}) is None
    assert matched.least_tokens({167: None, 190: 0.03}) == matched.Least(190, is_bound=True)
    assert matched.least_tokens({167: 0.02, 190: 0.03}) == matched.Least(167, is_bound=True), "less was not tried"
    assert matched.least_tokens({167: 0.07, 190: 0.03, 214: None}) == matched.Least(190)
    assert matched.least_tokens({}) is None


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_exact_data_is_found(power):
    assert matched.exponent([(3e-4 * n**power, n) for n in (1e3, 2e4, 5e5)]) == pytest.approx(power)
    assert matched.exponent([(1.0, 5.0), (2.0, 5.0)]) is None


def test_the_interval_over_seeds_is_students():
    found = matched.over_seeds([1.0, 2.0, 3.0])
    assert (found.value, found.n) == (2.0, 3)
    assert found.high - found.value == pytest.approx(4.30265 / 3**0.5, abs=1e-5)
    assert found.low == pytest.approx(2 - 4.30265 / 3**0.5, abs=1e-5)
    assert matched.over_seeds([1.5]) == matched.Exponent(1.5, None, None, 1)
    assert matched.over_seeds([]) is None


def test_the_published_table_gives_its_own_tokens_back():
    assert [round(n_tokens / 1e6) for _, n_tokens, _ in published()] == [214, 262, 309]
