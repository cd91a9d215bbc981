"""Where the parts of a plot go in the space there is, and its axes with their ticks and labels."""

from dataclasses import dataclass

import numpy as np

from memlab.render.canvas import Area, Canvas
from memlab.render.look import QUIET, Signs
from memlab.render.safe import width as cells
from memlab.render.scale import log_ticks, tick_labels
from memlab.render.view import View

# Below this a plot says less than a line of text.
LEAST_COLUMNS, LEAST_ROWS = 8, 3


@dataclass(frozen=True)
class Layout:
    """The rows of a plot from the top and the area of the data; a row is None where there is no space for it."""

    title: int | None
    legend: int
    y_label: int | None
    area: Area
    y_ticks: list[float]
    x_label: int

    @property
    def axis(self) -> int:
        """The row of the horizontal axis; the tick labels are below it."""
        return self.area.top + self.area.height


def lay_out(width: int, height: int, view: View, legend_rows: int, has_title: bool, has_y: bool, fine: bool) -> Layout | None:
    """The layout for so many cells; None where not even eight columns and three rows are left for the data."""
    title = 0 if has_title and height >= 10 else None
    legend = int(title is not None)
    y_label = legend + legend_rows if height >= 9 else None
    top = legend + legend_rows + int(y_label is not None)
    own_x_label = height >= 16
    rows = height - top - 2 - int(own_x_label)
    ticks = view.y_ticks(min(max(rows, 0) // 2 + 2, 7)) if has_y else []
    left = max((len(label) for label in tick_labels(ticks)), default=0) + 1
    if rows < LEAST_ROWS or width - left < LEAST_COLUMNS:
        return None
    area = Area(left, top, width - left, rows, *((2, 4) if fine else (1, 1)))
    return Layout(title, legend, y_label, area, ticks, height - 1)


def draw_axes(canvas: Canvas, layout: Layout, view: View, signs: Signs, x_label: str, has_x: bool, log_x: bool = False) -> None:
    """Both axes with ticks, and the label of the horizontal one, whose x are logarithms if log_x; labels that would touch are left out."""
    area = layout.area
    for row in range(area.top, layout.axis):
        canvas.put(area.left - 1, row, signs.vertical, QUIET)
    canvas.write(area.left - 1, layout.axis, signs.corner + signs.horizontal * area.width, QUIET)
    for tick, label in zip(layout.y_ticks, tick_labels(layout.y_ticks), strict=True):
        row, _ = area.row(float(view.up(tick)))
        canvas.write(area.left - 1 - len(label), row, label)
        canvas.put(area.left - 1, row, signs.y_tick, QUIET)
    end = area.left + area.width
    if layout.x_label == layout.axis + 1:
        end -= cells(x_label) + 2
        canvas.write(end + 2, layout.x_label, x_label, QUIET)
    else:
        canvas.write(area.left + max(0, (area.width - cells(x_label)) // 2), layout.x_label, x_label, QUIET)
    if has_x:
        _draw_x_ticks(canvas, layout, view, signs, end, log_x)


def _draw_x_ticks(canvas: Canvas, layout: Layout, view: View, signs: Signs, end: int, log_x: bool) -> None:
    area, free = layout.area, 0
    at_most = area.width // 8 + 1
    ticks = log_ticks(*(10.0 ** min(end, 307) for end in (view.x_low, view.x_high)), at_most) if log_x else view.x_ticks(at_most)
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        column = area.column(float(view.across(np.log10(tick) if log_x else tick)))
        start = max(0, min(column - len(label) // 2, area.left + area.width - len(label)))
        if start >= free and start + len(label) <= end:
            canvas.put(column, layout.axis, signs.x_tick, QUIET)
            free = canvas.write(start, layout.axis + 1, label) + 2
