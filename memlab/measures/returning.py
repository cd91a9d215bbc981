"""How often something comes back: shares with their intervals, and what chance alone would give."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor

from memlab.measures import estimates
from memlab.measures.estimates import Estimate
from memlab.memory.retrieval import SAME, Descent

_DUST = 1e-9  # of the length of a fixed point: where all patterns are equal there is no scale


def rate(returned: np.ndarray, documents: np.ndarray) -> Estimate:
    """The share of n answers (n,) bool that came back, to questions from some documents (n,); of none it is 0, somewhere from 0 to 1."""
    return estimates.share(returned, 0, documents) if len(returned) else Estimate(0.0, 0.0, 1.0, 0, "nothing to count", 0)


def chance(labels: Sequence[Hashable]) -> float:
    """How probably two different ones of some passages, drawn evenly, have the same label; 0 where there is one only.

    The rate at which passages would "come back" to each other's ends: near 1 where all end alike, and coming back then says nothing.
    """
    n = len(labels)
    return sum(count * (count - 1) for count in Counter(labels).values()) / (n * (n - 1)) if n > 1 else 0.0


def same_ends(found: Descent, n: int, scale: float) -> tuple[Tensor, Tensor]:
    """Which of L · n descents, the first n undisturbed, reach the fixed point of the undisturbed one, and which its nearest pattern.

    (L, n) bool each. Fixed points are one where they are closer than 1e-3 of `scale`; a descent that has not converged reaches none.
    """
    ends = found.fixed_points.view(-1, n, found.fixed_points.shape[1])
    apart = torch.linalg.vector_norm(ends - ends[:1], dim=2)
    converged, nearest = found.converged.view(-1, n), found.nearest.view(-1, n)
    near = apart <= SAME * scale + _DUST * torch.linalg.vector_norm(ends[:1], dim=2)
    return near & converged & converged[:1], nearest == nearest[:1]


def half_level(levels: Sequence[float], shares: Sequence[float]) -> float | None:
    """The level at which a recovery curve first falls to one half, on the straight line between two levels; None where it never does."""
    for (left, before), (right, after) in zip(zip(levels, shares, strict=True), zip(levels[1:], shares[1:], strict=True), strict=False):
        if before >= 0.5 > after:
            return left + (right - left) * (before - 0.5) / (before - after)
    return None
