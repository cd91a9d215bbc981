"""A passage as a strip of tokens, each with the sign of its class below it, and a cursor that moves from token to token."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.message import Message

from memlab.render import strip
from memlab.render.scale import percent
from memlab.render.sheet import ansi
from memlab.tui.widgets.curves import lines_of
from memlab.tui.widgets.lines import Lines


class TokenStrip(Lines, can_focus=True):
    """Scrolls so that the cursor is in it."""

    BINDINGS: ClassVar = [
        Binding("up,k", "line(-1)", show=False),
        Binding("down,j", "line(1)", show=False),
        Binding("pageup", "line(-4)", show=False),
        Binding("pagedown", "line(4)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
    ]

    class Moved(Message):
        """The cursor is on another token."""

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self.tokens: Sequence[tuple[str, str]] = ()
        self.cursor = 0
        self._first = 0  # line of text, of those that the strip has, at the top
        self._drawn = strip.Strip([], [])

    def show_tokens(self, tokens: Sequence[tuple[str, str]], cursor: int) -> None:
        """Texts and names of classes, and the token that the cursor is on; nobody is told."""
        self.tokens, self.cursor = tokens, cursor
        self.draw()

    def draw(self) -> None:
        """Show them in the colours of the theme of now."""
        width, height = self.size
        if not self.tokens or width < 1 or height < 1:
            self.show([])
            return
        lab = self.app
        self._drawn = strip.draw(self.tokens, width, cursor=self.cursor, ascii=lab.ascii)
        rows, n_lines = max(1, height // 2), len(self._drawn.runs) // 2
        at = self._drawn.spots[self.cursor][0].line
        self._first = max(0, min(max(self._first, at - rows + 1), at, n_lines - rows))
        shown = self._drawn.runs[2 * self._first : 2 * self._first + height]
        self.show(lines_of(lab, "\n".join(map(ansi, shown))))

    def on_resize(self) -> None:
        super().on_resize()
        self.draw()

    def move_to(self, place: int) -> None:
        """Put the cursor on this token, or on the nearest there is."""
        place = max(0, min(place, len(self.tokens) - 1))
        if self.tokens and place != self.cursor:
            self.cursor = place
            self.draw()
            self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        self.move_to(self.cursor + by)

    def action_line(self, by: int) -> None:
        """To the token above or below."""
        if self.tokens:
            here = self._drawn.spots[self.cursor][0]
            self._point(max(0, min(here.line + by, len(self._drawn.runs) // 2 - 1)), here.start)

    def on_click(self, event: events.Click) -> None:
        if self.tokens:
            self._point(self._first + (event.y - self.gutter.top) // 2, event.x - self.gutter.left)

    def _point(self, line: int, column: int) -> None:
        """Put the cursor on the token there, or on the last one before."""
        there = [
            place for place, spots in enumerate(self._drawn.spots) for spot in spots if spot.line == line and spot.start <= max(column, 0)
        ]
        if there:
            self.move_to(there[-1])


def legend(lab: Any, found: Mapping[str, Any], room: int) -> Text:
    """Each class with its sign in its colour, and the share of the passage that it has where there is room."""
    shares = {one["name"]: percent(one["share"]) for one in found["classes"]}
    for with_shares, gap in ((True, "   "), (True, "  "), (False, "  "), (False, " ")):
        items = [
            f"\x1b[{kind.style}m{strip.sign_of(name, lab.ascii)} {name}\x1b[0m{f' {shares[name]}' * with_shares}"
            for name, kind in strip.KINDS.items()
        ]
        line = lines_of(lab, gap.join(items))[0]
        if line.cell_len <= room:
            break
    return line
