"""The scaling laws: values worked out by hand, inverses, and the compute-optimal size against a search."""

import math

import pytest

from memlab.errors import UsageError
from memlab.theory import scaling, sizes

PAIRS = (
    (scaling.matched_params, sizes.matched_tokens),
    (scaling.chinchilla_params, scaling.chinchilla_tokens),
    (scaling.kaplan_params, scaling.kaplan_tokens),
)


@pytest.mark.parametrize(
    ("loss", "n_params", "n_tokens", "expected"),
    [
        # (6.4e4)^0.73786 = 3518, and 1800 from the data: 5318^0.103
        (scaling.kaplan_loss, 1e9, 1e10, 2.4197),
        # 1.69 + 406.4 / 4868 + 410.7 / 2517
        (scaling.chinchilla_loss, 70e9, 1.4e12, 1.9367),
    ],
)
def test_losses_are_those_worked_out_by_hand(loss, n_params, n_tokens, expected):
    assert loss(n_params, n_tokens) == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize(("params_of", "tokens_of"), PAIRS)
@pytest.mark.parametrize("n_tokens", [1e4, 9e7, 1.4e12])
def test_each_rule_has_its_inverse(params_of, tokens_of, n_tokens):
    assert tokens_of(params_of(n_tokens)) == pytest.approx(n_tokens, rel=1e-9)


def test_matched_sizes_have_the_mean_of_the_published_ratios():
    assert scaling.matched_params(214.18e6) == pytest.approx((8.71 + 8.79 + 8.38) / 3 * 1e-10 * 214.18e6**2)


def test_kaplans_tokens_are_those_of_their_rule_of_thumb():
    for n_params in (1e6, 1e9):
        assert scaling.kaplan_tokens(n_params) == pytest.approx(5e3 * n_params**0.74, rel=0.25)
        excess = scaling.kaplan_loss(n_params, scaling.kaplan_tokens(n_params)) / scaling.kaplan_loss(n_params, 1e30)
        assert excess == pytest.approx(1.02, abs=1e-6)


def test_chinchillas_optimum_is_the_least_loss_of_its_compute():
    compute = 5.76e23
    n_params, n_tokens = scaling.chinchilla_optimum(compute)
    assert scaling.compute_of(n_params, n_tokens) == pytest.approx(compute)
    tried = [10 ** (9 + 3 * step / 3000) for step in range(3001)]
    best = min(tried, key=lambda one: scaling.chinchilla_loss(one, compute / 6 / one))
    assert n_params == pytest.approx(best, rel=3e-3)
    assert scaling.chinchilla_params(n_tokens) == pytest.approx(n_params), "the same frontier"


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_what_is_not_positive_is_refused(value):
    for function in (scaling.matched_params, scaling.kaplan_tokens, scaling.chinchilla_params, scaling.chinchilla_optimum):
        with pytest.raises(UsageError, match="must be positive"):
            function(value)
