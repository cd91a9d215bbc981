"""The map of a text's states: layers × positions as a table of colours, with a cursor that the arrow keys move."""

from typing import Any

import numpy as np

from memlab.render import tiles
from memlab.tui.widgets.tilemap import TileMap

# What the map can show: its key in the answer, its words, and whether it is counted in units of each layer's scale.
QUANTITIES = {
    "squared_distances": ("nearest d²", True),
    "energies": ("energy", True),
    "effective_patterns": ("patterns in play", False),
}


class StateMap(TileMap):
    """One row a layer, the last at the top; the cursor is on one state."""

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self.map: dict[str, Any] | None = None
        self.tokens: list[str] = []
        self.at_layer, self.at_position = "", 0
        self.quantity = next(iter(QUANTITIES))

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

    def go_to(self, row: int, column: int) -> None:
        if self.map:
            names = self._from_top
            wanted = names[min(max(row, 0), len(names) - 1)], min(max(column, 0), len(self.tokens) - 1)
            if wanted != (self.at_layer, self.at_position):
                self.put(*wanted)
                self.post_message(self.Moved())

    @property
    def cursor(self) -> tuple[int, int]:
        return self._from_top.index(self.at_layer) if self.map else 0, self.at_position

    @property
    def _from_top(self) -> list[str]:
        """From the top."""
        return self.map["layers"][::-1]

    def tiles(self) -> tiles.Tiles | None:
        if self.map is None:
            return None
        words, is_scaled = QUANTITIES[self.quantity]
        values = np.array(self.map[self.quantity], float)[::-1]
        if is_scaled:
            scales = np.array(self.map["scales"], float)[::-1, None]
            values = np.divide(values, scales, out=np.full_like(values, np.nan), where=scales > 0)
            words = f"{words} / layer's scale"
        columns = [token.strip() or token for token in self.tokens]
        return tiles.Tiles(values, self._from_top, columns, value_label=words, spread="root")
