"""Confidence intervals of shares: between which true ones a count of successes does not surprise."""

import math
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
_ROUNDS = 60  # of bisection: below the last digit of a share


class Interval(NamedTuple):
    """Shares that a count is compatible with."""

    low: float
    high: float


def clopper_pearson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """The exact interval of a binomial share: it holds the true one in at least `confidence` of all cases, whatever that is.

    `low` is the share at which so many successes or more have the chance (1 - confidence) / 2, `high` the one at which so many or
    fewer have it. No trials say nothing: 0 to 1. Raises ValueError for a count outside 0 … trials or a confidence outside (0, 1).
    Source: Clopper and Pearson 1934.
    """
    if not 0 <= successes <= trials or not 0 < confidence < 1:
        raise ValueError(f"{successes} of {trials} at confidence {confidence} is no count with an interval")
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else _share_with(tail, successes, trials)
    high = 1.0 if successes == trials else 1 - _share_with(tail, trials - successes, trials)
    return Interval(low, high)


def _share_with(tail: float, successes: int, trials: int) -> float:
    """The share at which P(X ≥ successes) of a binomial X is `tail`, by bisection over the logarithms of its terms."""
    k = np.arange(successes, trials + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])  # logarithms
    ways = factorials[trials] - factorials[k] - factorials[trials - k]
    low, high = 0.0, 1.0
    for _ in range(_ROUNDS):
        share = (low + high) / 2
        chance = np.exp(ways + k * math.log(share) + (trials - k) * math.log1p(-share)).sum()
        low, high = (share, high) if chance < tail else (low, share)
    return (low + high) / 2
