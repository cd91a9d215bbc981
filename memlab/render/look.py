"""How the parts of a plot look: signs for Unicode and for 7-bit terminals, and colours that every kind of colour vision tells apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from memlab.render.safe import safe, width
from memlab.render.series import Series

# Blue and orange first, then the other hues of Okabe and Ito 2008, at a lightness that shows on black and on white (256-colour numbers).
PALETTE = (32, 172, 35, 169, 74, 136, 167)

QUIET = "38;5;245"
EVENT = "38;5;169"
ALARM = "1;38;5;167"


@dataclass(frozen=True)
class Signs:
    """One set of characters. floor holds four heights within a cell, from the top."""

    vertical: str
    horizontal: str
    corner: str
    y_tick: str
    x_tick: str
    floor: str
    guide: str
    above: str
    below: str
    not_a_number: str
    infinite: str
    lines: str
    dense_marks: str
    sparse_marks: str
    events: dict[str, str]
    other_events: str


UNICODE = Signs(
    *"│─└┤┬",
    floor="⎺⎻⎼⎽",
    guide="┊",
    above="↑",
    below="↓",
    not_a_number="✕",
    infinite="∞",
    lines="",  # drawn in dots of a quarter of a cell
    dense_marks=" ○□△◇▽",
    sparse_marks="●■▲◆▼",
    events={"best": "★", "resumed": "↻", "checkpoint": "◇", "cursor": "┃"},
    other_events="▲◆■●abcdefgh",
)
ASCII = Signs(
    *"|-+++",
    floor="--__",
    guide="'",
    above="^",
    below="v",
    not_a_number="x",
    infinite="8",
    lines=".:~,;",
    dense_marks=" O%&$Z",
    sparse_marks="o#@*=",
    events={"best": "*", "resumed": ">", "checkpoint": "c", "cursor": "!"},
    other_events="ABCDEFGHIJKL",
)

# Which cells of a floor are drawn, over and over: each floor has its own rhythm.
DASHES = ("##-", "#-", "###-", "#--")


@dataclass(frozen=True)
class Look:
    """A series on the plot: its colour, its mark (a blank for none) and the character of its line (empty for dots)."""

    style: str
    mark: str
    line: str

    @property
    def sample(self) -> str:
        """A piece of it for the legend."""
        line = self.line or "⠒"
        return line * 2 if self.mark == " " else line + self.mark + line


def looks(series: Sequence[Series], signs: Signs) -> list[Look]:
    """A look for each series: the first curve of training blue and bare, the first of validation orange with marks, no two alike."""
    chosen: list[Look] = []
    seen = {"train": 0, "validation": 0}
    next_color = count(2)
    for index, one in enumerate(series):
        marks = signs.sparse_marks if one.role == "validation" else signs.dense_marks
        color = one.color if one.color is not None else int(one.role == "validation") if seen[one.role] == 0 else next(next_color)
        mark = usable(one.glyph, signs) or marks[seen[one.role] % len(marks)]
        line = signs.lines[index % len(signs.lines)] if signs.lines else ""
        chosen.append(Look(f"38;5;{PALETTE[color % len(PALETTE)]}", mark, line))
        seen[one.role] += 1
    return chosen


@dataclass(frozen=True)
class Overlay:
    """How a run that is drawn over another one is told from it: an index into PALETTE, the mark of its validation loss, and that of what
    stands beside it, its training loss: the same shape, hollow."""

    color: int
    glyph: str
    hollow: str


def overlay(number: int, ascii: bool = False) -> Overlay:  # noqa: A002
    """The look of the run with this number: neither colours nor marks of the run that it is drawn over, and no two of 20 alike."""
    signs = ASCII if ascii else UNICODE
    colors, shapes = len(PALETTE) - 2, len(signs.sparse_marks) - 1  # five and four: coprime
    shape = 1 + number % shapes
    return Overlay(2 + number % colors, signs.sparse_marks[shape], signs.dense_marks[1 + shape])  # the first of these is a blank


def usable(glyph: str, signs: Signs) -> str:
    """The glyph if it takes one cell and, on a 7-bit terminal, seven bits; else nothing."""
    fits = len(glyph) == 1 == width(glyph) and safe(glyph) == glyph
    return glyph if fits and (glyph.isascii() or signs is not ASCII) else ""


def dashed(pattern_index: int, column: int) -> bool:
    """Whether a floor has ink in this column."""
    pattern = DASHES[pattern_index % len(DASHES)]
    return pattern[column % len(pattern)] == "#"
