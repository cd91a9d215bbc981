"""A heat map with contour lines in a terminal: values over a plane, the points and the way marked in it, axes, legend and a colour bar."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from memlab.render.canvas import Area
from memlab.render.contours import Scale, fit_scale, lines, sample
from memlab.render.field import Field, Marker
from memlab.render.ground import Brush
from memlab.render.markers import draw_markers, draw_strokes, entries, place, way
from memlab.render.palette import PATH, Depth, steps
from memlab.render.sheet import Runs, Sheet, ansi, rich_text
from memlab.render.surround import BAR, Layout, draw_surround, lay_out, odd_values
from memlab.render.view import View

__all__ = ["Depth", "Field", "Marker", "Picture", "draw", "room"]

_FLAT = View(0, 1, 0, 1)
_NO_WAY = np.empty((0, 2), int)

# Values of the field at every pair of v and u.
Reader = Callable[[NDArray, NDArray], NDArray]


@dataclass(frozen=True)
class Picture:
    """A drawn heat map, and where the plane lies in them: the cells that show it, and the ranges of u (across) and v (up)."""

    runs: list[Runs]
    area: Area | None = None
    view: View | None = None

    @property
    def lines(self) -> list[str]:
        """For a terminal, with SGR sequences."""
        return [ansi(runs) for runs in self.runs]

    @property
    def texts(self) -> list[Text]:
        """For Rich and Textual."""
        return [rich_text(runs) for runs in self.runs]

    def at(self, column: int, row: int) -> tuple[float, float] | None:
        """u and v in the middle of a cell; None for a cell that does not show the plane."""
        area = self.area
        if area is None or not (0 <= column - area.left < area.width and 0 <= row - area.top < area.height):
            return None
        u, v = _places(area, self.view, 1)
        return float(u[column - area.left]), float(v[row - area.top])

    def cell(self, u: float, v: float) -> tuple[int, int] | None:
        """Column and row of the cell that shows a point; None for a point outside."""
        where = place(self.view, u, v) if self.area else None
        return where and (self.area.column(where[0]), self.area.row(where[1])[0])


def draw(
    field: Field,
    *,
    width: int,
    height: int,
    depth: Depth = "256",
    ascii: bool = False,  # noqa: A002
    value_range: tuple[float, float] | None = None,
) -> Picture:
    """A heat map of exactly `height` lines of exactly `width` cells; SGR sequences only where depth is not "none", 7-bit only if ascii.

    Colours go from the smallest finite value to the largest, or over value_range, as the field's spread says; about six contour lines lie
    at round values, which the colour bar names. The infinities have the colours of the ends, and a sign; what is NaN has a sign and no
    colour. Without 256 colours each band between two lines has a character of its own. In little space the axes are left out first, then
    the legend, then the colour bar.
    """
    if width < 1 or height < 1:
        return Picture([])
    values, u, v = field.arrays()
    view, scale, brush = field.view(), fit_scale(values, field.spread, value_range), Brush(depth, ascii)
    named = [*entries(field, view, ascii), *odd_values(values, brush)]
    layout = lay_out(field, named, view, scale, brush, width, height)
    sheet, area = Sheet(width, height), layout.area
    draw_surround(sheet, layout, field, view, scale, brush)
    _draw_bar(sheet, layout, scale, brush)
    path = way(field, view, area)
    under = _draw_ground(sheet, area, view, lambda at_u, at_v: sample(values, u, v, at_u, at_v), scale, brush, path)
    draw_markers(sheet, area, view, field, brush, under, path)
    return Picture(sheet.runs(depth != "none"), area, view)


def room(width: int, height: int) -> tuple[int, int]:
    """How many values across and up a picture of this size shows, roughly, each as wide as high: the grid that is worth computing."""
    blank = Field(np.zeros((2, 2)), (-1, 1), (-1, 1), title=" ", value_label=" ", u_label=" ")
    named = entries(Field(((0,),), (0,), (0,), [Marker(0, 0)]), _FLAT, ascii=False)
    layout = lay_out(blank, named, View(-1, 1, -1, 1), Scale(0, 10, (2, 4, 6, 8)), Brush("256", False), max(width, 1), max(height, 1))
    return layout.area.width, layout.area.height * 2


def _places(area: Area, view: View, up: int, across: int = 1) -> tuple[NDArray, NDArray]:
    """u from the left and v from the top in the middle of so many parts of each cell; the outermost dots are at the ends of the view."""
    u = _evenly(view.x_low, view.x_high, area.width * area.dots_across)
    v = _evenly(view.y_high, view.y_low, area.height * area.dots_up)
    return u.reshape(area.width * across, -1).mean(1), v.reshape(area.height * up, -1).mean(1)


def _evenly(first: float, last: float, n: int) -> NDArray:
    return np.linspace(first, last, n) if n > 1 else np.array([(first + last) / 2])


def _draw_bar(sheet: Sheet, layout: Layout, scale: Scale, brush: Brush) -> None:
    """The ramp from the highest value down, as high as the data, with the same lines."""
    if layout.bar is not None:
        area = Area(layout.bar, layout.area.top, BAR, layout.area.height, *brush.dots)
        _draw_ground(sheet, area, _FLAT, lambda u, v: np.repeat(scale.value(v)[:, None], u.size, 1), scale, brush, _NO_WAY)


def _draw_ground(sheet: Sheet, area: Area, view: View, read: Reader, scale: Scale, brush: Brush, path: NDArray) -> NDArray:
    """Values as colours with contour lines and the path over them, or as shades with the path in strokes; the colour beneath each cell.

    path holds dots, (n, 2) of row and column in the area.
    """
    whole = read(*_places(area, view, 1))
    if brush.colored:
        numbers = steps(scale.fraction(read(*_places(area, view, brush.halves))))
        painted, cells = numbers.copy(), numbers[brush.halves - 1 :: brush.halves].copy()
        painted[path[:, 0] * brush.halves // area.dots_up, path[:, 1] // area.dots_across] = PATH
        brush.fill(sheet, area, painted)
        dots = lines(read(*_places(area, view, area.dots_up, area.dots_across)), scale.levels)
        brush.rule(sheet, area, np.where((painted == PATH).reshape(area.height, -1, area.width).any(1), -1, cells), dots)
    else:
        cells = steps(scale.fraction(whole))
        brush.shade(sheet, area, scale.band(whole), len(scale.levels) + 1)
        draw_strokes(sheet, area, path, brush.ascii, brush.ink(-1))
    for row, column in np.argwhere(np.isinf(whole)).tolist():
        sheet.put(area.left + column, area.top + row, brush.signs.infinite, brush.ink(int(cells[row, column])))
    return cells
