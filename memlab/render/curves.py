"""The loss plot in a terminal: curves, the floors they fall to and the events on the way. The only file that knows plotext."""

import math
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memlab.render.axes import Layout, draw_axes, lay_out
from memlab.render.canvas import Area, Canvas
from memlab.render.events import Events, curve_events, marker_events
from memlab.render.legend import Entry, draw_legend, legend
from memlab.render.look import ASCII, QUIET, UNICODE, Look, Signs, dashed, looks
from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.scale import decimal, decimate, smooth
from memlab.render.series import Floor, Marker, Series
from memlab.render.tables import sparkline
from memlab.render.view import Range, View, fit_view

__all__ = ["Floor", "Marker", "Plot", "Series", "draw", "plot"]

WAITING = "waiting for the first evaluation"
NOTHING_FINITE = "no finite value yet"

# An event that happens more often gets its sign on the axis only.
MOST_GUIDES = 3

# Floors too close to each other for rows of their own take turns of so many cells.
TURN = 6

# plotext keeps one figure per process.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class _Curve:
    """A series ready to be drawn: its sorted points, the line that is drawn of them, and its look."""

    name: str
    x: NDArray
    y: NDArray
    line: NDArray
    look: Look
    sparse: bool
    behind: bool

    @property
    def smoothed(self) -> bool:
        return self.line is not self.y


@dataclass(frozen=True)
class Plot:
    """A plot as text, and where its data lies: `columns` cells from the column `left` on span x_low to x_high. No columns: no such area."""

    text: str
    left: int = 0
    columns: int = 0
    x_low: float = 0.0
    x_high: float = 0.0

    def x_at(self, column: int) -> float:
        """The x in the middle of a column of the text, or of the nearest one that holds data."""
        share = (min(max(column - self.left, 0), self.columns - 1) + 0.5) / self.columns
        return self.x_low + share * (self.x_high - self.x_low)

    def column_of(self, x: float) -> int:
        """The column of the text in which x lies, or the nearest one that holds data."""
        share = (x - self.x_low) / (self.x_high - self.x_low)
        return self.left + min(max(int(share * self.columns), 0), self.columns - 1)


def draw(
    series: Sequence[Series],
    floors: Sequence[Floor] = (),
    markers: Sequence[Marker] = (),
    *,
    width: int,
    height: int,
    x_label: str = "steps",
    y_label: str = "loss (nats per token)",
    log_x: bool = False,
    log_y: bool = False,
    smoothing: float = 0.0,
    title: str = "",
    color: bool = True,
    ascii: bool = False,  # noqa: A002
    x_range: Range | None = None,
    y_range: Range | None = None,
    nothing: str = WAITING,
) -> Plot:
    """A plot of exactly `height` lines, none wider than `width` cells, with 256-colour SGR sequences only if color, 7-bit only if ascii.

    Every series keeps the smallest and the largest value of each column. smoothing in [0, 1) is the weight of `scale.smooth` for series
    of training; the raw values stay behind it, faintly, where there is colour. With log_x what is positive in x is shown, and x_range and
    what `Plot` says of x are logarithms to base 10. Floors are always in view unless y_range is given.
    Points outside the view are marked by arrows at the edge, values that are not finite by signs on the axis, and the legend says both.
    Where there is no point, `nothing` is said in the middle. From 40 × 12 cells everything fits; in a smaller space labels go first, and in
    the smallest the curves become one-line sparklines.
    """
    if width < 1 or height < 1:
        return Plot("")
    signs = ASCII if ascii else UNICODE
    curves = [_curve(one, look, smoothing, log_x) for one, look in zip(series, looks(series, signs), strict=True)]
    drawn = [(curve.x, y) for curve in curves for y in (curve.y, curve.line)]
    view = fit_view(drawn, [floor.value for floor in floors], x_range, y_range, log_y)
    events = [event for one in curves for event in curve_events(one.name, one.x, one.y, one.look.style, view, signs)]
    events += marker_events(markers, view, signs)
    named = [*_curve_entries(curves), *_floor_entries(floors, view, signs)]
    rows = legend(named, [_event_entry(event) for event in events], width, max(1, (height + 3) // 5), ascii)
    has_y = y_range is not None or bool(floors) or any(np.isfinite(y).any() for _, y in drawn)
    layout = lay_out(width, height, view, len(rows), bool(title), has_y, fine=not ascii)
    if layout is None:
        return Plot(_sparklines(curves, floors, nothing, width, height, ascii))
    canvas = Canvas(width, height)
    has_x = x_range is not None or any(x.size for x, _ in drawn)
    draw_axes(canvas, layout, view, signs, safe(x_label, width // 2, ascii=ascii), has_x, log_x)
    draw_legend(canvas, layout.legend, rows)
    _draw_texts(canvas, layout, safe(title, width, ascii=ascii), safe(y_label, width, ascii=ascii))
    _draw_guides(canvas, layout.area, view, events, signs)
    _draw_floors(canvas, layout.area, view, floors, signs)
    _draw_curves(canvas, layout.area, view, sorted(curves, key=lambda one: not one.behind), faint=color)
    _draw_events(canvas, layout, view, events)
    if not any(np.isfinite(one.y).any() for one in curves):
        _draw_nothing(canvas, layout.area, safe(NOTHING_FINITE if any(one.y.size for one in curves) else nothing, ascii=ascii))
    area = layout.area
    return Plot("\n".join(canvas.lines(color)), area.left, area.width, view.x_low, view.x_high)


def plot(series: Sequence[Series], floors: Sequence[Floor] = (), markers: Sequence[Marker] = (), **options: Any) -> str:
    """The text of `draw`, with its options."""
    return draw(series, floors, markers, **options).text


def _curve(one: Series, look: Look, smoothing: float, log_x: bool) -> _Curve:
    x, y = one.points()
    x, y = (np.log10(x[x > 0]), y[x > 0]) if log_x else (x, y)
    sparse = one.role == "validation"
    return _Curve(one.name, x, y, smooth(y, smoothing) if smoothing and not sparse else y, look, sparse, one.behind)


def _curve_entries(curves: Sequence[_Curve]) -> list[Entry]:
    return [Entry(one.look.sample, one.look.style, one.name, "(smoothed)" if one.smoothed else "") for one in curves]


def _floor_entries(floors: Sequence[Floor], view: View, signs: Signs) -> Iterator[Entry]:
    for index, floor in enumerate(floors):
        up = float(view.up(np.float64(floor.value)))
        beside = " (above the view)" if up > 1 else " (below the view)" if up < 0 else ""
        sample = "".join(signs.floor[1] if dashed(index, column) else " " for column in range(4))
        yield Entry(sample, QUIET, floor.name, decimal(floor.value) + beside)


def _event_entry(events: Events) -> Entry:
    return Entry(events.sign, events.style, events.name, events.tail)


def _draw_texts(canvas: Canvas, layout: Layout, title: str, y_label: str) -> None:
    if layout.title is not None:
        canvas.write(0, layout.title, title, "1")
    if layout.y_label is not None:
        canvas.write(0, layout.y_label, y_label, QUIET)


def _draw_nothing(canvas: Canvas, area: Area, words: str) -> None:
    text = f" {words} "[: area.width]
    canvas.write(area.left + (area.width - len(text)) // 2, area.top + area.height // 2, text, QUIET)


def _draw_guides(canvas: Canvas, area: Area, view: View, events: Sequence[Events], signs: Signs) -> None:
    """A quiet vertical line at each event that happened, for those that are rare."""
    for event in events:
        if event.guide and len(event.x) <= MOST_GUIDES:
            for row, column in product(range(area.top, area.top + area.height), _columns(event, area, view)):
                canvas.put(column, row, signs.guide, QUIET)


def _draw_floors(canvas: Canvas, area: Area, view: View, floors: Sequence[Floor], signs: Signs) -> None:
    """Each floor in the rhythm of its dashes; floors that fall into one row of cells take turns along it."""
    rows: dict[int, list[tuple[int, str]]] = {}
    for index, floor in enumerate(floors):
        up = float(view.up(np.float64(floor.value)))
        if 0 <= up <= 1:
            row, quarter = area.row(up)
            rows.setdefault(row, []).append((index, signs.floor[quarter]))
    for (row, sharing), column in product(rows.items(), range(area.width)):
        index, sign = sharing[column // TURN % len(sharing)]
        if dashed(index, column):
            canvas.put(area.left + column, row, sign, QUIET)


def _draw_curves(canvas: Canvas, area: Area, view: View, curves: Sequence[_Curve], faint: bool) -> None:
    """Lines and marks, of what is behind before those of the others."""
    layers = list(_layers(curves, faint))
    lines = [(*view.path(*decimate(one.x, y, area.width, view.x_low, view.x_high)), one.look.line) for one, y, _ in layers]
    cells = _trace(lines, area.width, area.height)
    for is_behind in (True, False):
        for row, column, character, index in cells:
            one, _, style = layers[index]
            if one.behind == is_behind:
                canvas.put(area.left + column, area.top + row, character, style)
        for one in curves:
            if one.behind == is_behind:
                _draw_marks(canvas, area, view, one)


def _layers(curves: Sequence[_Curve], faint: bool) -> Iterator[tuple[_Curve, NDArray, str]]:
    """Everything drawn as a line, the hindmost first: the curve, its heights and its style."""
    for one in curves:
        if one.smoothed and faint:
            yield one, one.y, "2;" + one.look.style
    for one in curves:
        yield one, one.line, one.look.style


def _trace(lines: Sequence[tuple[NDArray, NDArray, str]], width: int, height: int) -> Iterable[tuple[int, int, str, int]]:
    """The cells (row, column, character, index of the line) that plotext puts the lines in; x and y in [0, 1], NaN interrupts.

    An empty character means braille dots.
    """
    return _cells(tuple((x.tobytes(), y.tobytes(), character) for x, y, character in lines), width, height)


@lru_cache(8)
def _cells(lines: tuple[tuple[bytes, bytes, str], ...], width: int, height: int) -> tuple[tuple[int, int, str, int], ...]:
    """As `_trace`, kept for the next picture: plotext takes most of the time, and often only a cursor or a number has moved.

    plotext gets the index as a colour number and it is read back from the escape sequences.
    """
    import plotext

    with _one_at_a_time:
        plotext.clear_data()
        plotext.limitsize(False, False)
        plotext.plotsize(width, height)
        plotext.theme("clear")
        for hide in (plotext.xaxes, plotext.yaxes):
            hide(False, False)
        for no_ticks in (plotext.xfrequency, plotext.yfrequency):
            no_ticks(0)
        for limit in (plotext.xlim, plotext.ylim):
            limit(0, 1)
        for index, (x, y, character) in enumerate(lines):
            across, up = np.frombuffer(x), np.frombuffer(y)
            if np.isfinite(across).any():
                plotext.plot(across.tolist(), up.tolist(), marker=character or "braille", color=index)
        picture = plotext.build()
    cells = []
    for row, line in enumerate(picture.splitlines()):
        column = 0
        for index, text in re.findall(r"(?:\x1b\[38;5;(\d+)m)?([^\x1b]+)(?:\x1b\[0m)?", line):
            cells += [(row, column + offset, character, int(index)) for offset, character in enumerate(text) if index and character != " "]
            column += len(text)
    return tuple(cells)


def _draw_marks(canvas: Canvas, area: Area, view: View, one: _Curve) -> None:
    """The mark of a series on its points: on every evaluation that is three columns from the last mark, now and then on a dense curve."""
    across, up = view.across(one.x), view.up(one.line)
    inside = np.flatnonzero((across >= 0) & (across <= 1) & (up >= 0) & (up <= 1))
    mark = "•" if one.look.mark == " " and not one.look.line else one.look.mark
    if one.look.mark == " " and inside.size != 1:
        return
    gap, last = (3 if one.sparse else max(8, area.width // 8)), -math.inf
    for index in inside:
        column = area.column(across[index])
        if column - last >= gap or index == inside[-1]:
            canvas.put(column, area.row(up[index])[0], mark, one.look.style)
            last = column


def _draw_events(canvas: Canvas, layout: Layout, view: View, events: Sequence[Events]) -> None:
    rows = {"axis": layout.axis, "top": layout.area.top, "bottom": layout.axis - 1}
    for event in reversed(events):  # the first in the legend wins a cell
        for column in _columns(event, layout.area, view):
            canvas.put(column, rows[event.place], event.sign, event.style)


def _columns(event: Events, area: Area, view: View) -> set[int]:
    return {area.column(across) for across in view.across(np.array(event.x)).tolist()}


def _sparklines(curves: Sequence[_Curve], floors: Sequence[Floor], nothing: str, width: int, height: int, ascii: bool) -> str:  # noqa: A002
    """The last value and the course of each series in a line, then the floors: what is left of a plot in very little space."""
    lines = []
    for one in curves:
        finite = one.line[np.isfinite(one.line)]
        text = safe(f"{decimal(finite[-1]) if finite.size else '-'} {one.name}", width, ascii=ascii)
        room = width - cells(text) - 1
        lines.append(f"{text} {sparkline(one.line, min(room, 12), ascii)}" if room >= 3 and finite.size else text)
    lines += [safe(f"{decimal(floor.value)} {floor.name}", width, ascii=ascii) for floor in floors]
    lines = lines or [safe(nothing, width, ascii=ascii)]
    return "\n".join((lines + [""] * height)[:height])
