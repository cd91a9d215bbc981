"""How far apart patterns lie: the distance of each to its nearest other, on growing shares of them, beside a Gaussian null."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from memlab.errors import DataError
from memlab.memory.checks import check_patterns
from memlab.memory.rows import Rows, Subset, blocks, device_of, evenly, take
from memlab.memory.search import search

SHARES = (0.25, 0.5, 0.75, 1.0)
_TILE = 4096  # patterns at a time
_SAMPLE = 256


@dataclass(frozen=True)
class Distances:
    """Of `n_patterns` vectors, a `share` of all, the distance of each to its nearest other: `values` (n_patterns,) float64, ascending.

    Euclidean, in units of the state; 0 where a vector occurs twice. `n_dimensions` is the width of the vectors.
    """

    share: float
    n_dimensions: int
    values: np.ndarray

    @property
    def n_patterns(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def median(self) -> float:
        return float(np.median(self.values))

    @property
    def n_equal(self) -> int:
        """How many vectors have an exact double."""
        return int((self.values == 0).sum())

    @property
    def radius(self) -> float:
        """Half the mean distance: the largest ball around each pattern, on average, that meets no other. Source: Niu et al. 2024, E6."""
        return self.mean / 2

    def quantiles(self, at: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)) -> list[float]:
        """The distances below which these shares of the vectors lie."""
        return np.quantile(self.values, at).tolist()

    def histogram(self, edges: np.ndarray) -> np.ndarray:
        """How many distances lie in each bin, (len(edges) - 1,); the last bin includes its upper edge. What lies outside is not counted."""
        return np.histogram(self.values, edges)[0]


def nearest_other(patterns: Rows, indices: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """For each of the patterns at `indices` (all by default) the squared distance to the nearest other one, and that one's row number.

    (n,) float64, in squared units of the state, and (n,) int64. A double of a pattern is another one, at distance 0.
    Raises DataError where there is only one pattern.
    """
    check_patterns(patterns)
    if len(patterns) < 2:
        raise DataError("there is one pattern only, which has no other; store at least two")
    indices = (torch.arange(len(patterns)) if indices is None else indices).to(device_of(patterns))
    found = [search(take(patterns, part), patterns, 1, exclude=part) for part in indices.split(_TILE)]
    return torch.cat([part.squared_distances[:, 0] for part in found]), torch.cat([part.indices[:, 0] for part in found])


def typical_distance(patterns: Rows) -> float:
    """The median distance from a pattern that has no double to its nearest other: the scale of a layer, in units of the state.

    Over up to 256 patterns spread over the store, each searched among all; those with a double are passed over. 0 where all have one.
    """
    check_patterns(patterns)
    if len(patterns) == 1:
        return 0.0
    squared, _ = nearest_other(patterns, evenly(len(patterns), _SAMPLE))
    apart = squared[squared > 0]
    return float(apart.median().sqrt()) if len(apart) else 0.0


def nearest_distances(patterns: Rows, shares: tuple[float, ...] = SHARES, seed: int = 0) -> list[Distances]:
    """The distances to the nearest other pattern within growing shares of the patterns, each share a part of the next.

    Source: Niu et al. 2024, experiment E6 (last-layer activations of GPT-2 medium, 25, 50, 75 and 100 %).
    Raises DataError where a share holds fewer than two patterns.
    """
    check_patterns(patterns)
    order = np.random.default_rng(seed).permutation(len(patterns))
    found = []
    for share in shares:
        n = round(share * len(patterns))
        if not 2 <= n <= len(patterns):
            raise DataError(f"{share:g} of {len(patterns)} patterns are {n}; between two and all are needed")
        part = patterns if n == len(patterns) else Subset(patterns, np.sort(order[:n]))
        squared, _ = nearest_other(part)
        found.append(Distances(share, patterns.shape[1], np.sort(squared.sqrt().cpu().numpy())))
    return found


def matched_gaussian(patterns: Rows, seed: int = 0, n: int | None = None) -> Tensor:
    """Gaussian vectors with the mean and the covariance of the patterns, which know nothing else of them: (n, C) float32, n = P by default.

    The null beside every radius: what distances the same cloud has without structure. Where there are no more patterns than dimensions the
    covariance is that of their span, and the sample is a random combination of the centred patterns. Raises DataError for one pattern.
    """
    check_patterns(patterns)
    if len(patterns) < 2:
        raise DataError("one pattern has no covariance; store at least two")
    generator = torch.Generator().manual_seed(seed)
    mean, root = _mean_and_root(patterns)
    parts = [min(_TILE, n_left) for n_left in range(len(patterns) if n is None else n, 0, -_TILE)]
    drawn = [torch.randn(part, len(root), generator=generator, dtype=torch.float64) @ root + mean for part in parts]
    return torch.cat([part.float() for part in drawn])


def _mean_and_root(patterns: Rows) -> tuple[Tensor, Tensor]:
    """The mean (C,) and a matrix R (m, C) with RᵀR the sample covariance, in float64 on the host."""
    n, width = patterns.shape
    mean = sum(block.sum(0) for _, block in blocks(patterns, torch.zeros(width, dtype=torch.float64))) / n
    if n <= width:
        return mean, (take(patterns, torch.arange(n)) - mean) / (n - 1) ** 0.5
    covariance = sum(block.T @ block for _, block in blocks(patterns, mean)) / (n - 1)
    values, vectors = torch.linalg.eigh(covariance)
    return mean, values.clamp(min=0).sqrt()[:, None] * vectors.T
