"""Basins: when two patterns share one minimum, which β tells a few patterns apart, and whether a state lies in a pattern's basin."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from memlab.errors import DataError
from memlab.memory.checks import check_beta, check_patterns
from memlab.memory.energy import effective_patterns, squared_distances
from memlab.memory.radius import nearest_other
from memlab.memory.rows import Rows, device_of, take
from memlab.memory.search import search

PERPLEXITY = 8.0
_NEAREST = 128  # patterns that a first guess is made from
_WIDE = 18.0  # of ln β, to either side of the inverse of a typical squared distance: 15 decades in all
_CLOSE, _NARROW = 1e-4, 1e-6  # the end of the search: of the number, relative to the target, and of ln β


class Rival(NamedTuple):
    """The nearest other pattern of each of n patterns: `index`, `squared_distance`, and the `merge_temperature` of the two, (n,) each."""

    index: Tensor
    squared_distance: Tensor
    merge_temperature: Tensor


@dataclass(frozen=True)
class Temperature:
    """A `beta` at which the median number of effective patterns over the queries is `effective_patterns`."""

    beta: float
    effective_patterns: float


def merge_temperature(squared_distance: Tensor) -> Tensor:
    """β_c = 2 / ‖ρ₁ - ρ₂‖²: below it two patterns on their own share one minimum of the energy, in the middle; above it each has its own.

    Any shape, in squared units of the state; infinite for equal patterns. At the middle the second derivative of E_β along the line
    is 2 - β ‖ρ₁ - ρ₂‖², which changes its sign there.
    """
    return 2 / squared_distance


def merge_distance(beta: float) -> float:
    """√(2/β): two patterns that are closer, on their own, share one minimum of the energy."""
    check_beta(beta)
    return math.sqrt(2 / beta)


def nearest_rival(patterns: Rows, indices: Tensor) -> Rival:
    """For each of the patterns at `indices` (n,) the other one that it merges with first. Raises DataError where there is one only."""
    squared, index = nearest_other(patterns, indices)
    return Rival(index, squared, merge_temperature(squared))


def beta_by_perplexity(queries: Tensor, patterns: Rows, target: float = PERPLEXITY, exclude: Tensor | None = None) -> Temperature:
    """The β at which the median number of effective patterns over the queries is `target`: the perplexity of t-SNE.

    queries (B, C): held-out states, which are no patterns (or `exclude` as in `search`); a few hundred are enough. The number falls from P
    to 1 as β grows, so that an interval around the target is narrowed, a few values in one pass over the store, to 1e-4 of the target.
    Raises DataError where no β gives it: too few patterns, or too many doubles of the nearest one.
    """
    nearest = search(queries, patterns, min(len(patterns), _NEAREST), exclude=exclude).squared_distances
    apart = nearest[nearest.isfinite() & (nearest > 0)]
    if len(apart) == 0:
        raise DataError("every query equals all of its nearest patterns, so that no beta tells them apart; take held-out queries")
    unit = -math.log(float(apart.median()))
    ends = (unit - _WIDE, unit + _WIDE)
    guess = _by_nearest(nearest, target, *ends)
    curve: dict[float, float] = {}  # ln β to ln(number / target), which falls

    def measure(log_betas: list[float]) -> None:
        found = search(queries, patterns, 1, [math.exp(x) for x in log_betas], exclude).effective_patterns.median(0).values
        curve.update(zip(log_betas, (found / target).log().tolist(), strict=True))

    measure([guess - 0.7, guess - 0.02, guess + 0.02, guess + 0.7])
    if not max(curve.values()) >= 0 >= min(curve.values()):
        measure(list(ends))
    if not curve[min(curve)] >= 0 >= curve[max(curve)]:
        raise DataError(
            f"no beta has {target:g} effective patterns: over these {len(queries)} queries the median goes from "
            f"{target * math.exp(curve[min(curve)]):.3g} down to {target * math.exp(curve[max(curve)]):.3g} of {len(patterns)} patterns"
        )
    while min(map(abs, curve.values())) > _CLOSE:
        low, high = max(x for x in curve if curve[x] >= 0), min(x for x in curve if curve[x] <= 0)
        if high - low < _NARROW:
            break
        straight = low + (high - low) * curve[low] / (curve[low] - curve[high])
        measure([straight, (low + high) / 2])
    best = min(curve, key=lambda x: abs(curve[x]))
    return Temperature(math.exp(best), target * math.exp(curve[best]))


def merged_share(squared_distance: Tensor, beta: float = 1.0) -> float:
    """The share of patterns whose nearest rival is closer than √(2/β), so that the two on their own share one minimum.

    squared_distance (P,): of each pattern to its nearest other one. 0 is what assumption 3 needs: patterns that are told apart.
    Source: Niu et al. 2024, assumption 3.
    """
    check_beta(beta)
    return float((squared_distance < 2 / beta).double().mean())


def close_pairs(patterns: Rows, distance: float, n: int = 1024, seed: int = 0) -> float:
    """The share of all pairs of different patterns that are closer than `distance`, by the pairs of up to `n` patterns drawn by the seed.

    With the diameter of a basin as the distance, √(2/β) or twice a radius, it is the share of pairs that assumption 3 (disjoint balls)
    does not hold for. Raises DataError where there is one pattern only.
    """
    check_patterns(patterns)
    if len(patterns) < 2:
        raise DataError("there is one pattern only, which makes no pair; store at least two")
    drawn = np.random.default_rng(seed).permutation(len(patterns))[:n]
    some = take(patterns, torch.from_numpy(drawn).to(device_of(patterns)))
    close = sum(int((squared_distances(part, some) < distance**2).sum()) for part in some.split(256))
    close -= len(some) * (distance > 0)  # each with itself
    return close / (len(some) * (len(some) - 1))


def _by_nearest(squared_distances: Tensor, target: float, low: float, high: float) -> float:
    """ln β at which the nearest patterns alone (B, k), ascending, have the target as their median number, by bisection."""
    above = squared_distances - squared_distances[:, :1]
    for _ in range(40):
        middle = (low + high) / 2
        weights = torch.softmax(-math.exp(middle) * above, 1)
        low, high = (middle, high) if float(effective_patterns(weights).median()) > target else (low, middle)
    return middle
