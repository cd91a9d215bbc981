"""The energy over a plane: exact at every point of a grid, for any number of patterns and any β, as products of matrices.

At a point (u, v) of the plane a pattern at (a, b), √h out of it, is at the squared distance (u - a)² + (v - b)² + h, whatever the width of
the states is. Its term exp(-β ·) is a product of one factor for u and one for v, so the sum over patterns at all points of a tile is a
product of two matrices. Tiles are halved until no factor that matters underflows, and patterns that never matter in a tile are left out.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from memlab.memory.checks import check_beta
from memlab.memory.plane import Placed
from memlab.memory.scan import NEGLIGIBLE

_RANGE = 300.0  # the largest exponent of a factor within a tile: what matters then stays within e^±620 in float64, which ends at e^±708
_UNDERFLOW = -700.0  # exponents below are raised to it: where exp underflows it is four times slower
_NOTHING = -60.0  # the same for terms relative to the largest: 1e-26
_DIRECT = 1 << 18  # terms from which on a tile is a product of matrices
_PATTERNS = 1 << 13  # patterns at a time in a product


class _Tile(NamedTuple):
    """A part of the grid, columns and rows, and the patterns (a, b, h) that may matter in it."""

    columns: slice
    rows: slice
    a: Tensor
    b: Tensor
    h: Tensor


def energy_grid(placed: Placed, u: Tensor, v: Tensor, beta: float = 1.0) -> Tensor:
    """E_β at every point of a grid over the plane that the patterns were placed on (`Plane.place`).

        E(u, v) = -1/β · ln Σ_i exp(-β ((u - a_i)² + (v - b_i)² + h_i))

    with a_i, b_i the pattern's coordinates and h_i its squared distance from the plane: the whole distance, not that of the projection.
    u (W,) and v (H,) ascending, in units of the state -> (H, W) float64, in squared units of the state; a row has one v. What is left
    out is below e^-20 of the sum, so that E_β is right to 2e-9/β and to rounding. Raises UsageError for a β that is not positive.
    """
    check_beta(beta)
    u, v = u.to(placed.off), v.to(placed.off)
    energies = torch.empty(len(v), len(u), dtype=torch.float64, device=placed.off.device)
    window = (math.log(len(placed.off)) + NEGLIGIBLE) / beta
    todo = [_Tile(slice(0, len(u)), slice(0, len(v)), *placed.coordinates.T, placed.off)]
    while todo:
        tile = todo.pop()
        here_u, here_v = u[tile.columns], v[tile.rows]
        tile = _pruned(tile, here_u, here_v, window)
        ranges = [beta * _extent(part) * _extent(axis) / 2 for part, axis in ((tile.a, here_u), (tile.b, here_v))]
        if len(tile.h) * len(here_u) * len(here_v) <= _DIRECT:
            energies[tile.rows, tile.columns] = _by_terms(tile, here_u, here_v, beta)
        elif sum(ranges) <= _RANGE:
            energies[tile.rows, tile.columns] = _by_product(tile, here_u, here_v, beta)
        else:
            todo.extend(_halves(tile, across=ranges[0] >= ranges[1]))
    return energies


def grid_around(points: Tensor, width: int, height: int, margin: float = 0.25) -> tuple[Tensor, Tensor]:
    """The axes of a grid that shows all of the points (n, 2) with a margin of so much of their extent on every side: (W,), (H,).

    Both axes are equally long, in units of the state, so that no direction is stretched where the picture is square. Where all points are
    one the grid reaches 1 to every side.
    """
    low, high = points.amin(0), points.amax(0)
    half = float((high - low).amax()) * (0.5 + margin) or 1.0
    middle = (low + high) / 2
    steps = (torch.linspace(-half, half, n, dtype=torch.float64, device=points.device) for n in (width, height))
    u, v = (centre + step for centre, step in zip(middle, steps, strict=True))
    return u, v


def _pruned(tile: _Tile, u: Tensor, v: Tensor, window: float) -> _Tile:
    """Without the patterns that are farther than the one nearest to the middle of the tile by more than the window, all over the tile.

    The difference of two squared distances is linear in (u, v), so that its least value over the tile is known exactly.
    """
    squared = (tile.a - _middle(u)).square() + (tile.b - _middle(v)).square() + tile.h
    nearest = squared.argmin()
    least = squared - squared[nearest] - (tile.a - tile.a[nearest]).abs() * _extent(u) - (tile.b - tile.b[nearest]).abs() * _extent(v)
    kept = (least <= window).nonzero()[:, 0]
    return tile if len(kept) == len(least) else tile._replace(a=tile.a[kept], b=tile.b[kept], h=tile.h[kept])


def _by_product(tile: _Tile, u: Tensor, v: Tensor, beta: float) -> Tensor:
    """-1/β · ln of the sum at all points, (h, w), as a product; all exponents are relative to the middle of tile and patterns."""
    u0, v0, a0, b0 = _middle(u), _middle(v), _middle(tile.a), _middle(tile.b)
    squared = (tile.a - u0).square() + (tile.b - v0).square() + tile.h
    lowest = squared.amin()
    total = u.new_zeros(len(v), len(u))
    for a, b, above in zip(tile.a.split(_PATTERNS), tile.b.split(_PATTERNS), (squared - lowest).split(_PATTERNS), strict=True):
        of_u = torch.outer(u - u0, 2 * (a - a0)).sub_(above / 2).mul_(beta).clamp_(min=_UNDERFLOW).exp_()
        of_v = torch.outer(v - v0, 2 * (b - b0)).sub_(above / 2).mul_(beta).clamp_(min=_UNDERFLOW).exp_()
        total.addmm_(of_v, of_u.T)
    common_u = (u - u0) * (u - u0 + 2 * (u0 - a0))
    common_v = (v - v0) * (v - v0 + 2 * (v0 - b0))
    return lowest + common_v[:, None] + common_u - total.log_() / beta


def _by_terms(tile: _Tile, u: Tensor, v: Tensor, beta: float) -> Tensor:
    """-1/β · ln of the sum at all points, (h, w), term by term."""
    squared = (u[:, None] - tile.a).square() + ((v[:, None] - tile.b).square() + tile.h)[:, None]  # (h, w, patterns)
    lowest = squared.amin(2, keepdim=True)
    total = squared.sub_(lowest).mul_(-beta).clamp_(min=_NOTHING).exp_().sum(2)
    return lowest[:, :, 0] - total.log_() / beta


def _halves(tile: _Tile, across: bool) -> list[_Tile]:
    """The tile cut in two, between columns or between rows."""
    name = "columns" if across else "rows"
    part = getattr(tile, name)
    middle = (part.start + part.stop) // 2
    return [tile._replace(**{name: slice(part.start, middle)}), tile._replace(**{name: slice(middle, part.stop)})]


def _middle(values: Tensor) -> Tensor:
    return (values.amin() + values.amax()) / 2


def _extent(values: Tensor) -> float:
    return float(values.amax() - values.amin())
