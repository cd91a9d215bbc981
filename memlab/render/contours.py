"""A field of values in a plane: read at the cells of a picture, and cut at levels into bands and contour lines."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memlab.render.scale import linear_ticks, tick_step
from memlab.render.view import HUGE, NARROW

N_LEVELS = 6

# How values are spread over colours and levels: evenly, or by the root of what they are above the lowest. A squared distance by its root
# is the distance: rings around a point that are evenly apart.
Spread = Literal["even", "root"]


@dataclass(frozen=True)
class Scale:
    """The values that a colour ramp spans, and the contour levels between them, ascending."""

    low: float
    high: float
    levels: tuple[float, ...] = ()
    spread: Spread = "even"

    def fraction(self, values: NDArray) -> NDArray:
        """How far up the ramp each value is, in [0, 1]: 1/2 where all are the same, the ends for the infinities, NaN for NaN."""
        span = self.high - self.low
        if not span > 0:
            return np.where(np.isfinite(values), 0.5, np.clip(values, 0, 1))
        share = np.clip((np.clip(values, self.low, self.high) - self.low) / span, 0, 1)
        return np.sqrt(share) if self.spread == "root" else share

    def value(self, fraction: NDArray) -> NDArray:
        """The value at a fraction of the ramp."""
        share = np.square(fraction) if self.spread == "root" else fraction
        return self.low * (1 - share) + self.high * share

    def band(self, values: NDArray) -> NDArray:
        """How many of the levels each value has reached; -1 for NaN."""
        return np.where(np.isnan(values), -1, np.searchsorted(self.levels, values, side="right"))


def fit_scale(values: NDArray, spread: Spread = "even", given: tuple[float, float] | None = None) -> Scale:
    """The scale from the smallest to the largest finite value, or the given one, with about six round levels.

    Values that differ by less than rounding (a part in 10^9) are one value, and have no levels.
    """
    finite = np.clip(values[np.isfinite(values)], -HUGE, HUGE)
    if given is not None and all(math.isfinite(end) for end in given) and given[0] < given[1]:
        low, high = (min(max(end, -HUGE), HUGE) for end in given)
    elif finite.size:
        low, high = float(finite.min()), float(finite.max())
    else:
        return Scale(0.0, 0.0)
    if high - low <= max(NARROW * max(abs(low), abs(high)), 1 / HUGE):
        return Scale(low, low)
    return Scale(low, high, tuple((_root_levels if spread == "root" else _even_levels)(low, high)), spread)


def sample(values: NDArray, x: NDArray, y: NDArray, at_x: NDArray, at_y: NDArray) -> NDArray:
    """The field, values (H, W) at x (W,) and y (H,) ascending, at every pair of at_y and at_x: linear between the values.

    A point is NaN or infinite where the value nearest to it is; elsewhere one beside it takes no part. Beyond the edge the field goes on
    as it is there.
    """
    left, share_x = _between(x, at_x)
    below, share_y = _between(y, at_y)
    right, above = np.minimum(left + 1, x.size - 1), np.minimum(below + 1, y.size - 1)
    if np.isfinite(values).all():
        rows = _mixed(values[below], values[above], share_y[:, None])
        return _mixed(rows[:, left], rows[:, right], share_x)
    return _with_gaps(values, (below, above, share_y[:, None]), (left, right, share_x))


def lines(values: NDArray, levels: tuple[float, ...]) -> NDArray:
    """Which cells the contour lines run through: of every two neighbours with a level between them, the one whose value is nearer to it."""
    on_line = np.zeros(values.shape, bool)
    bands, values = Scale(0, 0, levels).band(values), np.clip(values, -HUGE, HUGE)
    for before, after in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        lower = np.minimum(bands[before], bands[after])
        crossed = (bands[before] != bands[after]) & (lower >= 0)
        level = np.array([*levels, 0.0])[np.where(crossed, lower, -1)]
        first = np.abs(values[before] - level) <= np.abs(values[after] - level)
        on_line[before] |= crossed & first
        on_line[after] |= crossed & ~first
    return on_line


def _even_levels(low: float, high: float) -> list[float]:
    """Round numbers well inside a range, as near to six as steps of 1, 2 or 5 times a power of ten come."""
    margin = (high - low) * 1e-3
    choices = [linear_ticks(low + margin, high - margin, at_most) for at_most in (N_LEVELS - 1, N_LEVELS + 1, N_LEVELS + 3)]
    return min(choices, key=lambda levels: abs(math.log(max(len(levels), 0.1) / N_LEVELS)))


def _root_levels(low: float, high: float) -> list[float]:
    """Six numbers whose roots above the lowest are evenly apart, each as round as half its distance from the one before allows."""
    levels, before = [], low
    for index in range(1, N_LEVELS + 1):
        level = low + (high - low) * (index / (N_LEVELS + 1)) ** 2
        step = tick_step((level - before) / 2, 3)
        levels.append(float(f"{round(level / step) * step:.12g}"))
        before = level
    return [level for level in dict.fromkeys(levels) if low < level < high]


def _between(axis: NDArray, at: NDArray) -> tuple[NDArray, NDArray]:
    """The number of the axis value below each point, and how far on to the next one it is, in [0, 1]."""
    if axis.size == 1:
        return np.zeros(at.size, int), np.zeros(at.size)
    before = np.clip(np.searchsorted(axis, at, side="right") - 1, 0, axis.size - 2)
    share = np.clip((at - axis[before]) / (axis[before + 1] - axis[before]), 0, 1)
    nearest = np.rint(share)
    return before, np.where(np.abs(share - nearest) < 1e-9, nearest, share)


def _mixed(one: NDArray, other: NDArray, share: NDArray) -> NDArray:
    return one * (1 - share) + other * share


def _with_gaps(values: NDArray, vertical: tuple[NDArray, ...], horizontal: tuple[NDArray, ...]) -> NDArray:
    """As `sample`, where there are values that are not finite."""
    total = weights = 0.0
    heaviest, nearest = -1.0, np.nan
    for rows, share_y in ((vertical[0], 1 - vertical[2]), (vertical[1], vertical[2])):
        for columns, share_x in ((horizontal[0], 1 - horizontal[2]), (horizontal[1], horizontal[2])):
            part, weight = values[np.ix_(rows, columns)], share_y * share_x
            nearest, heaviest = np.where(weight > heaviest, part, nearest), np.maximum(weight, heaviest)
            weight = np.where(np.isfinite(part), weight, 0.0)
            total, weights = total + np.where(weight > 0, part, 0.0) * weight, weights + weight
    return np.where(np.isfinite(nearest), total / np.where(weights > 0, weights, 1.0), nearest)
