"""Numbers for the eye: ticks of an axis, short and long number formats, thinning and smoothing of a series."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_THOUSANDS = ("", "k", "M", "B", "T")
# Below this a span is nothing: its tenth part would lose digits.
_SMALLEST = 1e-300
_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")


def linear_ticks(low: float, high: float, at_most: int = 6) -> list[float]:
    """The multiples of a step of 1, 2 or 5 times a power of ten that lie in [low, high]: as many as fit into at_most, with the smallest
    such step. Empty when the range is empty or not finite."""
    span = high - low
    if not _SMALLEST < span < math.inf:
        return []
    step = tick_step(span, at_most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [_rounded(index * step) for index in range(first, last + 1)]


def tick_step(span: float, at_most: int) -> float:
    """The smallest step of 1, 2 or 5 times a power of ten with which any range of this span holds no more than at_most multiples."""
    rough = span / max(at_most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def log_ticks(low: float, high: float, at_most: int = 6) -> list[float]:
    """Ticks between two positive numbers for a logarithmic axis: 1, 2, 5 of every decade, else the powers of ten, else every k-th of them.

    Where fewer than three of these fall inside (less than a factor of five or so) they are the linear ticks."""
    if not (0 < low < high < math.inf):
        return []
    decades = range(math.floor(math.log10(low)), min(math.ceil(math.log10(high)), 307) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [_rounded(factor * 10.0**power) for power in decades for factor in factors]
        ticks = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(ticks) <= at_most:
            return ticks if len(ticks) > 2 else linear_ticks(low, high, at_most)
    every = math.ceil(len(ticks) / at_most)
    return [tick for tick in ticks if round(math.log10(tick)) % every == 0]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """One label a tick. Even steps share their decimals and suffix: 0.5, 1.0; 800, 1,200; 10k, 12k. Uneven ones (logarithmic) are `short`.

    Powers of ten beyond 10^15 and below 10^-4: 2e30."""
    largest = max((abs(tick) for tick in ticks), default=0.0)
    gaps = np.diff(ticks)
    if len(ticks) < 2 or not np.allclose(gaps, gaps[0], rtol=1e-6, atol=0):
        return [short(tick) for tick in ticks]
    if largest >= 1e15 or largest < 1e-3:
        return ["0" if tick == 0 else _exponent_form(tick, 6) for tick in ticks]
    exponent = min(int(math.log10(largest) + 1e-9) // 3, len(_THOUSANDS) - 1) if largest >= 1e4 else 0
    decimals = _decimals(gaps[0] / 1000**exponent)
    if decimals > 2 and largest < 1e7:
        exponent, decimals = 0, _decimals(gaps[0])
    return ["0" if tick == 0 else f"{tick / 1000**exponent:,.{decimals}f}{_THOUSANDS[exponent]}" for tick in ticks]


def count(number: int) -> str:
    """A whole number in full: 8,192."""
    return f"{number:,}"


def counted(n: int, what: str) -> str:
    """`1 document`, `2,000 documents`."""
    return f"{count(n)} {what}{'' if n == 1 else 's'}"


def short(number: float) -> str:
    """Three significant digits and a suffix: 999, 8.19k, 1.25M, 124M, 1.5B, 3T, 5e15; 0.0123; 1.2e-5."""
    if not math.isfinite(number):
        return _not_finite(number)
    if abs(number) < 999.5:
        return _trimmed(number, 3)
    exponent = min(int(math.log10(abs(number)) // 3), len(_THOUSANDS) - 1)
    if abs(number) / 1000**exponent >= 999.5 and exponent < len(_THOUSANDS) - 1:
        exponent += 1  # 999,950 is 1M, not 1000k
    scaled = number / 1000**exponent
    return _exponent_form(number, 3) if abs(scaled) >= 999.5 else _trimmed(scaled, 3) + _THOUSANDS[exponent]


def decimal(number: float, digits: int = 3) -> str:
    """A measured value with that many significant digits, zeros kept (0.150, 8.30, 5,120); NaN, ∞ and -∞ by name."""
    if not math.isfinite(number):
        return _not_finite(number)
    if number == 0 or not 1e-4 <= abs(number) < 1e15:
        return _exponent_form(number, digits) if number else "0"
    places = digits - 1 - math.floor(math.log10(abs(float(f"{number:.{max(digits - 1, 0)}e}"))))
    return f"{number:,.{max(places, 0)}f}"


def duration(seconds: float) -> str:
    """Two units at most: 350 ms, 5.2 s, 42 s, 1 m 05 s, 2 h 05 m, 3 d 04 h; `unknown` where it is not finite."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 59.5:
        if seconds < 0.9995:
            return f"{1000 * seconds:.0f} ms" if seconds else "0 s"
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    for large, small, size, names in ((3600, 60, 60, "ms"), (86400, 3600, 60, "hm"), (math.inf, 86400, 24, "dh")):
        units = round(seconds / small * size)  # in the smaller of the two units
        if units * small / size < large:
            return f"{units // size} {names[0]} {units % size:02d} {names[1]}"
    raise AssertionError("unreachable: the last limit is infinite")


def nbytes(size: float) -> str:
    """Bytes in decimal units: 512 B, 1.5 kB, 12.8 GB."""
    exponent = 0
    while abs(size) / 1000**exponent >= 999.5 and exponent < len(_BYTES) - 1:
        exponent += 1
    return f"{_trimmed(size / 1000**exponent, 3)} {_BYTES[exponent]}"


def percent(fraction: float) -> str:
    """A share with three significant digits: 12.3 %, 0.1 %. Only nothing is 0 % and only all is 100 %: next to them, <0.001 %, >99.9 %."""
    if not math.isfinite(fraction):
        return _not_finite(fraction)
    if 0 < fraction < 1e-5:
        return "<0.001 %"
    if 0.9995 <= fraction < 1:
        return ">99.9 %"
    return f"{_trimmed(100 * fraction, 3)} %"


def decimate(x: ArrayLike, y: ArrayLike, columns: int, low: float, high: float) -> tuple[NDArray, NDArray]:
    """The points that a plot of [low, high] in so many columns can show: the smallest and the largest y of each column, in their order.

    x ascending, of the length of y. A column without a finite y becomes one NaN, so that a line breaks there. The last point on either side
    of the range stays, since a line leads from it into the picture. Nothing is averaged: every point returned was given.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.size <= 2 * columns or not high > low:
        return x, y
    column = np.clip(np.floor((x - low) / (high - low) * columns), -1, columns)
    inside = (column >= 0) & (column < columns)
    kept = np.zeros(x.size, bool)
    before, after = np.flatnonzero(column < 0), np.flatnonzero(column >= columns)
    kept[before[-1:]] = kept[after[:1]] = True
    starts = np.flatnonzero(np.diff(column, prepend=-2.0))
    for start, stop in zip(starts, [*starts[1:], x.size], strict=True):
        if inside[start]:
            kept[start + _extremes(y[start:stop])] = True
    return x[kept], y[kept]


def smooth(y: ArrayLike, weight: float) -> NDArray:
    """Exponential moving average with bias correction: s_t = w·s_(t-1) + (1 - w)·y_t, shown as s_t / (1 - w^t).

    weight in [0, 1). The first value is itself, not a mean with zero. What is not finite is left out of the mean and is NaN in the result.
    Source of the correction: Kingma and Ba 2015, section 3.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight is {weight}; it must lie in [0, 1)")
    y = np.asarray(y, float)
    smoothed = np.full(y.shape, np.nan)
    mean, total = 0.0, 0.0
    for index in np.flatnonzero(np.isfinite(y)):
        mean, total = weight * mean + (1 - weight) * y[index], weight * total + (1 - weight)
        smoothed[index] = mean / total
    return smoothed


def _extremes(y: NDArray) -> NDArray:
    finite = np.flatnonzero(np.isfinite(y))
    if finite.size == 0:
        return np.array([0])
    return finite[[np.argmin(y[finite]), np.argmax(y[finite])]]


def _rounded(number: float) -> float:
    """Without the dust of binary fractions: 0.3, not 0.30000000000000004."""
    return float(f"{number:.12g}")


def _decimals(step: float) -> int:
    """How many decimals write a multiple of this step exactly enough to tell it from its neighbours."""
    return max(0, math.ceil(-math.log10(step) - 1e-6))


def _trimmed(number: float, digits: int) -> str:
    """At most so many significant digits, without trailing zeros: 0.5, 100, 1.2e-5."""
    rounded = float(f"{number:.{digits}g}")
    return f"{rounded:g}" if rounded == 0 or 1e-4 <= abs(rounded) < 1e6 else _exponent_form(rounded, digits)


def _exponent_form(number: float, digits: int) -> str:
    mantissa, _, exponent = f"{number:.{max(digits - 1, 0)}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def _not_finite(number: float) -> str:
    return "NaN" if math.isnan(number) else "∞" if number > 0 else "-∞"
