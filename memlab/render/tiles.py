"""A table of cells as a heat map in a terminal: layers × positions, or sizes × fractions; with a cursor, in a window that scrolls."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.text import Text

from memlab.render.contours import Scale, Spread, fit_scale
from memlab.render.ground import ASCII_SHADES, SHADES, Brush
from memlab.render.look import QUIET
from memlab.render.palette import Depth, paint, steps
from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.scale import decimal, short
from memlab.render.sheet import Runs, Sheet, ansi, rich_text

__all__ = ["Tiles", "TilesPicture", "draw", "shown"]

# Lines from which on there are the names of the columns, then a title, then the ramp with its numbers.
_NAMES, _TITLE, _RAMP = 2, 4, 5

# The least columns of a cell that show a number and the name of their column, and the columns of the ramp below the table.
_NUMBER, _NAME, _RAMP_COLUMNS = 5, 4, 16


@dataclass(frozen=True, eq=False)
class Tiles:
    """Values (R, C), NaN where there is none, with the names of rows and columns, which may be text from data.

    edges: for each row the column that a line passes before, C for one behind the last, None for no line there.
    """

    values: ArrayLike
    rows: Sequence[str]
    columns: Sequence[str]
    title: str = ""
    value_label: str = ""
    spread: Spread = "even"
    edges: Sequence[int | None] = ()

    def array(self) -> NDArray:
        """The values as floats. Raises ValueError where the names are more or fewer."""
        values = np.asarray(self.values, float)
        if values.shape != (len(self.rows), len(self.columns)):
            raise ValueError(f"values have the shape {values.shape}; {len(self.rows)} rows and {len(self.columns)} columns are named")
        return values


@dataclass(frozen=True)
class TilesPicture:
    """A drawn table, and where its cells are: `rows` and `columns` are those shown, from (left, top) on, each `cell` wide, `tall` high."""

    runs: list[Runs]
    left: int = 0
    top: int = 0
    cell: int = 1
    tall: int = 1
    rows: range = range(0)
    columns: range = range(0)

    @property
    def lines(self) -> list[str]:
        """For a terminal, with SGR sequences."""
        return [ansi(runs) for runs in self.runs]

    @property
    def texts(self) -> list[Text]:
        """For Rich and Textual."""
        return [rich_text(runs) for runs in self.runs]

    def at(self, column: int, row: int) -> tuple[int, int] | None:
        """Row and column of the table that a cell of the terminal shows; None beside the table."""
        across, down = (column - self.left) // self.cell, (row - self.top) // self.tall
        inside = 0 <= down < len(self.rows) and 0 <= across < len(self.columns)
        return (self.rows[down], self.columns[across]) if inside else None

    def lines_of(self, row: int) -> range:
        """The lines of the picture that a row of the table is drawn on."""
        first = self.top + (row - self.rows.start) * self.tall
        return range(first, first + self.tall)

    def line_of(self, row: int) -> int:
        """The one of these with its name and its values."""
        return self.lines_of(row)[(self.tall - 1) // 2]


def draw(
    tiles: Tiles,
    *,
    width: int,
    height: int,
    cell: int = 7,
    tall: int = 1,
    first: int = 0,
    first_row: int = 0,
    cursor: tuple[int, int] | None = None,
    depth: Depth = "256",
    ascii: bool = False,  # noqa: A002
    value_range: tuple[float, float] | None = None,
) -> TilesPicture:
    """The table from the column `first` and the row `first_row` on, as much as fits: exactly `height` lines of exactly `width` cells.

    Every cell is `cell` columns wide and `tall` lines high, and has the colour of its value, and the value where there are five columns;
    without 256 colours a shade. The one under the cursor is in brackets, one without a value has a dot. Colours are those of the whole
    table, or over value_range, so that they stay while it is scrolled. In little space the ramp goes first, then the title, then the
    columns' names.
    """
    if width < 1 or height < 1:
        return TilesPicture([])
    values, brush, sheet = tiles.array(), Brush(depth, ascii), Sheet(width, height)
    scale = fit_scale(values, tiles.spread, value_range)
    left, n_columns = _fit(tiles, width, cell, ascii)
    title, top = int(bool(tiles.title) and height >= _TITLE), int(height >= _NAMES and cell >= _NAME)
    has_ramp = height >= _RAMP
    columns = range(min(max(first, 0), values.shape[1]), min(max(first, 0) + n_columns, values.shape[1]))
    tall = max(min(tall, height - title - top - has_ramp), 1)
    n_rows = (height - title - top - has_ramp) // tall
    rows = range(min(max(first_row, 0), values.shape[0]), min(max(first_row, 0) + n_rows, values.shape[0]))
    picture = TilesPicture([], left, title + top, max(min(cell, width), 1), tall, rows, columns)
    _draw_names(sheet, tiles, picture, bool(title), bool(top), ascii)
    for row in rows:
        for column in columns:
            _draw_cell(sheet, picture, scale, brush, (row, column), float(values[row, column]), cursor == (row, column))
    _draw_edges(sheet, tiles, picture, scale, brush)
    if has_ramp:
        _draw_ramp(sheet, tiles, picture, scale, brush, height - 1)
    return replace(picture, runs=sheet.runs(depth != "none"))


def shown(tiles: Tiles, width: int, cell: int = 7, ascii: bool = False) -> int:  # noqa: A002
    """How many columns of the table a picture shows: what a caller needs to keep the cursor in the window."""
    return _fit(tiles, width, cell, ascii)[1]


def _fit(tiles: Tiles, width: int, cell: int, ascii: bool) -> tuple[int, int]:  # noqa: A002
    """Columns for the names of the rows, and how many columns of the table fit beside them; at least one does."""
    longest = max((cells(safe(name, ascii=ascii)) for name in tiles.rows), default=0)
    left = min(longest + 1, max((width - cell) // 2, 0))
    left = left if left >= min(longest + 1, 3) else 0
    return left, max((width - left) // max(cell, 1), 1)


def _draw_names(sheet: Sheet, tiles: Tiles, picture: TilesPicture, has_title: bool, has_names: bool, ascii: bool) -> None:  # noqa: A002
    if has_title:
        sheet.write(0, 0, safe(tiles.title, sheet.width, ascii=ascii), "1")
    for row in picture.rows:
        sheet.write(0, picture.line_of(row), safe(tiles.rows[row], picture.left - 1, ascii=ascii))
    for offset, column in enumerate(picture.columns if has_names else ()):
        name = safe(tiles.columns[column], max(picture.cell - 1, 1), ascii=ascii)
        start = picture.left + offset * picture.cell
        sheet.write(start + (picture.cell - cells(name)) // 2, picture.top - 1, name, QUIET)


def _draw_cell(
    sheet: Sheet, picture: TilesPicture, scale: Scale, brush: Brush, place: tuple[int, int], value: float, has_cursor: bool
) -> None:
    number = int(steps(scale.fraction(np.float64(value))))
    words = _number(value, picture.cell, brush.ascii)
    shade = "" if brush.colored or number < 0 else _shade(scale, value, brush.ascii)
    style = brush.ink(number, has_cursor) if number >= 0 or has_cursor else QUIET
    start = picture.left + (place[1] - picture.columns.start) * picture.cell
    for line in picture.lines_of(place[0]):
        told = words if line == picture.line_of(place[0]) else ""
        text = f"{shade}{told:^{picture.cell - len(shade)}}" if words or not shade else shade * picture.cell
        if has_cursor:
            text = f"[{text[1:-1]}]" if picture.cell > 1 else "X"
        sheet.write(start, line, text, style)


def _draw_edges(sheet: Sheet, tiles: Tiles, picture: TilesPicture, scale: Scale, brush: Brush) -> None:
    """The line in the first column of the cells that it passes before; behind the last cell where there is room."""
    values, line = tiles.array(), "|" if brush.ascii else "┃"
    for row, edge in enumerate(tiles.edges):
        column = picture.left + ((edge or 0) - picture.columns.start) * picture.cell
        if edge is None or row not in picture.rows or not picture.left <= column < sheet.width or edge > picture.columns.stop:
            continue
        value = values[row, edge] if edge < values.shape[1] else math.nan
        number = int(steps(scale.fraction(np.float64(value))))
        for down in picture.lines_of(row):
            sheet.put(column, down, line, brush.ink(number, True) if number >= 0 else "1")


def _number(value: float, cell: int, ascii: bool) -> str:  # noqa: A002
    """A value in three digits or fewer, with a column free at both sides; nothing where that is too long."""
    if math.isnan(value):
        return "." if ascii else "·"
    forms = (safe(form, ascii=ascii) for form in (short(value), decimal(value, 2), decimal(value, 1)))
    return next((form for form in forms if cell >= _NUMBER and cells(form) <= cell - 2), "")


def _shade(scale: Scale, value: float, ascii: bool) -> str:  # noqa: A002
    shades = ASCII_SHADES if ascii else SHADES
    return shades[round(float(scale.fraction(np.float64(value))) * (len(shades) - 1))]


def _draw_ramp(sheet: Sheet, tiles: Tiles, picture: TilesPicture, scale: Scale, brush: Brush, row: int) -> None:
    """The lowest value, the ramp, the highest value, what they are, and which columns are in the window."""
    n_columns, ascii = len(tiles.columns), brush.ascii  # noqa: A001
    window = "" if len(picture.columns) == n_columns else f"{picture.columns.start + 1}-{picture.columns.stop} of {n_columns}"
    if window and cells(window) <= sheet.width:
        sheet.write(sheet.width - cells(window), row, window, QUIET)
    space = sheet.width - (cells(window) + 2 if window else 0)
    low, high = (safe(short(end), ascii=ascii) for end in (scale.low, scale.high))
    needed = cells(low) + cells(high) + _RAMP_COLUMNS + 2
    if needed > space or not np.isfinite(tiles.array()).any():
        return
    column = sheet.write(0, row, low) + 1
    for offset, share in enumerate(np.linspace(0, 1, _RAMP_COLUMNS)):
        if brush.colored:
            sheet.put(column + offset, row, " ", paint(brush.depth).background[int(steps(share))])
        else:
            sheet.put(column + offset, row, _shade(scale, float(scale.value(share)), ascii))
    end = sheet.write(column + _RAMP_COLUMNS + 1, row, high)
    sheet.write(end + 2, row, safe(tiles.value_label, max(space - end - 2, 0), ascii=ascii), QUIET)
