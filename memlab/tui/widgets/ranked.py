"""The passages of one part of a run's text, the best memorised first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memlab.render.scale import count, percent
from memlab.render.tables import Column
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.listing import Listing, ListRow
from memlab.tui.widgets.questions import titled

if TYPE_CHECKING:
    from memlab.tui.app import LabApp

_COLUMNS = (
    Column("score", "score", right=True, importance=9),
    Column("match", "greedy", right=True, importance=8),
    Column("times", "times", right=True, importance=6),
    Column("text", "goes on", importance=9, shortest=16),
    Column("row", "row", right=True, importance=2),
    Column("document", "from", importance=1, shortest=20),
)
_LONGEST = 120  # cells of a text


class Ranked(Listing):
    """Keys of its rows are the numbers of the passages."""

    def __init__(self, title: str, note: str = "", **options: str) -> None:
        super().__init__(_COLUMNS, **options)
        self._title_of_pane, self._note = title, note
        self._passages: Sequence[dict[str, Any]] = ()

    def on_mount(self) -> None:
        name_pane(self, titled(self.app, self._title_of_pane, self._note))

    def show_passages(self, passages: Sequence[dict[str, Any]]) -> None:
        """What `lab.memorized.examine` found, as plain values."""
        self._passages = passages
        lab = self.app
        extracted = sum(one["n_matched"] == one["n_tokens"] for one in passages)
        words = f"{self._note}{': ' * bool(self._note)}{len(passages):,} passages, {extracted:,} word for word"
        name_pane(self, titled(lab, self._title_of_pane, words))
        self.show([_row(lab, one) for one in passages], {})


def _row(lab: "LabApp", one: dict[str, Any]) -> ListRow:
    role = "good" if one["n_matched"] == one["n_tokens"] else "text"
    cells = {
        "score": lab.text(percent(one["score"]), role),
        "match": lab.text(f"{one['n_matched']}/{one['n_tokens']}", role),
        "times": lab.text(count(one["times"])),
        "text": lab.text(one["continuation"].strip(), limit=_LONGEST),
        "row": lab.text(str(one["row"]), "quiet"),
        "document": lab.text(one["document"], "quiet", _LONGEST),
    }
    return ListRow(str(one["row"]), cells)
