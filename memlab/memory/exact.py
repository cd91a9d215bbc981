"""The same search by brute force in float64, from the differences: for the few queries that float32 cannot decide."""

import torch
from torch import Tensor

from memlab.memory.rows import Rows, blocks
from memlab.memory.scan import leave_out


def pairwise(state: Tensor, patterns: Tensor) -> Tensor:
    """‖x - ρ‖² from the differences, all in float64: (B, C), (P, C) -> (B, P). Exactly 0 between equal vectors."""
    return torch.cdist(state, patterns, compute_mode="donot_use_mm_for_euclid_dist").square()


def exact_search(queries: Tensor, patterns: Rows, k: int, betas: Tensor, exclude: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Row numbers and squared distances of the k nearest, ln Σ e^(-β(d - d₁)) with d₁ the nearest, and the effective patterns.

    queries (B, C), betas (n,), both float64 -> (B, k), (B, k), (B, n), (B, n). Of equally near rows the first come first.
    """
    values = queries.new_full((len(queries), k), torch.inf)
    columns = torch.full(values.shape, -1, device=queries.device)
    sums = _Sums(len(queries), betas)
    for start, block in blocks(patterns, queries.new_zeros(queries.shape[1]), len(queries)):
        distances = pairwise(queries, block)
        leave_out(distances, exclude, start, torch.inf)
        lowest = distances.amin(1)
        sums.add(distances, lowest)
        # A row of a later block that is only as near comes after those already held.
        nearer = (lowest < values[:, -1]).nonzero()[:, 0]
        part, order = torch.cat([values[nearer], distances[nearer]], 1).sort(dim=1, stable=True)
        numbers = torch.arange(start, start + len(block), device=queries.device).expand(len(nearer), -1)
        values[nearer] = part[:, :k]
        columns[nearer] = torch.cat([columns[nearer], numbers], 1).gather(1, order[:, :k])
    return torch.where(values.isfinite(), columns, -1), values, *sums.result()


class _Sums:
    """Σ e^(-β(d - d₁)) and Σ (d - d₁) e^(-β(d - d₁)), d₁ the nearest so far."""

    def __init__(self, n: int, betas: Tensor) -> None:
        self.betas = betas
        self.nearest = betas.new_full((n,), torch.inf)
        self.total, self.moment = betas.new_zeros(n, len(betas)), betas.new_zeros(n, len(betas))

    def add(self, distances: Tensor, lowest: Tensor) -> None:
        nearest = torch.minimum(self.nearest, lowest)
        change = torch.where(self.nearest.isfinite(), self.nearest - nearest, 0)[:, None]
        above = torch.where(distances.isfinite(), distances - nearest[:, None], torch.finfo(distances.dtype).max)
        factor = torch.exp(-self.betas * change)
        self.moment, self.total, self.nearest = factor * (self.moment + self.total * change), factor * self.total, nearest
        for number, beta in enumerate(self.betas):
            weights = torch.exp(-beta * above)
            self.total[:, number] += weights.sum(1)
            self.moment[:, number] += (weights * above).sum(1)

    def result(self) -> tuple[Tensor, Tensor]:
        log_above = self.total.log()
        return log_above, torch.exp(log_above + self.betas * self.moment / self.total)
