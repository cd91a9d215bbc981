"""A plane through a state: which one, and where patterns, states and paths lie in it and how far out of it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from memlab.errors import DataError
from memlab.memory.checks import check_norms, check_states
from memlab.memory.rows import Rows, blocks, evenly, take
from memlab.memory.search import search

Kind = Literal["pca", "nearest", "random"]

_SAMPLE = 1 << 13  # patterns that the principal axes are found from
_CANDIDATES = 64  # patterns that are tried until two span a plane with the state
_FLAT = 1e-6  # a direction of which less than this part is left, once the other is taken out of it, adds none


class Placed(NamedTuple):
    """n points against a plane: `coordinates` (n, 2) in it, and the squared distance of each from it, `off` (n,); the state is at (0, 0).

    `variance` is that of the points in all directions together, in squared units of the state.
    """

    coordinates: Tensor
    off: Tensor
    variance: float

    @property
    def share_of_variance(self) -> float:
        """How much of the points' variance lies along the two axes: between 0 and 1, NaN where all points are one."""
        inside = float(self.coordinates.var(0, correction=0).sum())
        return min(1.0, inside / self.variance) if self.variance > 0 else float("nan")


@dataclass(frozen=True)
class Plane:
    """origin (C,), the state, and axes (2, C), orthonormal, both float64. `kind` says how it was chosen, `spanned_by` by which patterns."""

    origin: Tensor
    axes: Tensor
    kind: str
    spanned_by: tuple[int, ...] = ()

    def place(self, points: Rows) -> Placed:
        """Where points (n, C), a tensor or a memory map, lie.

        From differences to the state in float64, so that points in the plane are 0 from it but for rounding. Raises DataError for a
        point that is not finite.
        """
        coordinates = torch.empty(len(points), 2, dtype=torch.float64, device=self.origin.device)
        off, total = torch.empty_like(coordinates[:, 0]), torch.zeros_like(self.origin)
        for start, block in blocks(points, self.origin):
            part = slice(start, start + len(block))
            coordinates[part] = block @ self.axes.T
            squared = torch.linalg.vector_norm(block, dim=1).square_()
            check_norms(squared, start)
            off[part] = (squared - coordinates[part].square().sum(1)).clamp_(min=0)
            total += block.sum(0)
        around = float(off.mean() + coordinates.square().sum(1).mean())
        return Placed(coordinates, off, max(0.0, around - float((total / len(points)).square().sum())))

    def points(self, coordinates: Tensor) -> Tensor:
        """The points of the whole space at coordinates (…, 2) of the plane: (…, C)."""
        return self.origin + coordinates.to(self.axes) @ self.axes


def plane_through(state: Tensor, patterns: Rows, kind: Kind = "nearest", seed: int = 0) -> Plane:
    """The plane of this kind through a state (C,).

    'nearest': the state and the two nearest patterns that span a plane with it; the first axis points to the nearest of them.
    'pca': parallel to the two principal axes of the patterns, of up to 8,192 of them spread over the store.
    'random': two directions drawn by the seed; in many dimensions nearly all patterns are then far from the plane.
    Directions that the patterns do not give (fewer than two, all on a line) are drawn by the seed.
    Raises DataError where the state has one dimension only or does not fit the patterns.
    """
    check_states(state[None], patterns)
    if len(state) < 2:
        raise DataError("states of one dimension lie in no plane; take a model of width 2 or more")
    origin = state.double()
    spanned_by: tuple[int, ...] = ()
    directions = origin.new_zeros(0, len(state))
    if kind == "pca":
        directions = _principal(patterns, origin.device)
    elif kind == "nearest":
        directions, spanned_by = _towards_nearest(origin, patterns)
    drawn = torch.randn(4, len(state), generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(origin.device)
    axes, chosen = _orthonormal(torch.cat([directions, drawn]))
    return Plane(origin, axes, kind, tuple(spanned_by[number] for number in chosen if number < len(spanned_by)))


def _towards_nearest(origin: Tensor, patterns: Rows) -> tuple[Tensor, tuple[int, ...]]:
    """From the state to each of the patterns nearest to it, nearest first: directions (n, C), and the patterns' numbers."""
    found = search(origin[None], patterns, min(_CANDIDATES, len(patterns))).indices[0]
    return take(patterns, found) - origin, tuple(found.tolist())


def _principal(patterns: Rows, device: torch.device) -> Tensor:
    """The two directions in which the patterns vary most, (2, C) or fewer; the largest component of each is positive."""
    rows = take(patterns, evenly(len(patterns), _SAMPLE).to(device))
    rows = rows - rows.mean(0)
    values, vectors = torch.linalg.eigh(rows.T @ rows)
    kept = (values[-2:].flip(0) > _FLAT**2 * values[-1]) & (values[-1] > 0)
    directions = vectors[:, -2:].T.flip(0)[kept]
    return directions * directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()


def _orthonormal(directions: Tensor) -> tuple[Tensor, list[int]]:
    """The first two of the directions (n, C) that differ, made orthonormal: (2, C), and which they were."""
    axes, chosen = directions.new_zeros(0, directions.shape[1]), []
    for number, direction in enumerate(directions):
        length = direction.norm()
        left = direction
        for _ in range(2):  # once more takes out what rounding left
            left = left - axes.T @ (axes @ left)
        if length > 0 and left.norm() > _FLAT * length:
            axes = torch.cat([axes, (left / left.norm())[None]])
            chosen.append(number)
        if len(chosen) == 2:
            return axes, chosen
    raise AssertionError("unreachable: directions drawn at random differ")
