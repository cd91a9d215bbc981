"""What a plot of curves is made of: measured series, constant floors and events."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Series:
    """One curve. None, NaN and the infinities in y are events of their own; x need not be sorted.

    role says how it was measured: a "train" value is one noisy batch (dense, smoothed on request), a "validation" value a mean over many
    (sparse, marked point by point, never smoothed). glyph replaces the mark that the role would get; color is an index into `look.PALETTE`,
    for instance one for each run, where the order of the series would choose otherwise. What is behind never hides what is not.
    """

    name: str
    x: ArrayLike
    y: ArrayLike
    role: Literal["train", "validation"] = "train"
    glyph: str = ""
    color: int | None = None
    behind: bool = False

    def points(self) -> tuple[NDArray, NDArray]:
        """x and y as floats, in the order of x, without the points whose x is not finite. Different lengths raise ValueError."""
        x, y = np.asarray(self.x, float).ravel(), np.asarray(self.y, float).ravel()
        if x.size != y.size:
            raise ValueError(f"series {self.name!r} has {x.size} x and {y.size} y values; they must be as many")
        x, y = x[np.isfinite(x)], y[np.isfinite(x)]
        order = np.argsort(x, kind="stable")
        return x[order], y[order]


@dataclass(frozen=True)
class Floor:
    """A value that a curve can fall to or below, in its units: the entropy of the source, say."""

    name: str
    value: float


@dataclass(frozen=True)
class Marker:
    """Something that happened at x: `best`, `resumed`, `checkpoint`; markers with the same text share a glyph and a place in the legend."""

    x: float
    text: str
    glyph: str = ""
