"""Spread: how far apart vectors lie, on growing shares of them, beside Gaussian vectors and the radii that theory names (experiment E6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from memlab.errors import DataError
from memlab.memory import approximate
from memlab.memory.radius import SHARES, Distances, matched_gaussian, nearest_distances
from memlab.progress import Progress, quiet
from memlab.theory.partition import log_partition
from memlab.theory.radius import stated_radius, unit_radius

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEWEST = 8  # vectors, of which a quarter is a pair
_BINS = 32
_DRAWS, _DRAWN = 20, 40_000  # nulls, and vectors of all of them together: of many vectors each draw has nearly the same distances
_NOTHING = -1e9  # ln Z of balls without extent, for -∞ is no JSON


@dataclass(frozen=True)
class Apart:
    """Distances to the nearest other vector within a `share` of all: mean, median, values at QUANTILES, and `radius`, half the mean.

    `n_equal` vectors have an exact double, at distance 0; `mean_apart` is the mean without them, 0 where none is left. `counts` is the
    histogram over the `edges` of the spread. Units of the state.
    """

    share: float
    n_vectors: int
    mean: float
    median: float
    radius: float
    quantiles: list[float]
    n_equal: int
    mean_apart: float
    counts: list[int]


@dataclass(frozen=True)
class Spread:
    """`measured` at each share, and the same of the `null`: as many Gaussian vectors with the same mean and covariance, `n_draws` times.

    The null's distances are those of all draws together, so that its mean is the mean over them; `null_range` is the least and the
    greatest radius of one draw, of all vectors.
    `stated_radius` is √(n/2πe), `unit_radius` the exact one at which Z = 1 for as many patterns, `log_partition` is ln Z at the measured
    radius. `recall` is None where the search was exact, else the share of nearest others that was found, of `measured` and of `null`, the
    smallest of all shares.
    """

    edges: list[float]
    measured: list[Apart]
    null: list[Apart]
    n_draws: int
    null_range: list[float]
    stated_radius: float
    unit_radius: float
    log_partition: float
    recall: dict[str, float] | None


def spread(states: Tensor, seed: int = 0, by_faiss: bool = False, progress: Progress = quiet) -> Spread:
    """The spread of vectors (P, C), their shares and their nulls drawn by the seed; `by_faiss`: approximately, for very many.

    There are 20 nulls of up to 2,000 vectors, fewer of more, down to one.
    Raises DataError for fewer than 8 vectors. Source: Niu et al. 2024, experiment E6.
    """
    n, width = states.shape
    if n < FEWEST:
        raise DataError(f"there are {n} vectors only, and a quarter of them is no pair; take more text, or --positions all")
    n_draws = max(1, min(_DRAWS, _DRAWN // n))
    drawn = matched_gaussian(states, seed, n_draws * n).split(n)
    found, recalls = [], []
    for number, rows in enumerate((states, *drawn)):
        progress("measuring distances", number, 1 + n_draws, "sets of vectors")
        pairs = [_distances(rows.to(states.device), share, seed, by_faiss) for share in SHARES]
        found.append([distances for distances, _ in pairs])
        recalls.append(min(recall for _, recall in pairs))
    own, radii = found[0], [one[-1].radius for one in found[1:]]
    chance = [_together(draws) for draws in zip(*found[1:], strict=True)]
    edges = _edges([*own, *chance])
    measured, null = ([_apart(one, edges) for one in some] for some in (own, chance))
    volume = max(log_partition(width, n, measured[-1].radius), _NOTHING)
    recall = {"measured": recalls[0], "null": min(recalls[1:])} if by_faiss else None
    about = (n_draws, [min(radii), max(radii)], stated_radius(width), unit_radius(width, n), volume, recall)
    return Spread(edges.tolist(), measured, null, *about)


def _together(draws: Sequence[Distances]) -> Distances:
    return replace(draws[0], values=np.sort(np.concatenate([one.values for one in draws])))


def _edges(found: Sequence[Distances]) -> np.ndarray:
    """The edges of bins of one width over all of the distances."""
    low, high = min(float(one.values[0]) for one in found), max(float(one.values[-1]) for one in found)
    return np.linspace(low, high if high > low else low + 1, _BINS + 1)


def _distances(rows: Tensor, share: float, seed: int, by_faiss: bool) -> tuple[Distances, float]:
    """The distances within a share, and the recall of their search."""
    if not by_faiss:
        return nearest_distances(rows, (share,), seed)[0], 1.0
    found = approximate.nearest_distances(rows, share, seed)
    values = found.distances.values  # a vector for which nothing was found says nothing
    return replace(found.distances, values=values[np.isfinite(values)]), found.recall


def _apart(found: Distances, edges: np.ndarray) -> Apart:
    different = found.values[found.values > 0]
    mean_apart = float(different.mean()) if len(different) else 0.0
    numbers = (found.mean, found.median, found.radius, found.quantiles(QUANTILES), found.n_equal)
    return Apart(found.share, found.n_patterns, *numbers, mean_apart, found.histogram(edges).tolist())
