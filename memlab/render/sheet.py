"""A canvas whose cells have grounds, every line to its full width, and its ways out: for a terminal, and for the app."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from rich.style import Style
from rich.text import Span, Text

from memlab.render.canvas import Canvas

# Pieces of a line with their styles, the insides of SGR sequences.
Runs = list[tuple[str, str]]


class Sheet(Canvas):
    """As a Canvas, for styles with a background (`48;5;32`), which blanks keep."""

    def fill(self, column: int, row: int, characters: Sequence[str], styles: Sequence[str]) -> None:
        """Cells side by side, of one column each and all inside; the fast way for many."""
        end = column + len(characters)
        self._characters[row][column:end] = characters
        self._styles[row][column:end] = styles

    def runs(self, color: bool) -> list[Runs]:
        """The rows from the top, each exactly as wide as the sheet."""
        if not color:
            return [[("".join(characters), "")] for characters in self._characters]
        return [_runs(characters, styles) for characters, styles in zip(self._characters, self._styles, strict=True)]


def ansi(runs: Runs) -> str:
    """A line with SGR sequences, reset at its end."""
    parts, is_plain = [], True
    for text, style in runs:
        parts.append(f"{_start(style, is_plain)}{text}")
        is_plain = not style
    return "".join(parts) + ("" if is_plain else "\x1b[0m")


def rich_text(runs: Runs) -> Text:
    """A line for Rich and Textual; much faster than reading the sequences again."""
    spans, start = [], 0
    for text, style in runs:
        end = start + len(text)
        if style:
            spans.append(Span(start, end, _rich_style(style)))
        start = end
    return Text("".join(text for text, _ in runs), spans=spans, no_wrap=True, end="")


def _runs(characters: list[str], styles: list[str]) -> Runs:
    found, start = [], 0
    for style, group in groupby(styles):
        end = start + sum(1 for _ in group)
        found.append(("".join(characters[start:end]), style))
        start = end
    return found


def _start(style: str, is_plain: bool) -> str:
    return (f"\x1b[{style}m" if is_plain else f"\x1b[0;{style}m") if style else ("" if is_plain else "\x1b[0m")


@lru_cache(1 << 14)
def _rich_style(style: str) -> Style:
    return Text.from_ansi(f"\x1b[{style}m.").spans[0].style
