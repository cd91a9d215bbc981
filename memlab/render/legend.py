"""The lines above a plot that name what is in it: packed into the width, shortened before anything is left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from memlab.render.canvas import Canvas
from memlab.render.safe import safe, width

# Sample, its style, text: one after the other.
Row = list[tuple[str, str, str]]

# To how many cells a name is cut, one after the other, until everything fits.
_LIMITS = (None, 28, 20, 14, 10, 7, 5, 3)


@dataclass(frozen=True)
class Entry:
    """One thing in the plot: how it looks, what it is called (shortened when space is short) and what is always said after the name."""

    sample: str
    style: str
    name: str
    tail: str = ""

    def text(self, limit: int | None, ascii: bool) -> str:  # noqa: A002
        """`name tail` with the name cut to limit cells."""
        return " ".join(part for part in (safe(self.name, limit, ascii=ascii), safe(self.tail, ascii=ascii)) if part)


def legend(entries: Sequence[Entry], extras: Sequence[Entry], columns: int, max_lines: int, ascii: bool) -> list[Row]:  # noqa: A002
    """Rows that fit. Names are cut down to ten cells before an extra is left out from the end, and down to three before an entry is.

    An ellipsis stands for what is left out."""
    everything = [*entries, *extras]
    for kept in range(len(everything), 0, -1):
        for limit in _LIMITS if kept <= len(entries) else _LIMITS[:5]:
            rows = _packed(everything[:kept], limit, columns, ascii, complete=kept == len(everything))
            if len(rows) <= max_lines and all(_length(row, columns) <= columns for row in rows):
                return rows
    return []


def draw_legend(canvas: Canvas, row: int, rows: Sequence[Row]) -> None:
    """The rows of a legend onto the canvas, from one row on."""
    for offset, items in enumerate(rows):
        column = 0
        for sample, style, text in items:
            column = canvas.write(column, row + offset, sample, style)
            column = canvas.write(column + bool(sample), row + offset, text) + _gap(canvas.width)


def _packed(entries: Sequence[Entry], limit: int | None, columns: int, ascii: bool, complete: bool) -> list[Row]:  # noqa: A002
    items = [(entry.sample, entry.style, entry.text(limit, ascii)) for entry in entries]
    rows: list[Row] = []
    for item in items if complete else [*items, ("", "", "~" if ascii else "…")]:
        if rows and _length([*rows[-1], item], columns) <= columns:
            rows[-1].append(item)
        else:
            rows.append([item])
    return rows


def _length(row: Row, columns: int) -> int:
    return sum(width(sample) + bool(sample) + width(text) for sample, _, text in row) + _gap(columns) * (len(row) - 1)


def _gap(columns: int) -> int:
    return 3 if columns >= 60 else 2
