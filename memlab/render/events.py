"""What no line can show: values that are not finite, points beside the view, and things that happened, each with a sign."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memlab.render.look import ALARM, EVENT, Signs, usable
from memlab.render.scale import count, short
from memlab.render.series import Marker
from memlab.render.view import View


@dataclass(frozen=True)
class Events:
    """Events of one kind: where they are, the sign for them on the axis or at an edge of the plot, and how the legend names them."""

    x: tuple[float, ...]
    sign: str
    style: str
    name: str
    tail: str
    place: str = "axis"
    guide: bool = False


def curve_events(name: str, x: NDArray, y: NDArray, style: str, view: View, signs: Signs) -> list[Events]:
    """NaN and the infinities in the x range of the view, and the finite points above and below its y range."""
    visible = (x >= view.x_low) & (x <= view.x_high)
    x, y = x[visible], y[visible]
    up = view.up(y)
    above, below = up > 1, up < 0
    return [
        *_several(x[np.isnan(y)], signs.not_a_number, ALARM, name, "NaN"),
        *_several(x[np.isinf(y)], signs.infinite, ALARM, name, "infinite"),
        *_beside(x[above], y[above], signs.above, style, name, f"above {short(view.y_high)}, up to", max, "top"),
        *_beside(x[below], y[below], signs.below, style, name, f"below {short(view.y_low)}, down to", min, "bottom"),
    ]


def marker_events(markers: Sequence[Marker], view: View, signs: Signs) -> list[Events]:
    """The markers within the view, those with the same text together, in the order in which the texts first come up."""
    texts: dict[str, list[Marker]] = {}
    for marker in markers:
        if view.x_low <= marker.x <= view.x_high:
            texts.setdefault(marker.text, []).append(marker)
    others = iter(signs.other_events * len(texts))
    return [
        Events(
            tuple(marker.x for marker in group),
            usable(group[0].glyph, signs) or signs.events.get(text) or next(others),
            EVENT,
            text,
            _where([marker.x for marker in group]),
            guide=True,
        )
        for text, group in texts.items()
    ]


def _several(x: NDArray, sign: str, style: str, name: str, what: str) -> Iterable[Events]:
    if x.size:
        yield Events(tuple(x.tolist()), sign, style, name, f"{what} {_where(x.tolist())}")


def _beside(x: NDArray, y: NDArray, sign: str, style: str, name: str, where: str, farthest, place: str) -> Iterable[Events]:
    if x.size:
        times = f"×{count(x.size)} " if x.size > 1 else ""
        yield Events(tuple(x.tolist()), sign, style, name, f"{times}{where} {short(farthest(y.tolist()))}", place)


def _where(x: Sequence[float]) -> str:
    return f"at {_place(x[0])}" if len(x) == 1 else f"×{count(len(x))} from {_place(min(x))}"


def _place(x: float) -> str:
    return count(int(x)) if x == int(x) and abs(x) < 1e9 else short(x)
