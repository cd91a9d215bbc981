"""Exact search: the k nearest patterns of every query and the log-sum-exp over all patterns, in one pass over the store.

The pass is a matrix product in float32 on centred vectors that keeps more candidates than asked for; these are ranked again by their
differences in float64. Where rounding could still have hidden a nearer row, or moved a sum (many rows that are nearly equal), the query
is searched again with many candidates, and then by brute force.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from memlab.errors import UsageError
from memlab.memory.checks import check_beta, check_states
from memlab.memory.exact import exact_search
from memlab.memory.rows import Rows, middle, take
from memlab.memory.scan import FAR, Candidates, Rest, scan

_TILE = 1024  # queries at a time
_MARGINS = (16, 1024)  # candidates beyond k, at first and where these are too few
_UNIT = 2.0**-24  # the rounding error of float32
_TOLERANCE = 5e-7  # of a log-sum-exp, relative to it where it is beyond 1: what a pass may be off by before it is done again
_RERANKED = 1 << 19  # float64 numbers at a time: 4 MB
_PER_QUERY = ("indices", "squared_distances", "log_above", "effective_patterns")


@dataclass(frozen=True)
class Neighbours:
    """What `search` found for B queries, k neighbours and n inverse temperatures, on the device of the queries.

    indices (B, k) int64: row numbers, nearest first, equally near ones in the order of their numbers; -1 where there are no more. Where
    more than k rows equal the query it is any k of them.
    squared_distances (B, k) float64: of these; infinite where there are no more. Exactly 0 between equal vectors.
    log_above (B, n) float64: ln Σ_i e^(-β (d_i - d₁)) over all patterns, d₁ the nearest squared distance: between 0 and ln P.
    effective_patterns (B, n) float64: exp(entropy of the association weights), between 1 and P.
    n_again: how many queries took more than one pass.
    """

    indices: Tensor
    squared_distances: Tensor
    log_above: Tensor
    effective_patterns: Tensor
    betas: Tensor
    n_again: int

    @property
    def log_sum_exp(self) -> Tensor:
        """ln Σ_i e^(-β d_i): (B, n). -inf where no pattern counts."""
        return self.log_above - self.betas * self.squared_distances[:, :1]

    @property
    def energies(self) -> Tensor:
        """E_β of every query: (B, n), in squared units of the state."""
        return self.squared_distances[:, :1] - self.log_above / self.betas

    def with_rows(self, queries: Tensor, other: "Neighbours") -> "Neighbours":
        """The same with the results of some queries replaced, in place."""
        for name in _PER_QUERY:
            getattr(self, name)[queries] = getattr(other, name)
        return replace(self, n_again=len(queries))


def search(queries: Tensor, patterns: Rows, k: int = 1, betas: Sequence[float] = (), exclude: Tensor | None = None) -> Neighbours:
    """The k nearest patterns of each query, exactly, and ln Σ exp(-β d) for each β in `betas`.

    queries (B, C) of any floating type; patterns (P, C), a tensor or a memory map, is read once for 1,024 queries and never copied whole.
    exclude (B,) or (B, E): row numbers that do not count for a query, -1 for none; for example the query itself.
    The distances and their order are those of float64 on the numbers as stored; a log-sum-exp is right to about 1e-6 (of itself beyond 1).
    Beside the store it takes about 40 MB, whatever P is. Computes on the device of the queries.
    Raises UsageError for k outside 1 … P or a β that is not positive, DataError for numbers that are not finite.
    """
    check_states(queries, patterns)
    for beta in betas:
        check_beta(beta)
    if not 1 <= k <= len(patterns):
        raise UsageError(f"k is {k}; it must lie between 1 and the number of patterns, {len(patterns)}")
    exclude = torch.full((len(queries), 1), -1) if exclude is None else exclude.reshape(len(queries), -1)
    exclude = exclude.to(queries.device)
    centre = middle(patterns, queries.device)
    with full_precision(queries.device):
        tiles = zip(queries.split(_TILE), exclude.split(_TILE), strict=True)
        return _joined([_search_tile(tile.double(), patterns, centre, k, list(betas), left_out, _MARGINS) for tile, left_out in tiles])


@contextlib.contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Matrix products in true float32, whatever TF32 or autocast setting surrounds them."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False), torch.no_grad():
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _search_tile(
    queries: Tensor, patterns: Rows, centre: Tensor, k: int, betas: list[float], exclude: Tensor, margins: tuple[int, ...]
) -> Neighbours:
    """One tile of queries, float64, with the first of `margins`; what that does not decide with the next, at last by brute force."""
    inverse = torch.tensor(betas, dtype=torch.float64, device=queries.device)
    if not margins:
        return Neighbours(*exact_search(queries, patterns, k, inverse, exclude), inverse, len(queries))
    centred = (queries - centre).float()
    candidates, rest = scan(centred, patterns, centre, k + margins[0], betas, exclude)
    distances = _reranked(queries, patterns, candidates.columns)
    found = _Pass(candidates, rest, distances, centred.double().square().sum(1), inverse, queries.shape[1])
    log_above, effective = found.sums()
    result = Neighbours(*found.nearest(k), log_above, effective, inverse, 0)
    again = (~(found.order_is_sure(k) & found.sums_are_sure(log_above))).nonzero()[:, 0]
    if len(again) == 0:
        return result
    del candidates, rest, distances, found
    return result.with_rows(again, _search_tile(queries[again], patterns, centre, k, betas, exclude[again], margins[1:]))


def _reranked(queries: Tensor, patterns: Rows, columns: Tensor) -> Tensor:
    """Squared distances (B, K) to the rows at `columns` from differences in float64; infinite where there is none."""
    distances = torch.empty(columns.shape, dtype=torch.float64, device=queries.device)
    n = max(1, _RERANKED // (columns.shape[1] * queries.shape[1]))
    for start in range(0, len(queries), n):
        part = slice(start, start + n)
        rows = take(patterns, columns[part].clamp(min=0))  # (n, K, C)
        distances[part] = rows.sub_(queries[part, None]).square_().sum(2)
    return torch.where(columns >= 0, distances, torch.inf)


@dataclass(frozen=True)
class _Pass:
    """What one pass in float32 left: candidates, their exact `distances` (B, K), sums over the rest, ‖x‖² of the centred queries (B,)."""

    candidates: Candidates
    rest: Rest
    distances: Tensor
    squared_norm: Tensor
    betas: Tensor
    width: int

    def nearest(self, k: int) -> tuple[Tensor, Tensor]:
        """Row numbers and exact squared distances of the k nearest candidates; among equally near ones by row number."""
        by_number = self.candidates.columns.argsort(dim=1)
        by_distance = self.distances.gather(1, by_number).argsort(dim=1, stable=True)
        order = by_number.gather(1, by_distance)[:, :k]
        return self.candidates.columns.gather(1, order), self.distances.gather(1, order)

    def sums(self) -> tuple[Tensor, Tensor]:
        """`log_above` and `effective_patterns` of candidates and rest together: (B, n), (B, n)."""
        above = torch.where(self.distances.isfinite(), self.distances - self._nearest, FAR)
        factor = torch.exp(-self.betas * self._shift)
        total, moment = factor * self.rest.total, factor * (self.rest.moment + self.rest.total * self._shift)
        for number, beta in enumerate(self.betas):
            weights = torch.exp(-beta * above)
            total[:, number] += weights.sum(1)
            moment[:, number] += (weights * above).sum(1)
        log_above = total.log()
        return log_above, torch.exp(log_above + self.betas * moment / total)

    def order_is_sure(self, k: int) -> Tensor:
        """Whether no other row can be as near as the kth (B,).

        Such a row has a norm of at most ‖x‖ + √d_k, which bounds its rounding error; the limit of the candidates must lie beyond that.
        A candidate that is off by more than its own bound says that the product was not float32, and nothing is sure.
        """
        kth = self.distances.kthvalue(k, 1).values
        in_float32 = (self._error <= self._bound(self.distances)).all(1)
        nothing_nearer = (self.candidates.limit >= FAR) | (kth == 0)
        return nothing_nearer | (in_float32 & (self._limit > kth + self._bound(kth[:, None])[:, 0]))

    def sums_are_sure(self, log_above: Tensor) -> Tensor:
        """Whether the sums (B, n) are known well enough (B,).

        They are off by β times the error of one distance, averaged over the patterns in play among the rest, and by half its square.
        """
        count = self.distances.isfinite().sum(1).clamp(min=1)
        typical = (self._error.square().sum(1) / count).sqrt()[:, None].clamp(min=0.5 * _UNIT * self.squared_norm[:, None])
        share = self.rest.total * torch.exp(-self.betas * self._shift - log_above)
        largest = torch.exp(-self.betas * (self._limit[:, None] - self._nearest) - log_above)
        off = self.betas * typical
        off = off * (share * torch.minimum(share, largest)).sqrt() + 0.5 * off.square() * share
        log_sum_exp = log_above - self.betas * self._nearest
        return ((self.rest.total == 0) | (off <= _TOLERANCE * log_sum_exp.abs().clamp(min=1))).all(1)

    @property
    def _limit(self) -> Tensor:
        return self.candidates.limit.double() + self.squared_norm

    @property
    def _nearest(self) -> Tensor:
        """The nearest distance, (B, 1); 0 where no pattern counts."""
        nearest = self.distances.amin(1, keepdim=True)
        return torch.where(nearest.isfinite(), nearest, 0.0)

    @property
    def _shift(self) -> Tensor:
        """By how much the nearest approximate distance, which the sums of the rest are relative to, is beyond the nearest: (B, n)."""
        shift = (self.rest.nearest.double() + self.squared_norm)[:, None] - self._nearest
        return torch.where(self.rest.total > 0, shift, 0.0)

    @property
    def _error(self) -> Tensor:
        """How far the approximate distances of the candidates were off: (B, K)."""
        approximate = self.candidates.values.double() + self.squared_norm[:, None]
        return torch.where(self.distances.isfinite(), approximate - self.distances, 0.0).abs()

    def _bound(self, distances: Tensor) -> Tensor:
        """The largest rounding error that an approximate distance can have, by the textbook bound on a sum of so many products."""
        return (self.width + 8) * _UNIT * (2 * self.squared_norm[:, None].sqrt() + distances.sqrt()).square()


def _joined(parts: list[Neighbours]) -> Neighbours:
    values = (torch.cat([getattr(part, name) for part in parts]) for name in _PER_QUERY)
    return Neighbours(*values, parts[0].betas, sum(part.n_again for part in parts))
