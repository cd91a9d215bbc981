"""The partition function of patterns with disjoint balls of one radius, in logarithms, and the loss that follows from it.

As stated by the paper and as it is correct; every name that ends in `_as_stated` is the paper's. n dimensions, d patterns, radius r in
units of the state. No result overflows up to n = 100,000 and r = 1000. All raise UsageError for a dimension or a number of patterns that
is not positive, and for a negative radius.
"""

import math
from typing import NamedTuple

from memlab.errors import UsageError

_SMALLEST = 1e-17  # a term that is this part of its sum ends it
_TINY = 1e-300


class LogBounds(NamedTuple):
    """What the logarithm of a quantity lies between."""

    lower: float
    upper: float


def log_lower_gamma_share(a: float, log_x: float) -> float:
    """ln P(a, x), the regularised lower incomplete gamma function, at x = exp(log_x). -inf at x = 0.

        P(a, x) = x^a e^-x / Γ(a+1) · Σ_k x^k / ((a+1) … (a+k))        for x ≤ a + 1
        P(a, x) = 1 - Q(a, x), Q by its continued fraction             beyond

    Right to about 1e-11, of itself beyond 1. Source: DLMF 8.11.4 and 8.9.2; Press et al., "Numerical recipes", section 6.2.
    """
    _check(a=a)
    if log_x == -math.inf:
        return -math.inf
    if log_x > math.log(a + 1):
        return math.log1p(-math.exp(min(_log_upper_gamma_share(a, log_x), 0.0)))
    x, term, total, k = math.exp(log_x), 1.0, 1.0, 0
    while term > _SMALLEST * total:
        k += 1
        term *= x / (a + k)
        total += term
    return a * log_x - x - math.lgamma(a + 1) + math.log(total)


def log_ball_integral(n: float, radius: float) -> float:
    """ln I with I the integral of exp(-‖y‖²) over the ball ‖y‖ < r in n dimensions.

        I = π^(n/2) P(n/2, r²)

    -inf at r = 0; at most (n/2) ln π. This is what equation 12 of Niu et al. 2024 means to give; the paper's own form is
    `log_ball_integral_as_stated`.
    """
    _check(n=n)
    return n / 2 * math.log(math.pi) + log_lower_gamma_share(n / 2, 2 * _log(radius))


def log_ball_integral_as_stated(n: float, radius: float) -> float:
    """ln of 2 π^(n/2) γ(n, r) / Γ(n/2), γ the lower incomplete gamma function: the paper's form of the same integral, which is wrong.

    Off by -0.18 at n = 2, r = 1, by +52.1 at n = 1024, r = 7.743. Source: Niu et al. 2024, equation 12.
    """
    _check(n=n)
    return math.log(2) + n / 2 * math.log(math.pi) + log_lower_gamma_share(n, _log(radius)) + math.lgamma(n) - math.lgamma(n / 2)


def log_ball_volume(n: float, radius: float) -> float:
    """ln V_n(r) = (n/2) ln π + n ln r - ln Γ(n/2 + 1), the volume of the ball of radius r in n dimensions. -inf at r = 0."""
    _check(n=n)
    return n / 2 * math.log(math.pi) + n * _log(radius) - math.lgamma(n / 2 + 1)


def lemma_5(n: float, radius: float) -> LogBounds:
    """What ln I lies between: ln V_n(r) - r² and ln V_n(r), since 1 ≥ exp(-‖y‖²) ≥ exp(-r²) in the ball."""
    upper = log_ball_volume(n, radius)
    return LogBounds(upper - radius**2, upper)


def lemma_5_as_stated(n: float, radius: float) -> LogBounds:
    """ln V_n(r) - r and ln V_n(r): the lower bound is too high for r > 1 in many dimensions. Source: Niu et al. 2024, lemma 5."""
    upper = log_ball_volume(n, radius)
    return LogBounds(upper - radius, upper)


def log_partition(n: float, n_patterns: float, radius: float) -> float:
    """ln Z = ln d + ln I, of d disjoint balls of one radius. Source: Niu et al. 2024, equation 13, with the correct I."""
    _check(n_patterns=n_patterns)
    return math.log(n_patterns) + log_ball_integral(n, radius)


def log_partition_as_stated(n: float, n_patterns: float, radius: float) -> float:
    """ln d + the paper's ln I. Source: Niu et al. 2024, equations 12 and 13."""
    _check(n_patterns=n_patterns)
    return math.log(n_patterns) + log_ball_integral_as_stated(n, radius)


def loss(log_partition: float, mean_energy: float = 0.0) -> float:
    """L = ln Z + E[E_global], the cross-entropy of p = exp(-E)/Z, in nats of a density.

    It has no lower bound of 1, and it is not nats per token: it changes with the scale of the states. The mean energy is 0 where every
    sample sits on its pattern. Source: Niu et al. 2024, equations 9 and 10, with the energy that equation 4 defines.
    """
    return log_partition + mean_energy


def loss_as_stated(log_partition: float) -> float:
    """L ≈ ln Z + 1/Z ≥ 1, in which a density was taken for the energy. Infinite where 1/Z overflows.

    Source: Niu et al. 2024, proposition 4 and equation 10.
    """
    return log_partition + (math.exp(-log_partition) if log_partition > -700 else math.inf)


def _log_upper_gamma_share(a: float, log_x: float) -> float:
    """ln Q(a, x) for x > a + 1, by Lentz's method for the continued fraction."""
    x = math.exp(log_x)
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction, change, k = d, 0.0, 0
    while abs(change - 1) > 1e-15:
        k += 1
        b += 2
        numerator = k * (a - k)
        d = 1 / _not_zero(numerator * d + b)
        c = _not_zero(b + numerator / c)
        change = c * d
        fraction *= change
    return a * log_x - x - math.lgamma(a) + math.log(fraction)


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _log(radius: float) -> float:
    if not radius >= 0 or radius == math.inf:
        raise UsageError(f"the radius is {radius:g}; it must be zero or more, and finite")
    return math.log(radius) if radius else -math.inf


def _check(**numbers: float) -> None:
    for name, value in numbers.items():
        if not (value > 0 and math.isfinite(value)):
            raise UsageError(f"{name} is {value:g}; it must be positive and finite")
