"""A grid of terminal cells to compose a picture on, and its way out as lines with or without colour."""

import math
from dataclasses import dataclass

from rich.cells import cell_len


class Canvas:
    """Cells of one character and one style each; a style is the inside of an SGR sequence (`38;5;32`, `2`), or empty.

    Rows count from the top. Whatever falls outside is not drawn. Text must have gone through `safe`.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._characters = [[" "] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]

    def put(self, column: int, row: int, character: str, style: str = "") -> None:
        """One character into one cell, over what is there; a wide one also takes the cell at its right, or becomes a blank at the edge."""
        if not (0 <= column < self.width and 0 <= row < self.height):
            return
        cells = cell_len(character)
        if cells == 2 and column + 1 == self.width:
            character = " "
        self._characters[row][column], self._styles[row][column] = character, style
        if cells == 2 and column + 1 < self.width:
            self._characters[row][column + 1], self._styles[row][column + 1] = "", style

    def write(self, column: int, row: int, text: str, style: str = "") -> int:
        """A text from one cell on to the right; the column after it."""
        for character in text:
            cells = cell_len(character)
            if cells == 0:
                self._join(column - 1, row, character)
                continue
            self.put(column, row, character, style)
            column += cells
        return column

    def lines(self, color: bool) -> list[str]:
        """The rows from the top without the blanks at their ends; with color, SGR sequences and no others, all reset in their row."""
        rows = zip(self._characters, self._styles, strict=True)
        return [self._line(characters, styles if color else [""] * self.width) for characters, styles in rows]

    def _join(self, column: int, row: int, mark: str) -> None:
        """A combining mark belongs to the cell before it."""
        if 0 < column < self.width and 0 <= row < self.height:
            column -= self._characters[row][column] == ""
            self._characters[row][column] += mark

    @staticmethod
    def _line(characters: list[str], styles: list[str]) -> str:
        length = len(characters)
        while length and characters[length - 1] == " ":
            length -= 1
        parts, current = [], ""
        for character, style in zip(characters[:length], styles, strict=False):
            if style != current and character != " ":
                parts.append(f"\x1b[0;{style}m" if style and current else f"\x1b[{style or 0}m")
                current = style
            parts.append(character)
        return "".join(parts) + ("\x1b[0m" if current else "")


@dataclass(frozen=True)
class Area:
    """The part of a canvas that holds the data, and how finely a cell is divided (2 × 4 dots in braille, else 1 × 1)."""

    left: int
    top: int
    width: int
    height: int
    dots_across: int = 2
    dots_up: int = 4

    def column(self, across: float) -> int:
        """The column of a fraction of the width; the same rounding as the lines have."""
        return self.left + self._dot(across, self.width * self.dots_across) // self.dots_across

    def row(self, up: float) -> tuple[int, int]:
        """The row of a fraction of the height, and which quarter of that row from the top (0 to 3)."""
        dots = self.height * self.dots_up
        from_top = dots - 1 - self._dot(up, dots)
        return self.top + from_top // self.dots_up, from_top % self.dots_up * 4 // self.dots_up

    @staticmethod
    def _dot(fraction: float, dots: int) -> int:
        return math.floor(round(0.5 + (dots - 1) * fraction, 8))
