"""A slice through a state: its energies against all patterns by brute force, and everything marked where it belongs."""

import math

import pytest
import torch

from memlab.errors import UsageError
from memlab.measures import slices
from memlab.memory.energy import layer_energy
from memlab.memory.radius import typical_distance
from memlab.memory.retrieval import descend
from memlab.memory.rows import Subset

KINDS = ["nearest", "pca", "random"]


def cloud(n=400, width=12, seed=0):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def state_near(patterns, off=0.4):
    return patterns[7] + off * torch.randn(patterns.shape[1], generator=torch.Generator().manual_seed(9))


def cut(patterns, state=None, kind="nearest", seed=0):
    state = state_near(patterns) if state is None else state
    return slices.cut(state, patterns, typical_distance(patterns), kind, seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [0.05, 1.0, 40.0])
def test_the_energies_are_those_of_the_points_themselves_over_all_patterns(kind, beta):
    patterns = cloud()
    of = cut(patterns, kind=kind)
    u, v = of.axes(9, 7)
    points = torch.stack([of.state + x * of.plane.axes[0] + y * of.plane.axes[1] for y in v for x in u])
    expected = layer_energy(points, patterns, beta).view(7, 9)
    assert torch.allclose(of.energies(u, v, beta), expected, atol=1e-8)


@pytest.mark.parametrize("beta", [0.1, 1.0, 10.0])
def test_moving_the_state_out_of_the_plane_changes_the_picture(beta):
    patterns = cloud()
    here = cut(patterns, kind="pca")
    normal = torch.linalg.qr(torch.cat([here.plane.axes.T, torch.ones(12, 1, dtype=torch.float64)], 1)).Q[:, 2]
    moved = cut(patterns, here.state + 2 * normal, "pca")
    assert torch.allclose(moved.plane.axes, here.plane.axes)
    assert torch.allclose(moved.placed.coordinates, here.placed.coordinates), "every foot on the plane stays where it is"
    u, v = here.axes(20, 20)
    change = (moved.energies(u, v, beta) - here.energies(u, v, beta)).abs()
    assert change.min() > 1e-3, "no point of the picture stays as it was"


def test_the_state_is_at_the_origin_and_the_patterns_that_span_the_plane_lie_in_it():
    patterns = cloud()
    of = cut(patterns)
    distances = torch.linalg.vector_norm(patterns.double() - of.state, dim=1)
    first, second = distances.argsort()[:2].tolist()
    assert of.plane.spanned_by == (first, second)
    assert of.placed.off[[first, second]].amax() < 1e-12
    assert of.placed.coordinates[first].tolist() == pytest.approx([float(distances[first]), 0.0])


def test_copies_of_a_pattern_are_drawn_once_and_span_no_plane_of_their_own():
    patterns = torch.cat([cloud(), cloud()[7:8].repeat(30, 1)])
    of = cut(patterns)
    u, v = of.axes(20, 20)
    drawn = slices.drawn_patterns(of, u, v, 1.0, slices.at_state(of, 1.0)[0])
    assert drawn[0].n_equal == 31
    assert len({(spot.u, spot.v) for spot in drawn}) == len(drawn)
    assert len(of.plane.spanned_by) == 2
    assert not torch.equal(patterns[of.plane.spanned_by[0]], patterns[of.plane.spanned_by[1]])


def test_drawn_patterns_have_their_distance_their_weight_and_their_place():
    patterns, beta = cloud(), 0.3
    of = cut(patterns, kind="pca")
    u, v = of.axes(20, 20)
    drawn = slices.drawn_patterns(of, u, v, beta, slices.at_state(of, beta)[0])
    squared = (patterns.double() - of.state).square().sum(1)
    weights = torch.softmax(-beta * squared, 0)
    for spot in drawn:
        assert spot.distance == pytest.approx(float(squared[spot.row].sqrt()))
        assert spot.weight == pytest.approx(float(weights[spot.row]), rel=1e-4)
        assert math.hypot(spot.u, spot.v, spot.off) == pytest.approx(spot.distance)
        assert spot.in_slice == (spot.off <= 0.1 * of.scale + 1e-4)
    nearest = squared.argsort()[: slices.DRAWN].tolist()
    assert [spot.row for spot in drawn[: slices.DRAWN]] == nearest


def test_what_lies_in_the_slice_and_in_the_frame_is_drawn_though_others_are_nearer():
    patterns = cloud()
    inside = cut(patterns).plane.points(torch.tensor([9.0, 1.0])).float()
    of = cut(torch.cat([patterns, inside[None]]))
    u, v = of.axes(20, 20, zoom=0.2)
    drawn = slices.drawn_patterns(of, u, v, 1.0, slices.at_state(of, 1.0)[0])
    last = drawn[slices.DRAWN]
    assert (last.row, last.in_slice) == (400, True)
    assert (last.u, last.v) == pytest.approx((9.0, 1.0), abs=1e-5)
    nearer = slices.drawn_patterns(of, *of.axes(20, 20, zoom=4), 1.0, slices.at_state(of, 1.0)[0])
    assert 400 not in [spot.row for spot in nearer], "it is outside the frame"


def test_fixed_points_are_where_the_retrieval_step_stays_and_the_state_s_own_comes_first():
    patterns, beta = cloud(), 3.0
    of = cut(patterns)
    end = descend(of.state[None], patterns, beta, of.scale).fixed_points[0]
    found = slices.fixed_points(of, beta, end)
    assert found[0].of_state
    assert not any(spot.of_state for spot in found[1:])
    place = of.plane.place(end[None])
    assert (found[0].u, found[0].v) == pytest.approx(tuple(place.coordinates[0].tolist()))
    assert found[0].energy == pytest.approx(float(layer_energy(end[None], patterns, beta)[0]))
    assert sum(spot.n_starts for spot in found) == 1 + slices.DRAWN + 15
    away = [math.hypot(spot.u, spot.v, spot.off) for spot in found[1:]]
    assert away == sorted(away)
    for spot in found:
        if spot.at_pattern:
            assert spot.distance <= 0.1 * of.scale + 1e-4


def test_at_a_small_beta_all_descents_end_at_one_fixed_point_the_middle():
    patterns = cloud()
    of = cut(patterns)
    end = descend(of.state[None], patterns, 1e-3, of.scale).fixed_points[0]
    found = slices.fixed_points(of, 1e-3, end)
    assert len(found) == 1
    assert not found[0].at_pattern
    assert found[0].effective_patterns > 390


def test_progress_is_told_often_and_may_stop_it():
    patterns = cloud()
    of = cut(patterns)

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        slices.fixed_points(of, 1.0, of.state, stop)


def test_a_step_along_both_axes_is_the_same_and_zoom_shows_half_as_far():
    of = cut(cloud())
    u, v = of.axes(31, 17)
    assert (len(u), len(v)) == (31, 17)
    assert float(u[1] - u[0]) == pytest.approx(float(v[1] - v[0]))
    nearer, _ = of.axes(31, 17, zoom=2)
    assert float(nearer[1] - nearer[0]) == pytest.approx(float(u[1] - u[0]) / 2)
    feet = of.placed.coordinates[of.near[: slices.DRAWN]]
    assert u[0] < feet[:, 0].min() <= feet[:, 0].max() < u[-1]
    assert v[0] < feet[:, 1].min() <= feet[:, 1].max() < v[-1]
    with pytest.raises(UsageError, match="a grid of 1 x 5"):
        of.axes(1, 5)


def test_where_all_patterns_are_one_there_is_still_a_picture():
    patterns = cloud(1).repeat(20, 1)
    of = slices.cut(patterns[0], patterns, typical_distance(patterns))
    u, v = of.axes(6, 6)
    energies = of.energies(u, v, 1.0)
    assert energies.isfinite().all()
    drawn = slices.drawn_patterns(of, u, v, 1.0, slices.at_state(of, 1.0)[0])
    assert [(spot.u, spot.v, spot.in_slice, spot.n_equal) for spot in drawn] == [(0.0, 0.0, True, 20)]
    assert of.n_in_slice == 20


def test_patterns_left_out_take_no_part():
    patterns = cloud()
    kept = torch.arange(100, 400).numpy()
    some, alone = cut(Subset(patterns, kept), state_near(patterns)), cut(patterns[100:], state_near(patterns))
    u, v = some.axes(8, 8)
    assert torch.allclose(some.energies(u, v, 1.0), alone.energies(u, v, 1.0))
    assert some.near.tolist() == alone.near.tolist()
