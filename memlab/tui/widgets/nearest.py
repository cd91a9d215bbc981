"""The patterns nearest to a state, one a row: squared distance, weight, text and the token that followed."""

from typing import TYPE_CHECKING, Any

from rich.text import Text

from memlab.render import card
from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.scale import decimal, percent
from memlab.render.tables import GAP, Column
from memlab.tui.widgets.listing import Listing, ListRow

if TYPE_CHECKING:
    from memlab.tui.app import LabApp

_COLUMNS = (
    Column("d", "d²", right=True, importance=9),
    Column("weight", "weight", right=True, importance=8),
    Column("text", "text", importance=9),
    Column("next", "then", importance=7),
    Column("document", "document", importance=1),
)
_NAMED = 90  # cells from which on the documents are named
_FEW = 50  # cells below which the next token is cut
_SIGN, _SHORTEST = 2, 8  # cells of the sign before a row, and of the least text


class Nearest(Listing):
    """Keys of its rows are rows of the store."""

    def __init__(self, **options: str) -> None:
        super().__init__(_COLUMNS, **options)
        self._found: dict[str, Any] | None = None

    def on_resize(self) -> None:
        self.show_patterns(self._found)
        super().on_resize()

    def show_patterns(self, found: dict[str, Any] | None) -> None:
        """The patterns of an inspection, with their documents where there is room for them; the text takes the cells that are left."""
        self._found = found
        rows = {one["pattern"]["row"]: self._cells(one) for one in (found["nearest"] if found else ())}
        others = [column for column in self.columns if column.key != "text" and (column.key != "document" or self._width >= _NAMED)]
        taken = sum(max([cells(column.title), *(row[column.key].cell_len for row in rows.values())]) + GAP for column in others)
        room = max(self._width - _SIGN - taken, _SHORTEST)
        for one in found["nearest"] if found else ():
            rows[one["pattern"]["row"]]["text"] = self._text(one["pattern"], room)
        self.show([ListRow(str(row), shown) for row, shown in rows.items()], {})

    @property
    def _width(self) -> int:
        """Cells beside the scroll bar."""
        return self.scrollable_content_region.width

    def _text(self, pattern: dict[str, Any], room: int) -> Text:
        lab: LabApp = self.app
        shown = card.context(pattern, room, lab.ascii)
        token = f"[{safe(pattern['token'], ascii=lab.ascii)}]"
        before = shown.removesuffix(token)
        return Text.assemble((before, lab.style("quiet")), (shown[len(before) :], lab.style("text")))

    def _cells(self, one: dict[str, Any]) -> dict[str, Text]:
        """All but the text."""
        lab, pattern = self.app, one["pattern"]
        return {
            "d": Text(decimal(one["squared_distance"])),
            "weight": Text(percent(one["weight"])),
            "next": Text(card.quoted(pattern["next_token"], lab.ascii, 8 if self._width < _FEW else 24)),
            "document": lab.text(pattern["document"], "quiet", 24),
        }
