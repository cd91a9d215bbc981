"""What stands around a heat map: title, legend, axes and the numbers of the colour bar, as far as there is space."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memlab.render import axes
from memlab.render.canvas import Area
from memlab.render.contours import Scale
from memlab.render.field import Field
from memlab.render.ground import Brush
from memlab.render.legend import Entry, Row, draw_legend, legend
from memlab.render.look import QUIET
from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.scale import short, tick_labels
from memlab.render.sheet import Sheet
from memlab.render.view import View

NO_VALUE = "no value"

# Columns of the colour bar.
BAR = 2

# The least columns and rows of the data with axes, then with a legend, then with a colour bar; below these, nothing else is drawn.
_LEAST = {"axes": (16, 6), "legend": (12, 4), "bar": (8, 3)}

# Lines from which on there is a title and words at the axes, and words below the horizontal one.
_WORDS, _WORDS_BELOW = 10, 16


@dataclass(frozen=True)
class Layout:
    """Where the parts go. `frame` is what `axes` draws, `has_axes` whether it does; `bar` is the column of the colour bar, if any."""

    frame: axes.Layout
    has_axes: bool
    legend: list[Row]
    bar: int | None
    numbers: list[str]

    @property
    def area(self) -> Area:
        return self.frame.area


def lay_out(field: Field, named: Sequence[Entry], view: View, scale: Scale, brush: Brush, width: int, height: int) -> Layout:
    """The layout with as many parts as leave enough cells for the data."""
    rows = legend(named, [], width, max(1, (height + 3) // 8), brush.ascii)
    numbers = tick_labels(scale.levels) if scale.levels else [safe(short(scale.low), ascii=brush.ascii)]
    if not np.isfinite(np.asarray(field.values, float)).any():
        numbers = []
    for kept in (("axes", "legend", "bar"), ("legend", "bar"), ("bar",)):
        layout = _with_parts(field, view, brush, width, height, "axes" in kept, rows if "legend" in kept else [], numbers)
        if layout.area.width >= _LEAST[kept[0]][0] and layout.area.height >= _LEAST[kept[0]][1]:
            return layout
    return _with_parts(field, view, brush, width, height, False, [], [])


def odd_values(values: NDArray, brush: Brush) -> Iterator[Entry]:
    """What the legend says of values that have no place on the ramp."""
    if np.isnan(values).any():
        yield Entry(brush.signs.not_a_number, QUIET, NO_VALUE)
    if np.isinf(values).any():
        yield Entry(brush.signs.infinite, "", "infinite")


def draw_surround(sheet: Sheet, layout: Layout, field: Field, view: View, scale: Scale, brush: Brush) -> None:
    """Everything but the ground and the bar itself."""
    frame, ascii = layout.frame, brush.ascii  # noqa: A001
    if layout.has_axes:
        has_own_row = frame.x_label > frame.axis + 1
        u_label = safe(field.u_label, layout.area.width if has_own_row else layout.area.width // 3, ascii=ascii)
        axes.draw_axes(sheet, frame, view, brush.signs, u_label, has_x=True)
    draw_legend(sheet, frame.legend, layout.legend)
    if frame.title is not None:
        sheet.write(0, frame.title, safe(field.title, sheet.width, ascii=ascii), "1")
    if frame.y_label is not None:
        end = sheet.write(0, frame.y_label, safe(field.v_label, sheet.width // 2 - 1, ascii=ascii), QUIET)
        words = safe(field.value_label, max(sheet.width - end - 2, 0), ascii=ascii) if layout.bar is not None else ""
        sheet.write(sheet.width - cells(words), frame.y_label, words, QUIET)
    if layout.bar is not None:
        _draw_numbers(sheet, layout, scale)


def _with_parts(
    field: Field, view: View, brush: Brush, width: int, height: int, has_axes: bool, rows: list[Row], numbers: list[str]
) -> Layout:
    wordy = has_axes and height >= _WORDS
    title = 0 if field.title and wordy else None
    top = int(title is not None) + len(rows)
    words = top if wordy and (field.v_label or (field.value_label and numbers)) else None
    top += int(words is not None)
    below = int(has_axes and height >= _WORDS_BELOW and bool(field.u_label))
    n_rows = height - top - 2 * has_axes - below
    ticks = view.y_ticks(min(max(n_rows, 0) // 2 + 2, 7)) if has_axes else []
    left = max((len(label) for label in tick_labels(ticks)), default=0) + has_axes
    right = BAR + 2 + max(map(len, numbers)) if numbers else 0
    area = Area(left, top, width - left - right, n_rows, *brush.dots)
    frame = axes.Layout(title, int(title is not None), words, area, ticks, top + n_rows + 1 + below)
    return Layout(frame, has_axes, rows, left + area.width + 1 if numbers else None, numbers)


def _draw_numbers(sheet: Sheet, layout: Layout, scale: Scale) -> None:
    """The values of the levels beside the bar, from below; one that has no row of its own is left out."""
    free = layout.area.top + layout.area.height
    for level, words in zip(scale.levels or (scale.low,), layout.numbers, strict=True):
        row = layout.area.row(float(scale.fraction(np.float64(level))))[0]
        if row < free:
            sheet.write(layout.bar + BAR + 1, row, words)
            free = row
