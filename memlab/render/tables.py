"""Listings for a terminal: tables that fit the width, aligned names and values, and sparklines."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.scale import count, decimal

GAP = 2

_ASCII_RULE = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-=*#"


@dataclass(frozen=True)
class Column:
    """One column of a table: the key of its cells, the word above it, and what may happen to it in little space.

    right aligns it at the right; by default columns of numbers are. The column with the smallest importance is left out first, of equals
    the rightmost. A column with a shortest width may be cut down to that many cells before any column is left out. style is Rich's.
    """

    key: str
    title: str = ""
    right: bool | None = None
    importance: int = 0
    shortest: int | None = None
    style: str = ""


def table(
    rows: Sequence[dict],
    columns: Sequence[Column | str],
    width: int,
    *,
    color: bool = True,
    ascii: bool = False,  # noqa: A002
    header: bool = True,
) -> str:
    """A listing, one line a row and none wider than width: first long cells are cut, then columns are left out and a last line names them.

    Numbers become `count` or `decimal`, other things their text, made safe; a key that a row lacks, or None, is an empty cell.
    """
    if width < 1 or not columns:
        return ""
    columns = [column if isinstance(column, Column) else Column(column) for column in columns]
    texts = [[safe(text_of(row.get(column.key)), ascii=ascii) for row in rows] for column in columns]
    titles = [safe(column.title or column.key, ascii=ascii) for column in columns]
    natural = [max(map(cells, [title if header else "", *column])) for title, column in zip(titles, texts, strict=True)]
    widths = fit(columns, natural, width)
    grid = Table(
        box=(_ASCII_RULE if ascii else box.SIMPLE_HEAD) if header else None,
        show_header=header,
        show_edge=False,
        pad_edge=False,
        border_style="dim",
        padding=(0, GAP - header, 0, 0),  # the rule brings one cell between columns itself
    )
    for index, size in widths.items():
        title = Text(safe(titles[index], size, ascii=ascii))
        justify = "right" if is_right(columns[index], rows) else "left"
        grid.add_column(title, width=size, justify=justify, style=columns[index].style, header_style="bold", no_wrap=True)
    for row in range(len(rows)):
        grid.add_row(*(Text(safe(texts[index][row], size, ascii=ascii)) for index, size in widths.items()))
    absent = [title for index, title in enumerate(titles) if index not in widths]
    note = safe(f"not shown: {', '.join(absent)}", width, ascii=ascii)
    return "\n".join([*_lines(grid, width, color), *([note] if absent else [])])


def side_by_side(titles: Sequence[str], rows: Mapping[str, Sequence[str]], width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """A line a name, a column for each of the titles: in little space the first columns stay."""
    columns = [Column("name", " ", importance=99, shortest=10)]
    columns += [Column(f"column {number}", title, importance=-number, shortest=8) for number, title in enumerate(titles)]
    cells_of = [{"name": name, **{f"column {number}": value for number, value in enumerate(values)}} for name, values in rows.items()]
    return table(cells_of, columns, width, color=color, ascii=ascii)


def keyvalues(pairs: Iterable[tuple[str, object]], width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """Aligned `name  value` lines; a long value goes on below itself, so none of it is lost; a long name is cut at half the width."""
    shown = [(safe(name, max(width // 2, 1), ascii=ascii), safe(text_of(value), ascii=ascii)) for name, value in pairs]
    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_column(style="dim", no_wrap=True, width=max((cells(name) for name, _ in shown), default=0))
    grid.add_column(overflow="fold")
    for name, value in shown:
        grid.add_row(Text(name), Text(value))
    return "\n".join(_lines(grid, max(width, 1), color)) if shown else ""


def sparkline(values: ArrayLike, width: int, ascii: bool = False) -> str:  # noqa: A002
    """The course of a series in one line of bars from its smallest to its largest mean, at most width cells; × where nothing is finite."""
    bars = _ASCII_BARS if ascii else _BARS
    values = np.atleast_1d(np.asarray(values, float))
    if values.size == 0 or width < 1:
        return ""
    values = np.clip(np.where(np.isfinite(values), values, np.nan), -1e290, 1e290)
    parts = [part[~np.isnan(part)] for part in np.array_split(values, min(width, values.size))]
    means = np.array([part.mean() if part.size else np.nan for part in parts])
    if np.isnan(means).all():
        return ("x" if ascii else "×") * means.size
    low, span = np.nanmin(means), np.nanmax(means) - np.nanmin(means)
    heights = (means - low) / span if span > 0 else np.where(np.isnan(means), np.nan, 0.5)
    return "".join(("x" if ascii else "×") if np.isnan(height) else bars[round(height * (len(bars) - 1))] for height in heights)


def fit(columns: Sequence[Column], natural: Sequence[int], width: int) -> dict[int, int]:
    """The index and the width of each column that stays, of columns that would like to be `natural` cells wide."""
    widths = dict(enumerate(natural))
    while True:
        excess = sum(widths.values()) + GAP * (len(widths) - 1) - width
        shortest = {index: min(size, columns[index].shortest or size) for index, size in widths.items()}
        if excess <= sum(widths.values()) - sum(shortest.values()):
            break
        if len(widths) == 1:
            return dict.fromkeys(widths, width)
        del widths[min(widths, key=lambda index: (columns[index].importance, -index))]
    for _ in range(excess):
        widths[max(widths, key=lambda index: (widths[index] - shortest[index], index))] -= 1
    return widths


def is_right(column: Column, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a column is aligned at the right."""
    if column.right is not None:
        return column.right
    values = [value for row in rows if (value := row.get(column.key)) is not None]
    return bool(values) and all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values)


def text_of(value: object) -> str:
    """A cell in words: numbers as `count` or `decimal`, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return decimal(float(value))
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return count(int(value))
    return str(value)


def _lines(renderable: RenderableType, width: int, color: bool) -> list[str]:
    """What Rich makes of it, whatever the environment says about terminals and colours."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        height=100,
        force_terminal=color,
        color_system="256" if color else None,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
    )
    console.print(renderable)
    return [line.rstrip() for line in out.getvalue().splitlines()]
