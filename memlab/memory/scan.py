"""One pass over the patterns in float32: the nearest candidates of every query, and sums over all the rest.

Distances come from a matrix product, ‖ρ‖² - 2 xᵀρ of centred vectors, and carry its rounding error; `search` re-ranks the candidates.
They are relative: ‖x‖², the same for all patterns of a query, is left out.
"""

import math

import torch
from torch import Tensor

from memlab.memory.checks import check_norms
from memlab.memory.rows import Rows, blocks

FAR = 1e32  # farther than any pattern: excluded, or no pattern at all. Finite, so that nothing times its weight is nothing
NEGLIGIBLE = 20.0  # e^-20 = 2e-9: what is left out of a sum relative to the sum
_DENSE = 4  # so many times the candidates among the columns of a block, and sorting the block is faster than picking them out


class Candidates:
    """The K nearest so far of each query. `values` (B, K) ascending, `columns` (B, K) row numbers, -1 where there is none."""

    def __init__(self, n: int, most: int, device: torch.device) -> None:
        self.values = torch.full((n, most), FAR, device=device)
        self.columns = torch.full((n, most), -1, dtype=torch.int64, device=device)

    @property
    def limit(self) -> Tensor:
        """No row that is not a candidate is nearer than this: (B,)."""
        return self.values[:, -1]

    def update(self, distances: Tensor, start: int) -> tuple[Tensor, Tensor] | None:
        """Take what is nearer than the limit out of a block's distances (B, n), leaving FAR there.

        Returns the queries concerned, and the values that they gave up for it (padded with FAR); None where nothing was nearer.
        """
        queries = (distances.amin(1) < self.limit).nonzero()[:, 0]
        if len(queries) == 0:
            return None
        values, columns = self._nearer(distances, queries)
        columns = torch.where(values < FAR, columns + start, -1)
        values, order = torch.cat([self.values[queries], values], 1).sort(1)
        columns = torch.cat([self.columns[queries], columns], 1).gather(1, order)
        most = self.values.shape[1]
        self.values[queries], self.columns[queries] = values[:, :most], columns[:, :most]
        return queries, values[:, most:]

    def _nearer(self, distances: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Values and columns below the limit, the nearest K at least, as a matrix padded with FAR."""
        part = distances if len(queries) == len(distances) else distances[queries]
        row, column = (part < self.limit[queries, None]).nonzero(as_tuple=True)
        if len(row) > _DENSE * self.values.numel():
            values, columns = part.topk(min(self.values.shape[1], part.shape[1]), largest=False)
            distances[queries[:, None], columns] = FAR
            return values, columns
        counts = torch.bincount(row, minlength=len(queries))
        place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
        values = part.new_full((len(queries), int(counts.max())), FAR)
        columns = torch.zeros_like(values, dtype=torch.int64)
        values[row, place], columns[row, place] = part[row, column], column
        distances[queries[row], column] = FAR
        return values, columns


class Rest:
    """Σ e^(-β(d - d₁)) and Σ (d - d₁) e^(-β(d - d₁)) over the rows that are no candidates, d₁ the nearest so far. (B, n) each for n β's."""

    def __init__(self, n: int, betas: list[float], n_patterns: int, device: torch.device) -> None:
        self.betas, self._window = betas, math.log(n_patterns) + NEGLIGIBLE
        self.nearest = torch.full((n,), FAR, device=device)
        self.total = torch.zeros(n, len(betas), dtype=torch.float64, device=device)
        self.moment = torch.zeros_like(self.total)
        self._scratch = torch.empty(0, device=device)

    def refer_to(self, nearest: Tensor) -> None:
        """Make the sums relative to a smaller d₁, (B,)."""
        change = (self.nearest.double() - nearest.double())[:, None]
        factor = torch.exp(-change * torch.tensor(self.betas, dtype=torch.float64, device=change.device))
        self.moment = factor * (self.moment + self.total * change)
        self.total = factor * self.total
        self.nearest = nearest.clone()

    def add(self, distances: Tensor, queries: Tensor | None = None) -> None:
        """Count in distances (B, n), of all queries or of those named. They are overwritten.

        A query all of whose distances are past ln P + 20 in units of 1/β is left out: P such terms are below e^-20 of the nearest one.
        """
        if not self.betas:
            return
        nearest = self.nearest if queries is None else self.nearest[queries]
        above = distances.sub_(nearest[:, None])
        lowest = above.amin(1)
        for number, beta in enumerate(self.betas):
            heard = (beta * lowest <= self._window).nonzero()[:, 0]
            if len(heard) == 0:
                continue
            part = above if len(heard) == len(above) else above[heard]
            weights = torch.mul(part, -beta, out=self._space(part)).exp_()
            index = heard if queries is None else queries[heard]
            self.total[index, number] += weights.sum(1).double()
            self.moment[index, number] += weights.mul_(part).sum(1).double()

    def _space(self, like: Tensor) -> Tensor:
        if self._scratch.numel() < like.numel():
            self._scratch = torch.empty(like.numel(), device=like.device)
        return self._scratch[: like.numel()].view(like.shape)


def scan(queries: Tensor, patterns: Rows, centre: Tensor, most: int, betas: list[float], exclude: Tensor) -> tuple[Candidates, Rest]:
    """The candidates and the rest of queries (B, C) float32, less the centre. `exclude` (B, E): row numbers that do not count, or -1."""
    n_queries = len(queries)
    candidates = Candidates(n_queries, most, queries.device)
    rest = Rest(n_queries, betas, len(patterns), queries.device)
    space = torch.empty(0, device=queries.device)
    for start, block in blocks(patterns, centre, n_queries):
        squared_norms = torch.linalg.vector_norm(block, dim=1).square_()
        check_norms(squared_norms, start)
        if space.shape != (n_queries, len(block)):
            space = torch.empty(n_queries, len(block), device=queries.device)
        distances = torch.addmm(squared_norms, queries, block.T, alpha=-2, out=space)
        leave_out(distances, exclude, start)
        given_up = candidates.update(distances, start)
        if given_up is not None:
            rest.refer_to(candidates.values[:, 0])
        rest.add(distances)
        if given_up is not None and given_up[1].shape[1]:
            rest.add(given_up[1], given_up[0])
    return candidates, rest


def leave_out(distances: Tensor, exclude: Tensor, start: int, value: float = FAR) -> None:
    """Put `value` where the excluded rows (B, E) lie in a block of distances (B, n) that begins at row `start`."""
    row, number = ((exclude >= start) & (exclude < start + distances.shape[1])).nonzero(as_tuple=True)
    distances[row, exclude[row, number] - start] = value
