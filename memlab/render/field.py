"""What a heat map is made of: values over a plane, and the points and the way that are marked in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memlab.render.contours import Spread
from memlab.render.view import HUGE, View

Kind = Literal["state", "pattern", "projected", "fixed", "stored", "projected-fixed", "projected-stored", "step"]

# What each kind is called in the legend; a later one hides an earlier one.
KINDS: dict[Kind, str] = {
    "step": "descent",
    "projected": "pattern off the slice",
    "pattern": "pattern",
    "projected-fixed": "fixed point off the slice",
    "projected-stored": "fixed point at a pattern, off the slice",
    "fixed": "fixed point",
    "stored": "fixed point at a pattern",
    "state": "state",
}


@dataclass(frozen=True)
class Marker:
    """A point of the plane. "state" is where a descent starts, "step" a stop on the way, "fixed" its end; "stored" if that is a pattern.

    These and a "pattern" lie in the slice; what is "projected" lies off it, and is marked where its foot is. A label stands beside its sign
    where there is space. What is selected is put in brackets, in front of everything else.
    """

    u: float
    v: float
    kind: Kind = "pattern"
    label: str = ""
    selected: bool = False


@dataclass(frozen=True, eq=False)
class Field:
    """Values (H, W) at v (H,) and u (W,), both ascending: the first row is the lowest. NaN is where there is no value.

    path (n, 2) holds the stops of a descent, which are drawn with the way between them. Labels are words with units. spread is how colours
    and contour lines follow the values: "root" suits energies, which are squared distances.
    """

    values: ArrayLike
    u: ArrayLike
    v: ArrayLike
    markers: Sequence[Marker] = ()
    path: ArrayLike = ()
    title: str = ""
    value_label: str = ""
    u_label: str = ""
    v_label: str = ""
    spread: Spread = "even"

    def arrays(self) -> tuple[NDArray, NDArray, NDArray]:
        """values, u and v as floats. Raises ValueError where their shapes do not fit or an axis does not ascend."""
        values, u, v = (np.asarray(part, float) for part in (self.values, self.u, self.v))
        if values.size == 0 or values.shape != (v.size, u.size):
            raise ValueError(
                f"values have the shape {values.shape}; with {u.size} u and {v.size} v it must be ({v.size}, {u.size}), not empty"
            )
        for name, axis in (("u", u), ("v", v)):
            if not (np.isfinite(axis).all() and (np.diff(axis) > 0).all()):
                raise ValueError(f"{name} must ascend and be finite")
        return values, u, v

    def view(self) -> View:
        """What the axes span; a single value has one half to either side, and more where that would be nothing beside it."""
        _, u, v = self.arrays()
        return View(*_ends(u), *_ends(v))

    def stops(self) -> NDArray:
        """The stops of the path, (n, 2), without those that are not finite."""
        stops = np.asarray(self.path, float).reshape(-1, 2)
        return stops[np.isfinite(stops).all(1)]

    def in_front(self) -> list[Marker]:
        """The markers with finite coordinates, the hindmost first."""
        order = list(KINDS)
        kept = [marker for marker in self.markers if np.isfinite([marker.u, marker.v]).all()]
        return sorted(kept, key=lambda marker: (marker.selected, order.index(marker.kind)))


def _ends(axis: NDArray) -> tuple[float, float]:
    low, high = np.clip(axis[[0, -1]], -HUGE, HUGE).tolist()
    around = max(0.5, abs(low) / 2)
    return (low, high) if high > low else (low - around, low + around)
