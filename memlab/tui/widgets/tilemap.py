"""A table of colours with a cursor that the arrow keys move, in a window that follows it."""

import os
from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.message import Message

from memlab.render import tiles
from memlab.render.palette import depth_of
from memlab.render.tiles import Tiles
from memlab.tui.widgets.lines import Lines

CELL = 7


class TileMap(Lines, can_focus=True):
    """What the table and the cursor are is the business of those who derive from it: `tiles`, `cursor` and `go_to`."""

    BINDINGS: ClassVar = [
        Binding("left", "move(0, -1)", show=False),
        Binding("right", "move(0, 1)", show=False),
        Binding("up,k", "move(-1, 0)", show=False),
        Binding("down,j", "move(1, 0)", show=False),
        Binding("pageup", "move(0, -10)", show=False),
        Binding("pagedown", "move(0, 10)", show=False),
        Binding("home,g", "move(0, -1000000)", show=False),
        Binding("end,G", "move(0, 1000000)", show=False),
    ]

    class Moved(Message):
        """The cursor is on another cell."""

    def __init__(self, cell: int = CELL, **options: str) -> None:
        """`cell`: columns of each cell."""
        super().__init__(**options)
        self._cell = cell
        self._first = self._first_row = 0
        self._picture = tiles.TilesPicture([])

    def tiles(self) -> Tiles | None:
        """The table, None where there is nothing yet."""
        return None

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the table."""
        return 0, 0

    def cell_size(self, table: Tiles, width: int, height: int) -> tuple[int, int]:
        """Columns and lines of each cell, on so many."""
        return self._cell, 1

    def go_to(self, row: int, column: int) -> None:
        """Put the cursor on a cell, or on the nearest there is; Moved where it was on another."""

    def draw(self) -> None:
        """Show the table in the colours of the terminal, scrolled so that the cursor is in it."""
        (width, height), table, cursor = self.size, self.tiles(), self.cursor
        if table is None or width < 1 or height < 1:
            self.show([])
            return
        lab = self.app
        cell, tall = self.cell_size(table, width, height)
        n_columns = tiles.shown(table, width, cell, lab.ascii)
        self._first = min(max(self._first, cursor[1] - n_columns + 1), cursor[1], max(len(table.columns) - n_columns, 0))
        wish = {"cell": cell, "tall": tall, "cursor": cursor, "depth": depth_of(lab.color, os.environ), "ascii": lab.ascii}
        for _ in range(2):  # the second time where the cursor was above or below what was shown
            self._picture = tiles.draw(table, width=width, height=height, first=self._first, first_row=self._first_row, **wish)
            rows = self._picture.rows
            if not rows or cursor[0] in rows:
                break
            self._first_row = cursor[0] if cursor[0] < rows.start else cursor[0] - len(rows) + 1
        self.show(self._picture.texts)

    def on_resize(self) -> None:
        super().on_resize()
        self.draw()

    def on_click(self, event: events.Click) -> None:
        place = self._picture.at(event.x - self.gutter.left, event.y - self.gutter.top)
        if place:
            self.go_to(*place)

    def action_move(self, down: int, right: int) -> None:
        """So many rows down, so many columns on."""
        row, column = self.cursor
        self.go_to(row + down, column + right)
