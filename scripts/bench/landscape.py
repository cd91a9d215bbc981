"""Seconds for the picture of a plane: choosing it, placing all patterns, and the energy grid at every β, on several clouds of patterns.

The largest error is that of a few points of the grid against a sum over all patterns, relative to the energy there or to 1/β.

    python scripts/bench/landscape.py [--patterns 100000] [--width 768] [--columns 160] [--rows 100]
"""

import argparse
import math
import time

import torch
from torch import Tensor

from memlab.memory.landscape import energy_grid, grid_around
from memlab.memory.plane import Placed, plane_through

BETAS = (1e-6, 1e-4, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e6)


def clouds(n: int, width: int) -> dict[str, Tensor]:
    """Patterns: as in many dimensions, in few, in tight groups, all in the plane, and equally far from its middle."""
    torch.manual_seed(0)
    angle = 2 * math.pi * torch.rand(n)
    flat = torch.randn(n, 2)
    return {
        f"Gaussian, {width} dimensions": torch.randn(n, width),
        f"of rank 3, {width} dimensions": torch.randn(n, 3) @ torch.randn(3, width) + 0.01 * torch.randn(n, width),
        f"20 tight clusters, {width} dimensions": torch.randn(20, width)[torch.randint(20, (n,))] + 1e-3 * torch.randn(n, width),
        "Gaussian, in the plane": flat,
        "a circle, in the plane": 5 * torch.stack([angle.cos(), angle.sin()], 1),
    }


def error(found: Tensor, placed: Placed, u: Tensor, v: Tensor, beta: float) -> float:
    worst = 0.0
    for row in range(0, len(v), 33):
        for column in range(0, len(u), 31):
            squared = (placed.coordinates - torch.stack([u[column], v[row]])).square().sum(1) + placed.off
            exact = squared.amin() - torch.logsumexp(-beta * (squared - squared.amin()), 0) / beta
            worst = max(worst, float((found[row, column] - exact).abs() / (exact.abs() + 1 / beta)))
    return worst


def timed(function):
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"patterns": 100_000, "width": 768, "columns": 160, "rows": 100}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    for name, patterns in clouds(arguments.patterns, arguments.width).items():
        state = patterns[0] + 0.1 * patterns.std() * torch.randn(patterns.shape[1])
        _, to_nearest = timed(lambda state=state, patterns=patterns: plane_through(state, patterns, "nearest"))
        plane, to_axes = timed(lambda state=state, patterns=patterns: plane_through(state, patterns, "pca"))
        placed, to_place = timed(lambda plane=plane, patterns=patterns: plane.place(patterns))
        u, v = grid_around(placed.coordinates, arguments.columns, arguments.rows)
        grids = [timed(lambda beta=beta: energy_grid(placed, u, v, beta)) for beta in BETAS]  # noqa: B023 - called at once
        worst = max(error(grid, placed, u, v, beta) for (grid, _), beta in zip(grids, BETAS, strict=True))
        print(
            f"{name}: plane {to_nearest:.2f} s (nearest), {to_axes:.2f} s (pca), placing {to_place:.2f} s, "
            f"{arguments.columns}×{arguments.rows} grid at most {max(time for _, time in grids):.2f} s, largest error {worst:.0e}"
        )
        print("    " + " · ".join(f"β = {beta:g}: {time:.2f} s" for beta, (_, time) in zip(BETAS, grids, strict=True)))


if __name__ == "__main__":
    main()
