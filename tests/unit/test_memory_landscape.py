"""The energy over a plane: against the energy of the very points in the whole space, at every β and for every cloud of patterns."""

import math

import numpy as np
import pytest
import torch

from memlab.errors import DataError, UsageError
from memlab.memory import landscape
from memlab.memory.energy import layer_energy
from memlab.memory.landscape import energy_grid, grid_around
from memlab.memory.plane import Placed, Plane, plane_through
from memlab.memory.retrieval import descend

BETAS = [1e-6, 1e-2, 1.0, 10.0, 1e3, 1e6]


def cloud(kind, n=600, width=24):
    g = torch.Generator().manual_seed(n)
    patterns = torch.randn(n, width, generator=g)
    if kind == "clusters":
        return patterns[:5][torch.randint(5, (n,), generator=g)] + 1e-3 * patterns
    if kind == "all equal":
        return patterns[:1].repeat(n, 1)
    if kind == "ring":
        angle = 2 * math.pi * torch.rand(n, generator=g)
        return torch.cat([5 * torch.stack([angle.cos(), angle.sin()], 1), 0.01 * patterns[:, 2:]], 1)
    if kind == "long":
        return 2e3 * patterns
    if kind == "short":
        return 2e-4 * patterns
    if kind == "one":
        return patterns[:1]
    return patterns


KINDS = ["plain", "clusters", "all equal", "ring", "long", "short", "one"]


def of_points(plane, patterns, u, v, beta):
    """The energy of the points themselves, in the whole space: (H, W)."""
    grid = torch.stack([torch.stack([x, y]) for y in v for x in u])
    return layer_energy(plane.points(grid), patterns, beta).view(len(v), len(u))


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direct", [0, landscape._DIRECT])
def test_the_grid_is_the_energy_of_its_points(monkeypatch, beta, kind, direct):
    monkeypatch.setattr(landscape, "_DIRECT", direct)  # 0: products alone
    patterns = cloud(kind)
    state = patterns[0] + 0.1 * patterns.std() * torch.randn(24, generator=torch.Generator().manual_seed(1))
    for choice in ("nearest", "pca", "random"):
        plane = plane_through(state, patterns, choice)
        placed = plane.place(patterns)
        u, v = grid_around(placed.coordinates, 13, 9)
        expected = of_points(plane, patterns, u, v, beta)
        assert torch.allclose(energy_grid(placed, u, v, beta), expected, rtol=1e-9, atol=1e-9 * float(expected.abs().amax()) + 1e-8 / beta)


@pytest.mark.slow
@pytest.mark.parametrize("beta", BETAS)
def test_many_patterns_in_the_plane_itself(beta):
    patterns = cloud("plain", 20_000, 2)
    plane = Plane(torch.zeros(2).double(), torch.eye(2).double(), "axes")
    u, v = grid_around(plane.place(patterns).coordinates, 24, 16)
    found = energy_grid(plane.place(patterns), u, v, beta)
    assert torch.allclose(found, of_points(plane, patterns, u, v, beta), rtol=1e-9, atol=1e-8 / beta)


def test_moving_the_state_out_of_the_plane_changes_the_picture():
    patterns = cloud("plain")
    plane = plane_through(patterns[0] + 0.3, patterns, "pca")
    away = torch.linalg.svd(plane.axes, full_matrices=True).Vh[2]  # orthogonal to both axes
    moved = Plane(plane.origin + 2 * away, plane.axes, plane.kind)
    u, v = grid_around(plane.place(patterns).coordinates, 13, 9)
    before, after = (energy_grid(each.place(patterns), u, v, 1.0) for each in (plane, moved))
    assert torch.equal(plane.place(patterns).coordinates.round(decimals=6), moved.place(patterns).coordinates.round(decimals=6))
    assert (after - before).std() > 0.1, "not only raised by the same amount everywhere"
    assert torch.allclose(after, of_points(moved, patterns, u, v, 1.0), rtol=1e-9)


@pytest.mark.parametrize("kind", ["nearest", "pca", "random"])
def test_the_axes_are_orthonormal_and_the_state_is_the_origin(kind):
    patterns = cloud("plain")
    plane = plane_through(patterns[3] + 0.1, patterns, kind, seed=5)
    assert torch.allclose(plane.axes @ plane.axes.T, torch.eye(2).double(), atol=1e-14)
    placed = plane.place(plane.origin[None])
    assert (placed.coordinates == 0).all()
    assert placed.off.tolist() == [0]
    assert plane.kind == kind


def test_the_nearest_plane_holds_the_two_nearest_patterns():
    patterns = cloud("plain")
    state = patterns[3] + 0.1
    plane = plane_through(state, patterns, "nearest")
    order = torch.cdist(state[None], patterns)[0].argsort()
    assert plane.spanned_by == tuple(order[:2].tolist())
    placed = plane.place(patterns)
    assert placed.off[list(plane.spanned_by)].tolist() == pytest.approx([0, 0], abs=1e-12)
    first, second = placed.coordinates[list(plane.spanned_by)]
    assert first[1] == pytest.approx(0, abs=1e-7)
    assert first[0] == pytest.approx(float((patterns[order[0]] - state).norm()))
    assert second[1] > 0


def test_a_state_that_is_a_pattern_and_patterns_on_a_line_still_have_a_plane():
    line = torch.arange(5.0)[:, None] * torch.ones(5, 3)
    plane = plane_through(line[1], line, "nearest", seed=2)
    assert plane.spanned_by == (0,)
    assert torch.allclose(plane.axes @ plane.axes.T, torch.eye(2).double(), atol=1e-14)
    assert plane.place(line).off.tolist() == pytest.approx([0] * 5, abs=1e-12)
    for kind in ("nearest", "pca"):
        alone = plane_through(line[1], line[1:2].repeat(4, 1), kind)
        assert alone.spanned_by == ()
        assert math.isnan(alone.place(line[1:2]).share_of_variance)


def test_the_pca_plane_shows_the_most_variance():
    patterns = cloud("plain") * torch.logspace(1, -1, 24)
    shares = [plane_through(patterns[0], patterns, kind, 3).place(patterns).share_of_variance for kind in ("pca", "nearest", "random")]
    values = np.linalg.eigvalsh(np.cov(patterns.double().numpy().T))
    assert shares[0] == pytest.approx(values[-2:].sum() / values.sum(), rel=1e-6)
    assert shares[0] > max(shares[1:])
    assert min(shares) >= 0


def test_the_share_of_variance_does_not_depend_on_where_the_state_is():
    patterns = cloud("plain")
    plane = plane_through(patterns[0], patterns, "pca")
    far = Plane(plane.origin + 50, plane.axes, "pca")
    assert far.place(patterns).share_of_variance == pytest.approx(plane.place(patterns).share_of_variance)


def test_coordinates_and_distance_off_the_plane_make_up_the_distance():
    patterns = cloud("long")
    state = patterns[0] + 1
    placed = plane_through(state, patterns).place(patterns)
    whole = (patterns.double() - state.double()).square().sum(1)
    assert torch.allclose(placed.coordinates.square().sum(1) + placed.off, whole, rtol=1e-12)


def test_planes_are_drawn_by_the_seed():
    patterns = cloud("plain")
    first, same, other = (plane_through(patterns[0], patterns, "random", seed).axes for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.allclose(first, other)


def test_a_descent_is_seen_going_down():
    patterns = cloud("plain")
    state = patterns[0] + 0.2
    found = descend(state[None], patterns, 0.3, keep_path=True)
    plane = plane_through(state, patterns, "nearest")
    placed = plane.place(found.path[:, 0])
    assert (placed.coordinates[0] == 0).all()
    assert placed.coordinates[-1].norm() > 0
    energies = energy_grid(plane.place(patterns), torch.zeros(1), torch.zeros(1), 0.3)
    assert float(energies) == pytest.approx(float(found.energies[0, 0]), rel=1e-6)


def test_a_memory_map_is_placed_as_it_lies(tmp_path):
    patterns = cloud("plain")
    np.save(tmp_path / "patterns.npy", patterns.numpy())
    mapped = np.load(tmp_path / "patterns.npy", mmap_mode="r")
    for kind in ("nearest", "pca"):
        ours, expected = plane_through(patterns[0], mapped, kind), plane_through(patterns[0], patterns, kind)
        assert torch.equal(ours.axes, expected.axes)
        assert torch.equal(ours.place(mapped).off, expected.place(patterns).off)


def test_a_grid_shows_all_its_points_with_a_margin():
    points = torch.tensor([[0.0, 0], [4, 1]])
    u, v = grid_around(points, 5, 3)
    assert u.tolist() == pytest.approx([-1, 0.5, 2, 3.5, 5])
    assert v.tolist() == pytest.approx([-2.5, 0.5, 3.5])
    assert grid_around(points[:1], 3, 3)[0].tolist() == pytest.approx([-1, 0, 1])


def test_a_grid_of_one_point():
    placed = Placed(torch.tensor([[1.0, 2.0]]).double(), torch.tensor([3.0]).double(), 0.0)
    assert energy_grid(placed, torch.tensor([0.0]), torch.tensor([0.0]), 7.0).tolist() == [[pytest.approx(8)]]


def test_wrong_requests_are_named():
    patterns = cloud("plain")
    with pytest.raises(DataError, match="states of one dimension lie in no plane"):
        plane_through(torch.zeros(1), torch.zeros(3, 1))
    with pytest.raises(DataError, match=r"^states have the shape \(1, 3\)"):
        plane_through(torch.zeros(3), patterns)
    with pytest.raises(UsageError, match="beta is 0"):
        energy_grid(plane_through(patterns[0], patterns).place(patterns), torch.zeros(1), torch.zeros(1), 0.0)
    patterns[7, 2] = math.nan
    with pytest.raises(DataError, match="pattern 7 is not finite"):
        plane_through(patterns[0], patterns, "random").place(patterns)
