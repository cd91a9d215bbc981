"""Retrieval: states follow the energy down to a fixed point, step by step, over stores of any size.

The step x ← Σ_i p_i ρ_i is mean shift, which never raises the energy. A search finds the nearest patterns and proves how far the state may
move before any other could matter; within that reach further steps need no search.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from memlab.memory.checks import check_beta, check_states
from memlab.memory.neighbourhood import Neighbourhood
from memlab.memory.radius import typical_distance
from memlab.memory.rows import Rows
from memlab.memory.search import full_precision

TOLERANCE = 1e-5  # a step shorter than this part of the typical distance between patterns is none
MOST_STEPS = 300
SAME = 1e-3  # fixed points closer than this part of the typical distance are one
_MIXED = 1.5  # effective patterns from which on a fixed point is a mixture: nearer to two than to one
_DUST = 1e-12  # of the length of a state: the rounding error of float64


@dataclass(frozen=True)
class Descent:
    """Where B states end up and how, S steps at most.

    fixed_points (B, C) float64: the last state of each path, with `energies[-1]`. n_steps (B,): steps taken to it.
    converged (B,) bool: the next step would be no longer than `tolerance` (in units of the state); False where the steps ran out before.
    energies (S + 1, B): E_β at the start and after every step; the last value is repeated where others took more steps.
    nearest (B,) int64, squared_distance (B,): the pattern that is nearest to the fixed point, and how near.
    effective_patterns (B,): exp(entropy of the association weights) at the fixed point.
    path (S + 1, B, C): the states on the way, or None where they were not asked for.
    """

    fixed_points: Tensor
    n_steps: Tensor
    converged: Tensor
    energies: Tensor
    nearest: Tensor
    squared_distance: Tensor
    effective_patterns: Tensor
    path: Tensor | None
    tolerance: float

    @property
    def is_mixture(self) -> Tensor:
        """Whether the fixed point belongs to several patterns (about `effective_patterns`) instead of the nearest one: (B,) bool."""
        return self.effective_patterns >= _MIXED


def retrieval_step(state: Tensor, patterns: Rows, beta: float = 1.0) -> Tensor:
    """One step of mean shift, x ← Σ_i p_i ρ_i with p = softmax(-β ‖x - ρ_i‖²), which is x - ½ ∇E_β(x) and never raises E_β.

    state (B, C), patterns (P, C), a tensor or a memory map -> (B, C) float64. Right to about 1e-6 of the distances among the patterns.
    Source: Cheng 1995, "Mean shift, mode seeking, and clustering"; Ramsauer et al. 2020 for the form with softmax(β ρᵀx).
    """
    _check(state, patterns, beta)
    with full_precision(state.device):
        tiles = state.double().split(Neighbourhood.tile(patterns))
        return torch.cat([Neighbourhood(len(tile), patterns, beta, state.device).evaluate(tile).retrieved for tile in tiles])


def descend(
    state: Tensor,
    patterns: Rows,
    beta: float = 1.0,
    scale: float | None = None,
    tolerance: float = TOLERANCE,
    max_steps: int = MOST_STEPS,
    keep_path: bool = False,
) -> Descent:
    """Follow the retrieval step to a fixed point: until ‖Δx‖ ≤ tolerance · scale, or for `max_steps` steps.

    state (B, C), patterns (P, C), a tensor or a memory map. `scale` is a distance, by default `typical_distance(patterns)`; give it where
    several descents are to be compared, and to save the search for it. The energy never rises along a path but by rounding.
    """
    _check(state, patterns, beta)
    scale = typical_distance(patterns) if scale is None else scale
    with full_precision(state.device):
        tiles = state.double().split(Neighbourhood.tile(patterns))
        return _joined([_descend(tile, patterns, beta, tolerance * scale, max_steps, keep_path) for tile in tiles])


def distinct_points(points: Tensor, distance: float) -> tuple[Tensor, int]:
    """Which of the points (B, C) are the same, within a distance: a number for each, (B,) int64 from 0 on, and how many there are.

    For fixed points the distance is `SAME` times the typical distance between patterns. Each point has the number of the first one, along a
    fixed direction, that it is that close to.
    """
    points = points.double()
    direction = torch.randn(points.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(points.device)
    along = points @ (direction / direction.norm())
    order = along.argsort()
    sorted_along = along[order].contiguous()
    # Points within the distance are within it along any direction; a little more for the rounding of the projection.
    ends = torch.searchsorted(sorted_along, sorted_along + distance + _DUST * sorted_along.abs(), right=True).tolist()
    labels = torch.full((len(points),), -1, device=points.device)
    count = 0
    for place, first in enumerate(order.tolist()):
        if labels[first] < 0:
            near = order[place : ends[place]]
            near = near[(labels[near] < 0) & (torch.linalg.vector_norm(points[near] - points[first], dim=1) <= distance)]
            labels[near] = count
            count += 1
    return labels, count


def _check(state: Tensor, patterns: Rows, beta: float) -> None:
    check_states(state, patterns)
    check_beta(beta)


def _descend(state: Tensor, patterns: Rows, beta: float, tolerance: float, max_steps: int, keep_path: bool) -> Descent:
    near = Neighbourhood(len(state), patterns, beta, state.device)
    x, going = state.clone(), torch.arange(len(state), device=state.device)
    energy, effective, squared = (x.new_zeros(len(x)) for _ in range(3))
    nearest, n_steps = going.clone(), torch.zeros_like(going)
    converged = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    energies, path = [], []
    for step in range(max_steps + 1):
        found = near.evaluate(x[going], going)
        energy[going], effective[going] = found.energy, found.effective_patterns
        nearest[going], squared[going] = found.nearest, found.squared_distance
        energies.append(energy.clone())
        path.extend([x.clone()] if keep_path else [])
        still = torch.linalg.vector_norm(found.retrieved - x[going], dim=1) <= tolerance + _DUST * torch.linalg.vector_norm(x[going], dim=1)
        converged[going[still]] = True
        going = going[~still]
        if step == max_steps or len(going) == 0:
            break
        x[going] = found.retrieved[~still]
        n_steps[going] += 1
    states = torch.stack(path) if keep_path else None
    return Descent(x, n_steps, converged, torch.stack(energies), nearest, squared, effective, states, tolerance)


def _joined(parts: list[Descent]) -> Descent:
    longest = max(len(part.energies) for part in parts)
    names = ("fixed_points", "n_steps", "converged", "energies", "nearest", "squared_distance", "effective_patterns", "path")
    values = {name: [getattr(part, name) for part in parts] for name in names}
    values["energies"] = [torch.cat([rows, rows[-1:].expand(longest - len(rows), -1)]) for rows in values["energies"]]
    joined = {name: torch.cat(values[name]) for name in names if name not in ("energies", "path")}
    path = None
    if parts[0].path is not None:
        path = torch.cat([torch.cat([rows, rows[-1:].expand(longest - len(rows), -1, -1)]) for rows in values["path"]], 1)
    return Descent(**joined, energies=torch.cat(values["energies"], 1), path=path, tolerance=parts[0].tolerance)
