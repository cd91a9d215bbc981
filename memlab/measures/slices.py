"""A slice through a state: a plane, and where patterns, the descent and fixed points lie in it and how far off it.

What lies off the slice counts with its whole distance in every energy; only where it is drawn is its foot on the plane.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from memlab.errors import UsageError
from memlab.memory.checks import check_states
from memlab.memory.landscape import energy_grid, grid_around
from memlab.memory.plane import Kind, Placed, Plane, plane_through
from memlab.memory.retrieval import SAME, Descent, descend, distinct_points
from memlab.memory.rows import Rows, Subset, take
from memlab.memory.search import search
from memlab.progress import Progress, quiet

IN_SLICE = 0.1  # of the typical distance between neighbouring patterns: what is no farther off the plane lies in the slice
DRAWN = 16  # distinct patterns nearest to the state that are drawn, and as many that lie in the slice
_SEARCHED = 512  # patterns among which the distinct ones are found
_COPIES = 8  # copies of one pattern, on average, that may lie among those in the slice
_STARTS = (5, 3)  # points of the plane from which descents begin, across and up
_AT_ONCE, _MOST_STEPS = 8, 96  # steps of these descents between two reports, and in all: a straggler needs a pass over the store for each
_OF_ENDS = ("energies", "converged", "nearest", "squared_distance", "effective_patterns")
_DUST = 1e-6  # of the distances at hand: what rounding may leave of a point in the plane where all patterns are one
_MARGIN = 0.25  # around what the slice is to show, of its extent


@dataclass(frozen=True)
class Spot:
    """A point against the slice: its foot at (u, v), its distance `off` the plane, and whether that is small; in units of the state."""

    u: float
    v: float
    off: float
    in_slice: bool


@dataclass(frozen=True)
class PatternSpot(Spot):
    """The pattern at `row`, its `distance` from the state, its association weight there, and how many of those near by equal it."""

    row: int
    distance: float
    weight: float
    n_equal: int


@dataclass(frozen=True)
class StepSpot(Spot):
    """A state on its way down, the first one where it starts, and E_β there."""

    energy: float


@dataclass(frozen=True)
class FixedSpot(Spot):
    """A fixed point that `n_starts` descents ended at, that of the state among them or not.

    `nearest` is the row of the pattern nearest to it and `distance` how far that is; `at_pattern`: no more than IN_SLICE of the typical
    distance. converged is False where the steps ran out before.
    """

    energy: float
    effective_patterns: float
    converged: bool
    nearest: int
    distance: float
    at_pattern: bool
    n_starts: int
    of_state: bool


@dataclass(frozen=True, eq=False)
class Slice:
    """A plane through `state` (C,), the patterns (P, C) and where each lies; `scale` is the typical distance between neighbouring ones.

    near (n,): the distinct patterns nearest to the state, nearest first, with their `distances` and how many `equal` each.
    """

    state: Tensor
    patterns: Rows
    scale: float
    plane: Plane
    placed: Placed
    near: Tensor
    distances: Tensor
    equal: Tensor

    @property
    def within(self) -> float:
        """How far off the plane a point may be to lie in the slice."""
        return IN_SLICE * self.scale + _DUST * float(self.distances[-1])

    @property
    def n_in_slice(self) -> int:
        """How many patterns lie in the slice, in the frame or outside it."""
        return int((self.placed.off <= self.within**2).sum())

    def axes(self, width: int, height: int, zoom: float = 1.0) -> tuple[Tensor, Tensor]:
        """u (width,) and v (height,) around the state and its nearest patterns, all steps alike; `zoom` 2 shows half as far.

        At least half the typical distance is shown to every side of the state.
        """
        reach = self.scale / 2 * torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
        feet = torch.cat([self.placed.coordinates[self.near[:DRAWN]], reach.to(self.placed.coordinates)])
        return axes_around(feet, width, height, zoom)

    def energies(self, u: Tensor, v: Tensor, beta: float) -> Tensor:
        """E_β over all patterns, (H, W)."""
        return energy_grid(self.placed, u, v, beta)


def cut(state: Tensor, patterns: Rows, scale: float, kind: Kind = "nearest", seed: int = 0) -> Slice:
    """The slice of this kind through a state (C,); `scale` as `typical_distance` has it.

    'nearest' is spanned by the two nearest patterns that differ: copies of one pattern are taken once.
    """
    check_states(state[None], patterns)
    state = state.double()
    found = search(state[None], patterns, min(_SEARCHED, len(patterns)))
    rows = found.indices[0]
    labels, n = distinct_points(take(patterns, rows), 0.0 if scale == 0 else SAME * scale)
    first = torch.stack([(labels == label).nonzero()[0, 0] for label in range(n)]).sort().values
    equal = torch.stack([(labels == labels[place]).sum() for place in first])
    near = rows[first]
    if kind == "nearest":
        among = Subset(patterns, near.cpu().numpy())
        plane = plane_through(state, among, kind, seed)
        plane = replace(plane, spanned_by=tuple(int(near[number]) for number in plane.spanned_by))
    else:
        plane = plane_through(state, patterns, kind, seed)
    return Slice(state, patterns, scale, plane, plane.place(patterns), near, found.squared_distances[0, first].sqrt(), equal)


def axes_around(points: Tensor, width: int, height: int, zoom: float = 1.0) -> tuple[Tensor, Tensor]:
    """The axes of a grid around points (n, 2): u (width,), v (height,), with the same step between values along both."""
    if width < 2 or height < 2:
        raise UsageError(f"a grid of {width} x {height} values shows no plane; take at least 2 x 2")
    u, v = grid_around(points, 2, 2, _MARGIN)
    extent = (points.amax(0) - points.amin(0)) * (1 + 2 * _MARGIN)
    if not extent.amax() > 0:
        extent = torch.stack([u[1] - u[0], v[1] - v[0]])
    step = float(torch.maximum(extent[0] / (width - 1), extent[1] / (height - 1))) / zoom
    return tuple(
        float(axis.mean()) + step * (torch.arange(n, dtype=torch.float64, device=points.device) - (n - 1) / 2)
        for axis, n in ((u, width), (v, height))
    )


def at_state(of: Slice, beta: float) -> tuple[float, float]:
    """E_β at the state, and the number of effective patterns there."""
    found = search(of.state[None], of.patterns, 1, [beta])
    return float(found.energies[0, 0]), float(found.effective_patterns[0, 0])


def drawn_patterns(of: Slice, u: Tensor, v: Tensor, beta: float, energy: float) -> list[PatternSpot]:
    """The distinct patterns nearest to the state, then those that lie in the slice inside the frame, DRAWN of each at most.

    energy: E_β at the state, with which a weight is e^(-β (d - E)).
    """
    foot, near = of.placed.coordinates, of.near[:DRAWN]
    framed = (foot >= torch.stack([u[0], v[0]])) & (foot <= torch.stack([u[-1], v[-1]]))
    there = (framed.all(1) & (of.placed.off <= of.within**2)).nonzero()[:, 0]
    there = there[(foot[there].square().sum(1) + of.placed.off[there]).argsort(stable=True)][: _COPIES * DRAWN]
    rows = torch.cat([near, there])
    points = take(of.patterns, rows)
    labels = distinct_points(points, SAME * of.scale)[0].tolist()
    kept = [place for place, label in enumerate(labels) if labels.index(label) == place][: len(near) + DRAWN]
    equal = [int(of.equal[place]) if place < len(near) else labels.count(labels[place]) for place in kept]
    squared = (points[kept] - of.state).square().sum(1)
    weights = torch.exp(-beta * (squared - energy)).clamp(max=1)
    values = zip(_spots(of, points[kept]), rows[kept].tolist(), squared.sqrt().tolist(), weights.tolist(), equal, strict=True)
    return [PatternSpot(*spot, row, distance, weight, n) for spot, row, distance, weight, n in values]


def along(of: Slice, path: Tensor, energies: list[float]) -> list[StepSpot]:
    """The way of a descent, path (S + 1, C) with its energies, against the slice."""
    return [StepSpot(*spot, energy) for spot, energy in zip(_spots(of, path), energies, strict=True)]


def fixed_points(of: Slice, beta: float, end: Tensor, progress: Progress = quiet) -> list[FixedSpot]:
    """Where descents end: from the state, whose `end` (C,) is known, from the patterns near it and from points of the plane around it.

    That of the state first, then by the distance from the state; those that are one within SAME of the typical distance are one.
    There may be others that none of these descents has met. `progress` may raise, to stop in the middle.
    """
    starts = torch.cat([end[None], take(of.patterns, of.near[:DRAWN]), _points_around(of)])
    found = _follow(of, starts, beta, progress)
    labels = distinct_points(found.fixed_points, SAME * of.scale)[0].tolist()
    distances = torch.linalg.vector_norm(found.fixed_points - of.state, dim=1)
    first = [place for place, label in enumerate(labels) if labels.index(label) == place]
    order = sorted(first, key=lambda place: (place > 0, float(distances[place])))
    spots, away = _spots(of, found.fixed_points), found.squared_distance.sqrt().tolist()
    return [
        FixedSpot(
            *spots[place],
            float(found.energies[0, place]),
            float(found.effective_patterns[place]),
            bool(found.converged[place]),
            int(found.nearest[place]),
            away[place],
            away[place] <= of.within,
            labels.count(labels[place]),
            place == 0,
        )
        for place in order
    ]


def _follow(of: Slice, starts: Tensor, beta: float, progress: Progress) -> Descent:
    """Where states (B, C) end, a few steps at a time, between which is told how far they are; `energies` (1, B) are those of the ends."""
    doing, n_steps = f"descending from {len(starts) - 1} places around it", 0
    going = torch.arange(len(starts), device=starts.device)
    found: Descent | None = None
    while len(going) and n_steps < _MOST_STEPS:
        progress(doing, n_steps, None, "steps")
        part = descend(starts[going], of.patterns, beta, of.scale, max_steps=_AT_ONCE)
        part = replace(part, energies=part.energies[-1:])  # (1, B)
        if found is None:
            found = replace(part, energies=part.energies.clone())
        else:
            found.fixed_points[going] = part.fixed_points
            for name in _OF_ENDS:
                getattr(found, name)[..., going] = getattr(part, name)
        starts, n_steps, going = found.fixed_points, n_steps + _AT_ONCE, (~found.converged).nonzero()[:, 0]
    return found


def _points_around(of: Slice) -> Tensor:
    """Points of the plane evenly over the frame, (n, C)."""
    u, v = of.axes(_STARTS[0] + 2, _STARTS[1] + 2)
    return of.plane.points(torch.cartesian_prod(u[1:-1], v[1:-1]))


def _spots(of: Slice, points: Tensor) -> list[tuple[float, float, float, bool]]:
    """The fields of a Spot for each of the points (n, C)."""
    placed = of.plane.place(points)
    off = placed.off.sqrt()
    return [(*foot, far, far <= of.within) for foot, far in zip(placed.coordinates.tolist(), off.tolist(), strict=True)]
