"""Collapse: does the energy of an overfitted model decay to a few delta functions, one basin for each pattern?

Measured on states at the same places of every checkpoint; numbers of patterns compare only between stores of the same size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from memlab.errors import DataError
from memlab.memory.basin import PERPLEXITY, beta_by_perplexity
from memlab.memory.energy import squared_distances
from memlab.memory.radius import typical_distance
from memlab.memory.retrieval import SAME, descend, distinct_points
from memlab.memory.rows import Rows, evenly, take
from memlab.memory.search import search

VERSION = 1  # raise it whenever other numbers are computed
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)  # of the quantiles
_PAIRED = 512  # patterns whose pairs are measured


@dataclass(frozen=True)
class Reached:
    """What queries of one part find at one `beta`.

    effective_patterns: exp(entropy of the association weights), median over the queries, between 1 and P. energy: median of E_β, in squared
    units of the state. fixed_points: how many different ones the queries descend to, equal within 1e-3 of the typical distance between
    patterns; mixtures: the share of queries whose fixed point belongs to several patterns. unsettled: queries still moving after the last
    of 300 steps; where they stand counts as a fixed point.
    """

    part: str
    beta: float
    effective_patterns: float
    energy: float
    fixed_points: int
    mixtures: float
    unsettled: int


@dataclass(frozen=True)
class LayerCollapse:
    """A layer of one checkpoint. Distances are Euclidean, in units of the state.

    nearest: the median distance from a pattern to its nearest other, of those without a double; apart: the median over pairs of patterns;
    both on a sample of them.
    distances: by part, the `SHARES` quantiles of the distance from a query to the nearest pattern. reached: by part and beta.
    """

    layer: str
    n_patterns: int
    n_queries: int
    nearest: float
    apart: float
    distances: dict[str, list[float]]
    reached: list[Reached]

    def at(self, part: str, beta: float) -> Reached | None:
        """What the queries of a part find at a β, if that was measured."""
        return next((one for one in self.reached if (one.part, one.beta) == (part, beta)), None)


def collapse(layer: str, patterns: Rows, queries: Mapping[str, Tensor], betas: tuple[float, ...]) -> LayerCollapse:
    """One layer: patterns (P, C), queries by part (B, C), none of which is a pattern.

    The number of fixed points is at most B, so that parts compare only with as many queries each.
    Raises DataError for states that are not finite, UsageError for a β that is not positive.
    """
    scale = typical_distance(patterns)
    distances, reached = {}, []
    for part, states in queries.items():
        found = search(states, patterns, 1, betas)
        nearest = found.squared_distances[:, 0].sqrt()
        distances[part] = torch.quantile(nearest, nearest.new_tensor(SHARES)).tolist()
        for number, beta in enumerate(betas):
            effective, energy = found.effective_patterns[:, number].median(), found.energies[:, number].median()
            reached.append(Reached(part, beta, float(effective), float(energy), *_reach(states, patterns, beta, scale)))
    n_queries = min(map(len, queries.values()))
    return LayerCollapse(layer, len(patterns), n_queries, scale, median_apart(patterns), distances, reached)


def median_apart(patterns: Rows) -> float:
    """The median distance between two different patterns, over the pairs of up to 512 spread over the store. 0 where there is one only."""
    some = take(patterns, evenly(len(patterns), _PAIRED))
    if len(some) < 2:
        return 0.0
    above = torch.ones(len(some), len(some), dtype=torch.bool).triu(1)
    return float(squared_distances(some, some)[above].median().sqrt())


def frozen_beta(queries: Tensor, patterns: Rows) -> float | None:
    """The β at which the median over held-out queries (B, C) is 8 effective patterns; None where no β gives that.

    Found at one checkpoint and used at all: a β found at each would hide what is to be seen.
    """
    try:
        return beta_by_perplexity(queries, patterns, PERPLEXITY).beta
    except DataError:  # fewer patterns than that, or all of them equal
        return None


def _reach(states: Tensor, patterns: Rows, beta: float, scale: float) -> tuple[int, float, int]:
    """The number of fixed points, the share of mixtures, and how many have not settled."""
    found = descend(states, patterns, beta, scale)
    _, n_points = distinct_points(found.fixed_points, SAME * scale)
    return n_points, float(found.is_mixture.double().mean()), int((~found.converged).sum())
