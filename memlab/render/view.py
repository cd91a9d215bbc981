"""Which part of the data a plot shows, and where a value falls in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memlab.render.scale import linear_ticks, log_ticks, tick_step

# Spikes are cut off so far that all the other points keep at least this share of the height. A spike has at most that share of the
# points of its curve (one column in fifty), and below eight points nothing is one.
BULK_SHARE = 0.4
SPIKE_SHARE = 0.02
FEWEST_POINTS = 8

# Beyond this, differences overflow; a range narrower than that share of its ends is a single value.
HUGE = 1e300
NARROW = 1e-9


@dataclass(frozen=True)
class View:
    """The ranges that the axes span, in the data's own units. Fractions: 0 is the left or the lower edge, 1 the right or the upper one."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    log_y: bool = False

    def across(self, x: NDArray) -> NDArray:
        """The fraction of the width at which each x lies, outside [0, 1] beside the view."""
        return _fraction(np.clip(x, -HUGE, HUGE), self.x_low, self.x_high)

    def up(self, y: NDArray) -> NDArray:
        """The fraction of the height at which each y lies; NaN where it is not finite, far below where a logarithm does not exist."""
        y = np.where(np.isfinite(y), y, np.nan)
        if self.log_y:
            return _fraction(_logarithm(y), *_logarithm(np.array([self.y_low, self.y_high])))
        return _fraction(np.clip(y, -HUGE, HUGE), self.y_low, self.y_high)

    def path(self, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
        """The line through the points as fractions, cut off at the edges of the view, with NaN where it is interrupted."""
        across, up = self.across(x), self.up(y)
        for level in (0.0, 1.0):
            across, up = _with_crossings(across, up, level)
            up, across = _with_crossings(up, across, level)
        outside = ~((across >= 0) & (across <= 1) & (up >= 0) & (up <= 1))
        return np.where(outside, np.nan, across), np.where(outside, np.nan, up)

    def x_ticks(self, at_most: int) -> list[float]:
        """1-2-5 ticks of the horizontal axis."""
        return linear_ticks(self.x_low, self.x_high, at_most)

    def y_ticks(self, at_most: int) -> list[float]:
        """1-2-5 ticks of the vertical axis."""
        return (log_ticks if self.log_y else linear_ticks)(self.y_low, self.y_high, at_most)


Range = tuple[float, float]
Curve = tuple[NDArray, NDArray]


def fit_view(curves: Sequence[Curve], floors: Sequence[float], x_range: Range | None, y_range: Range | None, log_y: bool) -> View:
    """The view that shows the curves (x and y of each) and every floor, rounded outward to half a tick so that it seldom jumps in a run.

    A given range is taken as it is, unless it is empty, not finite, or not positive on a logarithmic axis. Counts and losses start
    at zero where that costs little. A few points far above or below the rest of their curve stay outside.
    """
    x_low, x_high = x_range if _usable(x_range) else _x_range([x for x, _ in curves])
    if _usable(y_range) and (y_range[0] > 0 or not log_y):
        return View(x_low, x_high, *y_range, log_y)
    seen = [_seen(x, y, x_low, x_high) for x, y in curves]
    levels = [np.array([floor]) for floor in floors if math.isfinite(floor)]
    columns = [np.clip(column, -HUGE, HUGE) for column in (*seen, *levels)]
    if not log_y:
        return View(x_low, x_high, *_rounded_out(*_robust_range(columns)))
    low, high = _robust_range([_logarithm(column[column > 0]) for column in columns], pad=0.15)
    return View(x_low, x_high, *_rounded_out_log(low, high), log_y)


def _seen(x: NDArray, y: NDArray, low: float, high: float) -> NDArray:
    """The finite heights of a curve in [low, high], and where its line passes the edges on the way to points beyond."""
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    edges = [edge for edge in (low, high) if x.size and x[0] < edge < x[-1]]
    return np.concatenate([y[(x >= low) & (x <= high)], np.interp(edges, x, y) if edges else np.empty(0)])


def _usable(given: Range | None) -> bool:
    return given is not None and all(abs(end) < HUGE for end in given) and given[0] < given[1] and not _is_single(*given)


def _is_single(low: float, high: float) -> bool:
    return high - low <= max(NARROW * max(abs(low), abs(high)), 1 / HUGE)


def _x_range(columns: Sequence[NDArray]) -> Range:
    values = np.concatenate([*columns, np.empty(0)])
    values = np.clip(values[np.isfinite(values)], -HUGE, HUGE)
    if values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if 0 <= low <= 0.1 * high:
        low = 0.0
    return _around(low) if _is_single(low, high) else (low, high)


def _robust_range(columns: Sequence[NDArray], pad: float = 0.0) -> Range:
    """The range of all the values but the spikes of each column that would flatten the rest."""
    columns = [np.sort(column) for column in columns if column.size]
    if not columns:
        return 0.0, 1.0
    low, high = min(column[0] for column in columns), max(column[-1] for column in columns)
    bulk = [column[_spike_points(column) : column.size - _spike_points(column)] for column in columns]
    bulk_low, bulk_high = min(column[0] for column in bulk), max(column[-1] for column in bulk)
    if bulk_high > bulk_low:
        reach = (bulk_high - bulk_low) / BULK_SHARE
        low = min(column[column >= bulk_high - reach].min(initial=bulk_low) for column in columns)
        high = max(column[column <= bulk_low + reach].max(initial=bulk_high) for column in columns)
    return _around(float(low), pad) if _is_single(low, high) else (float(low), float(high))


def _spike_points(column: NDArray) -> int:
    """How many points at either end of the sorted values may be a spike."""
    return math.ceil(SPIKE_SHARE * column.size) if column.size >= FEWEST_POINTS else 0


def _around(value: float, pad: float = 0.0) -> Range:
    pad = pad or (0.1 * abs(value) if abs(value) > 1 / HUGE else 1.0)
    return value - pad, value + pad


def _rounded_out(low: float, high: float) -> Range:
    if 0 <= low < 0.35 * high:
        low = 0.0
    half = tick_step(high - low, 6) / 2
    return math.floor(low / half + 1e-9) * half, math.ceil(high / half - 1e-9) * half


def _rounded_out_log(low: float, high: float) -> Range:
    """Powers of ten, or 2 or 5 times one, around two logarithms."""
    steps = (0.0, math.log10(2), math.log10(5), 1.0)
    below = max(step for step in steps if step <= low - math.floor(low) + 1e-9)
    above = min(step for step in steps if step >= high - math.floor(high) - 1e-9)
    return 10 ** (math.floor(low) + below), 10 ** (math.floor(high) + above)


def _fraction(value: NDArray, low: float, high: float) -> NDArray:
    """Where a value lies between two others; what misses an end by rounding alone is on it."""
    with np.errstate(over="ignore"):
        fraction = np.clip((value - low) / (high - low), -1e9, 1e9)
    nearest = np.round(fraction)
    return np.where(np.abs(fraction - nearest) < 1e-9, nearest, fraction)


def _logarithm(y: NDArray) -> NDArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y > 0, np.log10(np.clip(y, 1 / HUGE, HUGE)), np.where(np.isnan(y), np.nan, -1e9))


def _with_crossings(along: NDArray, value: NDArray, level: float) -> tuple[NDArray, NDArray]:
    """The same line with a point added wherever its value crosses the level."""
    crossing = np.flatnonzero((value[:-1] - level) * (value[1:] - level) < 0)
    share = (level - value[crossing]) / (value[crossing + 1] - value[crossing])
    meeting = along[crossing] + share * (along[crossing + 1] - along[crossing])
    return np.insert(along, crossing + 1, meeting), np.insert(value, crossing + 1, level)
