"""A table with a cursor: columns that fit the width, rows that keep their place by their key, and only changed rows drawn again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from memlab.render.safe import safe
from memlab.render.tables import GAP, Column, fit

CURSOR = "❯"


@dataclass(frozen=True)
class ListRow:
    """One row: what it is, and its cells by the keys of the columns. Cells have been made safe."""

    key: str
    cells: Mapping[str, Text]


class Listing(ScrollView, can_focus=True):
    """Columns that do not fit are left out, the least important first. The cursor stays on its row when the order changes."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar = {"listing--header", "listing--cursor", "listing--sign"}

    class Moved(Message):
        """The cursor is on another row, or on none."""

    class Opened(Message):
        """A row was clicked twice."""

    class HeaderClicked(Message):
        """A column's title was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, columns: Sequence[Column], **options: str) -> None:
        super().__init__(**options)
        self.columns = list(columns)
        self.rows: list[ListRow] = []
        self.cursor = 0
        self._widths: dict[int, int] = {}
        self._strips: dict[int, Strip] = {}
        self._titles: dict[str, Text] = {}
        self._awaited: str | None = None

    @property
    def current(self) -> str | None:
        """The key of the row under the cursor."""
        return self.rows[self.cursor].key if self.rows else None

    @property
    def shown_columns(self) -> list[str]:
        """The keys of the columns that fit."""
        return [self.columns[index].key for index in self._widths]

    def show(self, rows: Sequence[ListRow], titles: Mapping[str, Text]) -> None:
        """Show these rows, and these titles above them where they differ from the columns' own."""
        before, place, old, old_titles = self.current, self.cursor, self.rows, self._titles
        self.rows, self._titles = list(rows), dict(titles)
        places = {row.key: index for index, row in enumerate(self.rows)}
        key = before
        if self._awaited in places:
            key, self._awaited = self._awaited, None
        self.cursor = places.get(key, min(place, max(len(self.rows) - 1, 0)))
        self.virtual_size = Size(0, len(self.rows) + 1)
        if self._lay_out() or old_titles != self._titles:
            self._draw_all()
        else:
            for index, (one, other) in enumerate(zip_longest(old, self.rows)):
                if one != other or (place != self.cursor and index in (place, self.cursor)):
                    self._draw_row(index)
        self._follow_cursor()
        if not old:
            self.call_after_refresh(self._follow_cursor)  # the scroll bar is only about to appear
        if self.current != before:
            self.post_message(self.Moved())

    def await_row(self, key: str) -> None:
        """Put the cursor on this row when the rows are shown the next time and have it, unless it is moved before."""
        self._awaited = key

    def action_move(self, by: int) -> None:
        """So many rows down, or up."""
        self.move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.move_to(self.cursor + by * max(1, self.size.height - 2))

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, or on the nearest there is."""
        self._awaited = None
        index = max(0, min(index, len(self.rows) - 1))
        if self.rows and index != self.cursor:
            before, self.cursor = self.cursor, index
            self._draw_row(before)
            self._draw_row(index)
            self._follow_cursor()
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        if self._lay_out():
            self._draw_all()
        self._follow_cursor()

    def on_click(self, event: events.Click) -> None:
        row = event.y - self.gutter.top
        if row == 0:
            key = self._column_at(event.x - self.gutter.left)
            if key:
                self.post_message(self.HeaderClicked(key))
        elif 0 <= (index := row - 1 + self.scroll_offset.y) < len(self.rows):
            self.move_to(index)
            if event.chain == 2:
                self.post_message(self.Opened())

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            style = self.get_component_rich_style("listing--header")
            return self._strip({key: self._title(key) for key in self.shown_columns}, " ").adjust_cell_length(width).apply_style(style)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        strip = self._strips.get(index)
        if strip is None:
            sign = Text(self._sign() if index == self.cursor else " ", self.get_component_rich_style("listing--sign", partial=True))
            strip = self._strips[index] = self._strip(self.rows[index].cells, sign)
        style = self.get_component_rich_style("listing--cursor") if index == self.cursor else self.rich_style
        return strip.adjust_cell_length(width).apply_style(style)

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def _strip(self, cells: Mapping[str, Text], sign: Text | str) -> Strip:
        line = Text(no_wrap=True)
        line.append(sign) if isinstance(sign, str) else line.append_text(sign)
        for place, (index, width) in enumerate(self._widths.items()):
            column = self.columns[index]
            cell = _fitted(cells.get(column.key, Text()), width, bool(column.right), self.app.ascii)
            line.append(" " * (GAP if place else 1))
            line.append_text(cell)
        return Strip(segment for segment in line.render(self.app.console) if segment.text)

    def _title(self, key: str) -> Text:
        own = next(column.title for column in self.columns if column.key == key)
        return self._titles.get(key) or Text(safe(own, ascii=self.app.ascii))

    def _sign(self) -> str:
        return ">" if self.app.ascii else CURSOR

    def _lay_out(self) -> bool:
        """Choose the columns for the width; whether anything moved."""
        titles = [self._title(column.key) for column in self.columns]
        natural = [
            max([title.cell_len, *(row.cells[column.key].cell_len for row in self.rows if column.key in row.cells)])
            for column, title in zip(self.columns, titles, strict=True)
        ]
        room = max(1, self.scrollable_content_region.width - 2)  # the scroll bar has its own column
        widths = dict(sorted(fit(self.columns, natural, room).items()))
        moved = widths != self._widths
        self._widths = widths
        return moved

    def _column_at(self, x: int) -> str | None:
        start = 2
        for index, width in self._widths.items():
            if start <= x < start + width + GAP:
                return self.columns[index].key
            start += width + GAP
        return None

    def _draw_row(self, index: int) -> None:
        self._strips.pop(index, None)
        y = index + 1 - self.scroll_offset.y
        if 1 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _draw_all(self) -> None:
        self._strips.clear()
        self.refresh()

    def _follow_cursor(self) -> None:
        visible, top = max(1, self.size.height - 1), self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + visible:
            self.scroll_to(y=self.cursor - visible + 1, animate=False)


def _fitted(text: Text, width: int, right: bool, ascii: bool) -> Text:  # noqa: A002
    """The text in exactly so many cells."""
    if text.cell_len > width:
        text = text.copy()
        text.truncate(max(0, width - 1))
        text.append("~" if ascii else "…")
    blank = Text(" " * (width - text.cell_len), Style.null())
    return blank + text if right else text + blank
