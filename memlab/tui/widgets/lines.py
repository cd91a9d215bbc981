"""Rows of text, of which only those that have changed are drawn again."""

from collections.abc import Sequence

from rich.text import Text
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget


class Lines(Widget):
    """As many lines as there is room for, none of them wrapped."""

    class Resized(Message):
        """There is more room now, or less. Comes from this widget."""

        def __init__(self, widget: "Lines") -> None:
            super().__init__()
            self.widget = widget

        @property
        def control(self) -> "Lines":
            return self.widget

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self.lines: list[Text] = []
        self._strips: list[Strip] = []

    def show(self, lines: Sequence[Text]) -> None:
        """Show these lines from the top."""
        old, old_strips = self.lines, self._strips
        self.lines = list(lines)
        same = [index < len(old) and old[index] == line for index, line in enumerate(self.lines)]
        self._strips = [old_strips[index] if same[index] else self._strip(line) for index, line in enumerate(self.lines)]
        changed = [index for index, kept in enumerate(same) if not kept] + list(range(len(self.lines), len(old)))
        if changed:
            self.refresh(*(Region(0, index, self.size.width, 1) for index in changed))

    def on_resize(self) -> None:
        self.post_message(self.Resized(self))

    def render_line(self, y: int) -> Strip:
        strip = self._strips[y] if y < len(self._strips) else Strip([])
        return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def _strip(self, line: Text) -> Strip:
        return Strip(segment for segment in line.render(self.app.console) if segment.text).simplify()
