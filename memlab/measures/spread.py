"""Spread: how far apart vectors lie, on growing shares of them, beside Gaussian vectors and the radii that theory names (experiment E6)."""

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from memlab.data.building import Progress, quiet
from memlab.errors import DataError
from memlab.memory import approximate
from memlab.memory.radius import SHARES, Distances, matched_gaussian, nearest_distances
from memlab.theory.partition import log_partition
from memlab.theory.radius import stated_radius, unit_radius

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEWEST = 8  # vectors, of which a quarter is a pair
_BINS = 32
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
    """`measured` at each share, and the same of the `null`: as many Gaussian vectors with the same mean and covariance.

    `stated_radius` is √(n/2πe), `unit_radius` the exact one at which Z = 1 for as many patterns, `log_partition` is ln Z at the measured
    radius. `recall` is None where the search was exact, else the share of nearest others that was found, of `measured` and of `null`, the
    smallest of all shares.
    """

    edges: list[float]
    measured: list[Apart]
    null: list[Apart]
    stated_radius: float
    unit_radius: float
    log_partition: float
    recall: dict[str, float] | None


def spread(states: Tensor, seed: int = 0, by_faiss: bool = False, progress: Progress = quiet) -> Spread:
    """The spread of vectors (P, C), their shares and their null drawn by the seed; `by_faiss`: approximately, for very many.

    Raises DataError for fewer than 8 vectors. Source: Niu et al. 2024, experiment E6.
    """
    n, width = states.shape
    if n < FEWEST:
        raise DataError(f"there are {n} vectors only, and a quarter of them is no pair; take more text, or --positions all")
    null, found, recalls = matched_gaussian(states, seed).to(states.device), [], []
    for number, (rows, share) in enumerate((rows, share) for rows in (states, null) for share in SHARES):
        progress("measuring distances", number, 2 * len(SHARES), "shares")
        distances, recall = _distances(rows, share, seed, by_faiss)
        found.append(distances)
        recalls.append(recall)
    ends = [float(value) for one in found for value in (one.values[0], one.values[-1])]
    low, high = min(ends), max(ends)
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    apart = [_apart(one, edges) for one in found]
    measured, chance = apart[: len(SHARES)], apart[len(SHARES) :]
    volume = max(log_partition(width, n, measured[-1].radius), _NOTHING)
    half = len(SHARES)
    recall = {"measured": min(recalls[:half]), "null": min(recalls[half:])} if by_faiss else None
    return Spread(edges.tolist(), measured, chance, stated_radius(width), unit_radius(width, n), volume, recall)


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
