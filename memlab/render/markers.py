"""The points and the way that are marked in a heat map: their signs, their names in the legend, and their places."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from memlab.render.canvas import Area
from memlab.render.field import KINDS, Field, Kind, Marker
from memlab.render.ground import Brush
from memlab.render.legend import Entry
from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.scale import count
from memlab.render.sheet import Sheet
from memlab.render.view import View

_FILLED: dict[Kind, str] = {"step": "•", "pattern": "●", "fixed": "★", "stored": "◉", "state": "◆"}
_ASCII_FILLED: dict[Kind, str] = {"step": "o", "pattern": "P", "fixed": "F", "stored": "M", "state": "S"}

# What lies off the slice is hollow, or a small letter.
SIGNS: dict[Kind, str] = {**_FILLED, "projected": "○", "projected-fixed": "☆", "projected-stored": "◎"}
ASCII_SIGNS: dict[Kind, str] = {**_ASCII_FILLED, "projected": "p", "projected-fixed": "f", "projected-stored": "m"}

# A way of which no colour can be seen: flat, steep, rising and falling.
_STROKES, _ASCII_STROKES = "─│╱╲", "-|/\\"

# To how many cells a label is cut; in a picture where that would be less than the other, there are none.
_LONGEST_LABEL, _SHORTEST_LABEL = 16, 4


def entries(field: Field, view: View, ascii: bool) -> list[Entry]:  # noqa: A002
    """What the legend says of each kind, how many of them lie outside the view, and what is selected."""
    signs = ASCII_SIGNS if ascii else SIGNS
    markers = field.in_front()
    total = Counter(marker.kind for marker in markers)
    outside = Counter(marker.kind for marker in markers if place(view, marker.u, marker.v) is None)
    named = []
    for kind in reversed(KINDS):
        n = total[kind]
        tail = [f"×{count(n)}"] if n > 1 else []
        tail += [f"({count(outside[kind])} outside)" if n > 1 else "(outside)"] if outside[kind] else []
        if n or (kind == "step" and len(field.stops())):
            named.append(Entry(signs[kind], "1", KINDS[kind], " ".join(tail)))
    chosen = next((marker for marker in reversed(markers) if marker.selected), None)
    if chosen:
        named.append(Entry(f"[{signs[chosen.kind]}]", "1", chosen.label or KINDS[chosen.kind], "selected"))
    return named


def place(view: View, u: float, v: float) -> tuple[float, float] | None:
    """A point as fractions of the width and the height of the view; None outside."""
    across, up = float(view.across(np.float64(u))), float(view.up(np.float64(v)))
    return (across, up) if 0 <= across <= 1 and 0 <= up <= 1 else None


def way(field: Field, view: View, area: Area) -> NDArray:
    """The dots of the area, (n, 2) of row from the top and column, that the path runs through, in its order; none outside."""
    stops = field.stops()
    across, up = view.across(stops[:, 0]), view.up(stops[:, 1])
    width, height = area.width * area.dots_across, area.height * area.dots_up
    points = np.clip(np.stack([(1 - up) * (height - 1), across * (width - 1)], 1), -1e6, 1e6)
    parts = [np.empty((0, 2), int)]
    for start, end in pairwise(points):
        n = min(int(np.abs(end - start).max()) + 2, 8 * (width + height))
        parts.append(np.rint(np.linspace(start, end, n)).astype(int))
    found = np.concatenate(parts)
    return found[((found >= 0) & (found < (height, width))).all(1)]


def draw_strokes(sheet: Sheet, area: Area, path: NDArray, ascii: bool, style: str) -> None:  # noqa: A002
    """A way through cells, in strokes that go along with it: for terminals that cannot paint it."""
    flat, steep, rising, falling = _ASCII_STROKES if ascii else _STROKES
    for index, (row, column) in enumerate(path.tolist()):
        down, right = path[min(index + 1, len(path) - 1)] - path[max(index - 1, 0)]
        sign = flat if down == 0 else steep if right == 0 else rising if (down < 0) == (right > 0) else falling
        sheet.put(area.left + column, area.top + row, sign, style)


def draw_markers(sheet: Sheet, area: Area, view: View, field: Field, brush: Brush, under: NDArray, path: NDArray) -> None:
    """Signs in their cells, the selected one in brackets, and labels where neither a sign nor the path is in their way.

    under holds the colour beneath each cell of the area, path the dots of `way`. Where the ground is made of characters too, a sign has
    a blank at both sides.
    """
    stops = [Marker(u, v, "step") for u, v in field.stops().tolist()]
    placed = [(marker, _cell(area, where)) for marker in [*stops, *field.in_front()] if (where := place(view, marker.u, marker.v))]
    dots = path // (area.dots_up, area.dots_across) + (area.top, area.left)
    taken = {cell for _, cell in placed} | {(column, row) for row, column in dots.tolist()}

    def style(column: int, row: int, front: bool = False, like: int = -1) -> str:
        return brush.ink(int(under[row - area.top, column - area.left]), front, like)

    for marker, (column, row) in placed:
        sides = "[]" if marker.selected else "" if brush.colored else "  "
        for side, beside in zip(sides, (column - 1, column + 1), strict=False):
            if area.left <= beside < area.left + area.width and (marker.selected or (beside, row) not in taken):
                sheet.put(beside, row, side, style(beside, row, marker.selected))
                taken |= {(beside, row)} if marker.selected else set()
        sheet.put(column, row, (ASCII_SIGNS if brush.ascii else SIGNS)[marker.kind], style(column, row, marker.selected))
    for marker, (column, row) in reversed(placed):
        for start, letters in _label_places(area, marker, column, brush.ascii):
            span = {(start + offset, row) for offset in range(cells(letters))}
            if not span & taken:
                middle = int(under[row - area.top, start + cells(letters) // 2 - area.left])
                for letter in letters:  # each on the ground of its cell
                    start = sheet.write(start, row, letter, style(min(start, area.left + area.width - 1), row, like=middle))
                taken |= span
                break


def _cell(area: Area, where: tuple[float, float]) -> tuple[int, int]:
    return area.column(where[0]), area.row(where[1])[0]


def _label_places(area: Area, marker: Marker, column: int, ascii: bool) -> Iterator[tuple[int, str]]:  # noqa: A002
    """Where a label may stand: at the right of its sign, else at the left."""
    limit = min(_LONGEST_LABEL, area.width // 3)
    letters = safe(marker.label, limit, ascii=ascii) if limit >= _SHORTEST_LABEL else ""
    length, gap = cells(letters), 1 + marker.selected
    if letters and column + gap + 1 + length <= area.left + area.width:
        yield column + gap + 1, letters
    if letters and column - gap - length >= area.left:
        yield column - gap - length, letters
