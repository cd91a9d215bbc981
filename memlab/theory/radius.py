"""Radii that the theory names: where Z is 1, exactly and as the paper puts it, and the dimension in which these agree."""

import math
from collections.abc import Callable

from memlab.errors import UsageError
from memlab.theory.partition import log_ball_integral, log_partition

_FAR = 1e6  # a ball of this radius holds all of the integral
_ROUNDS = 200  # of bisection: ends by itself at the last digit long before


def stated_radius(n: float) -> float:
    """r₀ = √(n / 2πe), at which the paper puts Z near 1: 7.743 for n = 1024.

    There V_n(r₀) is 1/√(nπ) up to a factor near 1, but the integral is far smaller: ln I(1024, r₀) = -63.9.
    Source: Niu et al. 2024, equation 14.
    """
    return math.sqrt(n / (2 * math.pi * math.e))


def unit_radius(n: float, n_patterns: float = 1) -> float:
    """The radius at which ln Z = ln d + ln I is 0: d disjoint balls of this radius make Z = 1. Raises UsageError where none does.

    It exists for d > π^(-n/2), since one ball holds up to π^(n/2). 8.316 for n = 1024, d = 1, and less for more patterns.
    """
    if log_partition(n, n_patterns, _FAR) < 0:
        raise UsageError(f"{n_patterns:g} patterns in {n:g} dimensions have Z below 1 at every radius")
    high = 1.0
    while log_partition(n, n_patterns, high) < 0:
        high *= 2
    return _bisected(lambda radius: log_partition(n, n_patterns, radius), 0.0, high)


def dimension_of_unit_partition(n_patterns: float) -> float:
    """The dimension n (not a whole number) at which Z = 1 at the stated radius r₀: 73.5 for d = 1e3, 183.7 for d = 1e6.

    It grows as ln d, where proposition 5 (N = O(D²)) takes the upper bound d·V_n(r₀) = 1 for Z = 1. Raises UsageError for d ≤ 1, where Z
    is below 1 in every dimension. Source: Niu et al. 2024, proposition 5.
    """
    if not n_patterns > 1:
        raise UsageError(f"n_patterns is {n_patterns:g}; with one pattern or fewer Z is below 1 in every dimension")

    def negative(n: float) -> float:
        return -math.log(n_patterns) - log_ball_integral(n, stated_radius(n))

    high = 2.0
    while negative(high) < 0:
        high *= 2
    return _bisected(negative, high / 2 if high > 2 else 1e-9, high)


def dimension_as_stated(n_patterns: float) -> float:
    """n = d²/π, at which the upper bound d·V_n(r₀) = d/√(nπ) is 1: what proposition 5 takes for Z = 1, and N = O(D²) follows from.

    Source: Niu et al. 2024, proposition 5.
    """
    return n_patterns**2 / math.pi


def _bisected(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function passes 0 between low and high."""
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2
