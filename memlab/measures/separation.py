"""Separation: are the patterns of a layer told apart, and does other text lie in their balls? What assumptions 1 to 3 of the paper need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from memlab.measures import estimates
from memlab.measures.estimates import Estimate
from memlab.memory.basin import close_pairs, merge_distance, merged_share
from memlab.memory.radius import nearest_other, typical_distance
from memlab.memory.retrieval import SAME, descend, distinct_points
from memlab.memory.rows import evenly
from memlab.memory.search import search

VERSION = 2  # raise it whenever other numbers are computed
_DESCENDED = 512  # patterns that a descent starts from


@dataclass(frozen=True)
class AtBeta:
    """At one `beta`, shares: of patterns with another within √(2/β), where the two alone share one minimum (`merged`); of all pairs that
    are so close (`close_pairs`); of up to 512 patterns, spread over all, whose descent ends in their own ball (`stored`)."""

    beta: float
    merged: float
    close_pairs: float
    stored: Estimate


@dataclass(frozen=True)
class Separation:
    """Of one layer, `n_patterns` patterns that differ; `n_equal` more were doubles of these, and count as one with them.

    The ball of a pattern is half as wide as the way to its nearest other; `radius` is the mean. inside: by part, the share of queries in
    the ball of their nearest pattern. overlapping, close_pairs: the share of patterns with another one, and of all pairs, closer than twice
    `radius`: balls of that one radius meet there.
    """

    layer: str
    n_patterns: int
    n_equal: int
    radius: float
    inside: dict[str, float]
    overlapping: float
    close_pairs: float
    at: list[AtBeta]


def separation(
    layer: str, patterns: Tensor, documents: np.ndarray, queries: Mapping[str, Tensor], betas: Sequence[float], seed: int = 0
) -> Separation:
    """One layer: patterns (P, C) of some documents (P,), queries by part (B, C), none of which is a pattern.

    Patterns are doubles where they are closer than 1e-3 of the typical distance, so that rounding makes no two of one. The interval of
    `stored` is from resampling documents by the seed.
    Raises DataError where fewer than two patterns differ. Source: Niu et al. 2024, definition 1 and assumptions 1 to 3.
    """
    scale = typical_distance(patterns)
    kept = _different(patterns, SAME * scale)
    different = patterns[kept]
    squared, _ = nearest_other(different)
    reach = squared.sqrt() / 2
    radius = float(reach.mean())
    inside = {}
    for part, states in queries.items():
        found = search(states, different, 1)
        inside[part] = _share(found.squared_distances[:, 0].sqrt() <= reach[found.indices[:, 0]])
    some, at = evenly(len(different), _DESCENDED).to(different.device), []
    for beta in betas:
        ends = descend(different[some], different, beta, scale).fixed_points
        moved = torch.linalg.vector_norm(ends - different[some].double(), dim=1)
        stored = estimates.share((moved <= reach[some]).cpu().numpy(), seed, documents[kept[some].cpu().numpy()])
        at.append(AtBeta(beta, merged_share(squared, beta), close_pairs(different, merge_distance(beta)), stored))
    overlapping = _share(squared.sqrt() < 2 * radius)
    n_equal = len(patterns) - len(different)
    return Separation(layer, len(different), n_equal, radius, inside, overlapping, close_pairs(different, 2 * radius), at)


def _different(patterns: Tensor, distance: float) -> Tensor:
    """Which patterns are left, ascending, with one of each set of them that are closer than so much."""
    squared, _ = nearest_other(patterns)
    close = (squared.sqrt() <= distance).nonzero()[:, 0]
    if len(close) == 0:
        return torch.arange(len(patterns), device=patterns.device)
    labels, n = distinct_points(patterns[close], distance)
    first = torch.full((n,), len(close), device=labels.device).scatter_reduce(
        0, labels, torch.arange(len(close), device=labels.device), "amin"
    )
    kept = torch.ones(len(patterns), dtype=torch.bool, device=patterns.device)
    kept[close] = False
    kept[close[first]] = True
    return kept.nonzero()[:, 0]


def _share(held: Tensor) -> float:
    return float(held.double().mean())
