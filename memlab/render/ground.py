"""The coloured or shaded ground of a heat map, cell by cell, with its contour lines, and how a sign on it stays readable."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from memlab.render.canvas import Area
from memlab.render.look import ASCII, QUIET, UNICODE, Signs
from memlab.render.palette import STEPS, Depth, paint
from memlab.render.sheet import Sheet

# Shades from the lowest band to the highest, where there are no colours to paint with. No sign of a marker or a path is among them.
SHADES, ASCII_SHADES = " .:░▒▓█", " .:=+*#%@"

# The bits of braille's dots, four rows of two.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


@dataclass(frozen=True)
class Brush:
    """What a terminal can show. With 256 colours or more: two coloured halves a cell, and lines in dots of a quarter of its height.

    In 7-bit one colour a cell, and lines in strokes; with fewer colours one shade, a character, for each band between two lines.
    """

    depth: Depth
    ascii: bool

    @property
    def colored(self) -> bool:
        return self.depth in ("true", "256")

    @property
    def halves(self) -> int:
        """How many values a cell shows, one above the other."""
        return 2 if self.colored and not self.ascii else 1

    @property
    def dots(self) -> tuple[int, int]:
        """How finely lines and markers are placed in a cell, across and up."""
        return (2, 4) if self.halves == 2 else (1, 1)

    @property
    def signs(self) -> Signs:
        return ASCII if self.ascii else UNICODE

    def fill(self, sheet: Sheet, area: Area, numbers: NDArray) -> None:
        """Paint the area in colours (`palette.colors`), (height · halves, width) from the top; -1 where there is no value."""
        for row in range(area.height):
            part = numbers[row * self.halves : (row + 1) * self.halves].tolist()
            cells = [_cell(self.depth, self.ascii, top, bottom) for top, bottom in zip(part[0], part[-1], strict=True)]
            sheet.fill(area.left, area.top + row, [cell[0] for cell in cells], [cell[1] for cell in cells])

    def rule(self, sheet: Sheet, area: Area, numbers: NDArray, dots: NDArray) -> None:
        """Contour lines over the colours of the ramp, one for each cell (height, width), in dots (height · up, width · across)."""
        across, up = self.dots
        if self.ascii:
            signs = np.where(dots, ord("."), 0)
        else:
            signs = 0x2800 + (dots.reshape(area.height, up, area.width, across) * _DOTS[:, None]).sum((1, 3))
            signs = np.where(signs == 0x2800, 0, signs)
        colors = paint(self.depth)
        for row, column in np.argwhere((signs > 0) & (numbers >= 0)).tolist():
            number = int(numbers[row, column])
            style = f"{colors.foreground[number + STEPS]};{colors.background[number]}"
            sheet.fill(area.left + column, area.top + row, [chr(signs[row, column])], [style])

    def shade(self, sheet: Sheet, area: Area, bands: NDArray, n_bands: int) -> None:
        """Shade the area by bands (height, width) from the top, 0 the lowest; -1 where there is no value."""
        shades = ASCII_SHADES if self.ascii else SHADES
        picked = np.rint(np.linspace(0, len(shades) - 1, max(n_bands, 2))).astype(int).tolist()
        signs = [*(shades[number] for number in picked), self.signs.not_a_number]
        for row, line in enumerate(bands.tolist()):
            sheet.fill(area.left, area.top + row, [signs[band] for band in line], [""] * area.width)

    def ink(self, ground: int, front: bool = False, like: int = -1) -> str:
        """The style of a sign on a colour; what is in front has the colours of sign and ground exchanged.

        like is the colour that black or white is chosen for, where a word is to have one of them on changing ground.
        """
        if not self.colored or ground < 0:
            return "" if self.depth == "none" else "1;7" if front else "1"
        colors = paint(self.depth)
        ink, below = colors.ink[like if like >= 0 else ground], colors.background[ground]
        return f"1;3{below[1:]};4{ink[1:]}" if front else f"1;{ink};{below}"


@lru_cache(1 << 14)
def _cell(depth: Depth, ascii: bool, top: int, bottom: int) -> tuple[str, str]:  # noqa: A002
    """The character and the style of a cell with these two colours."""
    colors = paint(depth)
    if top == bottom:
        return ((ASCII if ascii else UNICODE).not_a_number, QUIET) if top < 0 else (" ", colors.background[top])
    if bottom < 0:
        return "▀", colors.foreground[top]
    if top < 0:
        return "▄", colors.foreground[bottom]
    return "▀", f"{colors.foreground[top]};{colors.background[bottom]}"
