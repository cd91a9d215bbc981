"""The map of a text's states: layers × positions as a table of colours, with a cursor that the arrow keys move."""

import os
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from textual import events
from textual.binding import Binding
from textual.message import Message

from memlab.render import tiles
from memlab.render.palette import depth_of
from memlab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    pass

# What the map can show: its key in the answer, its words, and whether it is counted in units of each layer's scale.
QUANTITIES = {
    "squared_distances": ("nearest d²", True),
    "energies": ("energy", True),
    "effective_patterns": ("patterns in play", False),
}
_CELL = 7


class StateMap(Lines, can_focus=True):
    """One row a layer, the last at the top; the cursor is on one state."""

    BINDINGS: ClassVar = [
        Binding("left", "move(0, -1)", show=False),
        Binding("right", "move(0, 1)", show=False),
        Binding("up,k", "move(1, 0)", show=False),
        Binding("down,j", "move(-1, 0)", show=False),
        Binding("pageup", "move(0, -10)", show=False),
        Binding("pagedown", "move(0, 10)", show=False),
        Binding("home,g", "move(0, -1000000)", show=False),
        Binding("end,G", "move(0, 1000000)", show=False),
    ]

    class Moved(Message):
        """The cursor is on another state."""

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self.map: dict[str, Any] | None = None
        self.tokens: list[str] = []
        self.at_layer, self.at_position = "", 0
        self.quantity = next(iter(QUANTITIES))
        self._first = self._first_row = 0
        self._picture = tiles.TilesPicture([])

    def show_map(self, found: dict[str, Any], tokens: list[str]) -> None:
        """Another text, or another way of asking: the cursor stays where it is as far as that is there."""
        self.map, self.tokens = found, tokens
        self.put(self.at_layer, self.at_position)

    def put(self, layer: str, position: int) -> None:
        """Put the cursor there, or on the nearest there is; nobody is told."""
        self.at_layer, self.at_position = layer, position
        if self.map:
            self.at_layer = layer if layer in self.map["layers"] else self.map["layers"][-1]
            self.at_position = min(max(position, 0), len(self.tokens) - 1)
        self.draw()

    def draw(self) -> None:
        """Show the map in the colours of the terminal, scrolled so that the cursor is in it."""
        width, height = self.size
        if self.map is None or width < 1 or height < 1:
            self.show([])
            return
        lab, table, cursor = self.app, self._tiles(), self._cursor
        n_columns = tiles.shown(table, width, _CELL, lab.ascii)
        self._first = min(max(self._first, cursor[1] - n_columns + 1), cursor[1], max(len(self.tokens) - n_columns, 0))
        wish = {"cell": _CELL, "cursor": cursor, "depth": depth_of(lab.color, os.environ), "ascii": lab.ascii}
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
        if self.map and place:
            self._go(self._from_top[place[0]], place[1])

    def action_move(self, up: int, right: int) -> None:
        """So many layers up, so many positions on."""
        if self.map:
            names = self.map["layers"]
            row = min(max(names.index(self.at_layer) + up, 0), len(names) - 1)
            self._go(names[row], min(max(self.at_position + right, 0), len(self.tokens) - 1))

    def _go(self, layer: str, position: int) -> None:
        if (layer, position) != (self.at_layer, self.at_position):
            self.put(layer, position)
            self.post_message(self.Moved())

    @property
    def _from_top(self) -> list[str]:
        """From the top."""
        return self.map["layers"][::-1]

    @property
    def _cursor(self) -> tuple[int, int]:
        return self._from_top.index(self.at_layer), self.at_position

    def _tiles(self) -> tiles.Tiles:
        words, is_scaled = QUANTITIES[self.quantity]
        values = np.array(self.map[self.quantity], float)[::-1]
        if is_scaled:
            scales = np.array(self.map["scales"], float)[::-1, None]
            values = np.divide(values, scales, out=np.full_like(values, np.nan), where=scales > 0)
            words = f"{words} / layer's scale"
        columns = [token.strip() or token for token in self.tokens]
        return tiles.Tiles(values, self._from_top, columns, value_label=words, spread="root")
