"""What to expect of a run, line by line: a name, a sign for figures that are rough or of the settings before, a value, a note."""

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from memlab.lab.expectation import Fact, Prospect, facts
from memlab.render.safe import width as cells

if TYPE_CHECKING:
    from memlab.tui.app import LabApp

_WITH_NOTES = 60  # columns from which a note may take lines of its own
_SHORT = {"tokens per parameter": "D/N", "memorisation floor": "memor. floor", "can memorise": "memorises"}
_SIGNS = {"old": "◌", "rough": "≈", "": " "}
_ASCII_SIGNS = {"old": "o", "rough": "~", "": " "}
_MEANINGS = {"rough": "by formula", "old": "before the change"}


class Expected(VerticalScroll):
    """The lines, scrolled where there are more than fit."""

    _shown: tuple[Prospect | None, bool, str] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="facts")

    def on_resize(self) -> None:
        if self._shown:
            self.show(*self._shown)

    def show(self, prospect: Prospect | None, is_sought: bool, status: str) -> None:
        """What is known; `is_sought`: what is missing is on its way. `status` says in the border how far that is."""
        self._shown = (prospect, is_sought, status)
        lab = self.app
        title = Text("what to expect", "bold")
        self.border_title = Text.assemble(title, "  ", lab.text(status, "quiet")) if status else title
        size = self.scrollable_content_region.size
        groups, states = _groups(lab, prospect, is_sought, size.width) if prospect else ([], set())
        blank = [Text()] if sum(map(len, groups)) + len(groups) - 1 <= size.height else []
        lines = [line for number, group in enumerate(groups) for line in [*(blank if number else []), *group]]
        self.query_one("#facts", Static).update(Text("\n").join(lines))
        signs = _ASCII_SIGNS if lab.ascii else _SIGNS
        meanings = [
            Text.assemble((signs[state], lab.style("accent")), f" {words}") for state, words in _MEANINGS.items() if state in states
        ]
        self.border_subtitle = Text("  ").join(meanings)


def _groups(lab: "LabApp", prospect: Prospect, is_sought: bool, width: int) -> tuple[list[list[Text]], set[str]]:
    """Lines that belong together, and the signs among them."""
    shown = facts(prospect.shown)
    names = {fact.name: lab.safe(_SHORT.get(fact.name, fact.name) if width < _WITH_NOTES else fact.name) for fact in shown}
    column = 1 + max(map(cells, [*names.values(), *(_SHORT.values() if width < _WITH_NOTES else _SHORT)]))  # however many there are now
    groups: dict[int, list[Text]] = {}
    for fact in shown:
        name = f"{names[fact.name]:<{column}}"
        groups.setdefault(fact.group, []).extend(_fact(lab, fact, name, _state(fact, prospect), is_sought, width))
    return list(groups.values()), {_state(fact, prospect) for fact in shown}


def _state(fact: Fact, prospect: Prospect) -> str:
    if not fact.value:
        return ""
    needs = set(fact.needs)
    return "old" if needs & prospect.stale else "rough" if needs & prospect.rough else ""


def _fact(lab: "LabApp", fact: Fact, name: str, state: str, is_sought: bool, width: int) -> Iterable[Text]:
    room = max(8, width - cells(name) - 2)
    value = lab.safe(fact.value or ("…" if is_sought else "not known"))
    note = lab.safe(fact.note) if fact.value else ""
    rows = [lab.text(row, "quiet" if state == "old" or not fact.value else "text") for row in textwrap.wrap(value, room)]
    if note and cells(value) + 2 + cells(note) <= room:
        rows[0] = Text.assemble(rows[0], "  ", lab.text(note, "quiet"))
    elif note and width >= _WITH_NOTES:
        rows += [lab.text(row, "quiet") for row in textwrap.wrap(note, room)]
    sign = lab.text((_ASCII_SIGNS if lab.ascii else _SIGNS)[state], "accent" if state == "rough" else "quiet")
    for number, row in enumerate(rows):
        blank = Text(" " * (cells(name) + 2))
        yield Text.assemble(lab.text(name, "quiet"), sign, " ", row) if number == 0 else Text.assemble(blank, row)
