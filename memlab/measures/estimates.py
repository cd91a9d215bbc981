"""Estimates: a figure with the interval that it is known to lie in, at 95 % confidence."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from memlab.measures.intervals import CONFIDENCE, clopper_pearson

_RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """`value` from `n` observations, and the ends of its interval at 95 % confidence; `how` names the method."""

    value: float
    low: float
    high: float
    n: int
    how: str

    def overlaps(self, other: "Estimate") -> bool:
        """Whether the two intervals share a value: then the figures are not told apart."""
        return self.low <= other.high and other.low <= self.high


def rate(k: int, n: int) -> Estimate:
    """k of n, with the exact interval of the binomial distribution (Clopper and Pearson 1934).

    Raises ValueError unless 0 ≤ k ≤ n, n ≥ 1.
    """
    if n < 1:
        raise ValueError(f"{k} of {n} is no rate")
    return Estimate(k / n, *clopper_pearson(k, n), n, "Clopper-Pearson")


def mean(values: np.ndarray, seed: int = 0) -> Estimate:
    """The mean of observations (n,), with its percentile bootstrap interval (Efron 1979; 1,000 resamples drawn by the seed)."""
    means = np.array([values[some].mean() for some in _resamples(len(values), seed)])
    return Estimate(float(values.mean()), *_percentiles(means), len(values), "bootstrap")


def ratio(parts: np.ndarray, wholes: np.ndarray, seed: int = 0) -> Estimate:
    """Σ parts / Σ wholes over n rows, with its percentile bootstrap interval over whole rows: what is in one row hangs together.

    parts, wholes (n,). `n` of the estimate is the number of rows. Raises ValueError where the wholes are nothing.
    """
    if not wholes.sum() > 0:
        raise ValueError("a ratio to nothing has no value")
    sums = np.array([(parts[some].sum(), wholes[some].sum()) for some in _resamples(len(parts), seed)], float)
    ratios = sums[sums[:, 1] > 0, 0] / sums[sums[:, 1] > 0, 1]
    return Estimate(float(parts.sum() / wholes.sum()), *_percentiles(ratios), len(parts), "bootstrap over rows")


def auc(positive: np.ndarray, negative: np.ndarray, seed: int = 0) -> Estimate:
    """The chance that an observation of the one kind scores above one of the other, ties counted half: 0.5 tells nothing apart.

    positive (n,), negative (m,). The area under the curve of true against false positives (Hanley and McNeil 1982), with its bootstrap
    interval over both kinds. Raises ValueError where one is empty.
    """
    if not (len(positive) and len(negative)):
        raise ValueError("an AUC needs observations of both kinds")
    pairs = zip(_resamples(len(positive), seed), _resamples(len(negative), seed + 1), strict=True)
    areas = np.array([_area(positive[some], negative[others]) for some, others in pairs])
    return Estimate(_area(positive, negative), *_percentiles(areas), len(positive) + len(negative), "bootstrap")


def _area(positive: np.ndarray, negative: np.ndarray) -> float:
    below, not_above = (np.searchsorted(np.sort(negative), positive, side=side) for side in ("left", "right"))
    return float((below + not_above).mean() / 2 / len(negative))


def _resamples(n: int, seed: int) -> Iterator[np.ndarray]:
    """One after the other: together they would take a thousand times the room of the observations."""
    generator = np.random.default_rng(seed)
    return (generator.integers(0, n, n) for _ in range(_RESAMPLES))


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
