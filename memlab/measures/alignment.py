"""Alignment: does each block move its input down the energy of the stored patterns? The central claim, put to the test against nulls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from memlab.measures import estimates
from memlab.measures.estimates import Estimate
from memlab.measures.places import Where
from memlab.memory.radius import matched_gaussian, typical_distance
from memlab.memory.retrieval import TOLERANCE, retrieval_step
from memlab.memory.rows import Rows
from memlab.memory.search import search

VERSION = 2  # raise it whenever other numbers are computed
Reading = Literal["before", "after"]
STORED, SHUFFLED, GAUSSIAN = "stored", "shuffled", "gaussian"


class Moves(NamedTuple):
    """Of B updates: the cosine with -∇E, NaN where there is no direction; whether g and E are lower afterwards. (B,) each."""

    cosine: Tensor
    lowers_nearest: Tensor
    lowers_energy: Tensor


@dataclass(frozen=True)
class Aligned:
    """How one block moves the states of one part, in the energy of one set of patterns.

    reading: before, with the patterns of layer t - 1, among which the block's input lies; after, with those of layer t, among which its
    output lies. patterns: stored, or a null: shuffled (each column permuted over them) or gaussian (of the same mean and covariance).
    cosine: of the update with -∇E at x(t-1), None where no update has a direction; `still` says how many have none. lowers_nearest,
    lowers_energy: the share of updates after which g, E_β is lower. margin: of a null, by how much the cosine of the stored patterns is
    above its own, query by query.
    """

    block: int
    reading: Reading
    part: str
    patterns: str
    beta: float
    cosine: Estimate | None
    lowers_nearest: Estimate
    lowers_energy: Estimate
    still: int
    margin: Estimate | None = None


def moves(before: Tensor, after: Tensor, patterns: Rows, beta: float = 1.0) -> Moves:
    """What the updates u = after - before are to the energy of the patterns.

        cos(u, -∇E_β(before)),   -∇E_β(x) = 2 (Σ_i p_i ρ_i - x),   p = softmax(-β ‖x - ρ_i‖²)

    before, after (B, C), patterns (P, C). There is no direction where u is 0, or where x is at a fixed point: a retrieval step from it is
    shorter than 1e-5 of the typical distance between patterns. Source: Niu et al. 2024, section 5 (layers minimise the energy).
    """
    before, after = before.double(), after.double()
    update, down = after - before, retrieval_step(before, patterns, beta) - before
    lengths = torch.linalg.vector_norm(update, dim=1), torch.linalg.vector_norm(down, dim=1)
    moving = (lengths[0] > 0) & (lengths[1] > TOLERANCE * typical_distance(patterns))
    cosine = (update * down).sum(1) / (lengths[0] * lengths[1])
    found = search(torch.cat([before, after]), patterns, 1, [beta])
    (nearest, nearest_after), (energy, energy_after) = (values[:, 0].chunk(2) for values in (found.squared_distances, found.energies))
    return Moves(torch.where(moving, cosine, torch.nan), nearest_after < nearest, energy_after < energy)


def alignment(
    block: int,
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    where: Mapping[str, Where],
    reading: Reading,
    patterns: Tensor,
    beta: float = 1.0,
    seed: int = 0,
) -> list[Aligned]:
    """One block in one reading: the states before and after it by part (B, C), and where in the text each is.

    Against the stored patterns (P, C) and both nulls, which are drawn once by the seed. Queries of one document are not independent:
    intervals are from resampling whole documents, or rows where all queries of a part are of one document.
    """
    parts = list(before)
    sets = {STORED: patterns, SHUFFLED: shuffled(patterns, seed), GAUSSIAN: matched_gaussian(patterns, seed)}
    sizes = [len(before[part]) for part in parts]
    joined = torch.cat([before[part] for part in parts]), torch.cat([after[part] for part in parts])
    found = {name: moves(*joined, some.to(joined[0].device), beta) for name, some in sets.items()}
    by_part = {name: [Moves(*values) for values in zip(*(value.split(sizes) for value in one), strict=True)] for name, one in found.items()}
    aligned = []
    for number, part in enumerate(parts):
        real = by_part[STORED][number].cosine
        for name in sets:
            one = by_part[name][number]
            cosine, shares = _mean(one.cosine, where[part], seed), [_share(lower, where[part], seed) for lower in one[1:]]
            margin = None if name == STORED else _mean(real - one.cosine, where[part], seed)
            still = int(one.cosine.isnan().sum())
            aligned.append(Aligned(block, reading, part, name, beta, cosine, *shares, still, margin))
    return aligned


def shuffled(patterns: Tensor, seed: int = 0) -> Tensor:
    """Patterns (P, C) of which every column is permuted over them: each coordinate keeps its values, what belonged together is lost."""
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(len(patterns)), (patterns.shape[1], 1)), axis=1)
    return patterns.gather(0, torch.from_numpy(order.T.copy()).to(patterns.device))


def _mean(values: Tensor, where: Where, seed: int) -> Estimate | None:
    """The mean of the values (B,) that are numbers; None where none is."""
    numbers = values.cpu().numpy()
    kept = ~np.isnan(numbers)
    return estimates.mean(numbers[kept], seed, where.documents[kept], where.rows[kept]) if kept.any() else None


def _share(held: Tensor, where: Where, seed: int) -> Estimate:
    return estimates.share(held.cpu().numpy(), seed, where.documents, where.rows)
