"""The words beside the picture of a landscape: the descent step by step, what is selected, and what the slice is."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from memlab.lab import scenery
from memlab.lab.landscape import Landscape
from memlab.render.tables import keyvalues
from memlab.tui.widgets.curves import lines_of
from memlab.tui.widgets.keyline import name_pane

_STEPS = 5  # of a descent that are listed at a time
_NAMES = 11  # columns of the names beside a card's values


class SliceWords(VerticalScroll):
    """Scrolls where there is more than fits."""

    def compose(self) -> ComposeResult:
        yield Static(id="words-text")

    def show_found(self, found: Landscape, step: int, one: scenery.Attraction | None) -> None:
        """A landscape whose state has gone so many steps, and the marker that is selected."""
        lab, text = self.app, self.query_one(Static)
        room = max(text.size.width, 1)
        lines = [lab.text("descent", "accent"), *self._steps(found, step, room)]
        if one:
            lines += [Text(), lab.text("selected", "accent")]
            lines += self._pairs(scenery.card(found, one, max(room - _NAMES, 12), lab.ascii), room)
        lines += [Text(), lab.text("slice", "accent"), *self._pairs(scenery.facts(found), room)]
        notes = [Text(lab.safe(f"note: {note}"), lab.style("quiet")) for note in scenery.notes(found)]
        text.update(Text("\n").join([*lines, *([Text(), *notes] if notes else [])]))
        where = lab.text(f"position {found.position} (0 to {len(found.tokens) - 1})", "quiet")
        name_pane(self, Text.assemble(("state", "bold"), "  ", where))

    def _pairs(self, pairs: list[scenery.Line], room: int) -> list[Text]:
        return lines_of(self.app, keyvalues(pairs, room, color=self.app.color, ascii=self.app.ascii))

    def _steps(self, found: Landscape, step: int, room: int) -> list[Text]:
        """Steps of the descent around the one that is shown, with their energies."""
        lab, everything = self.app, scenery.steps(found)
        first = max(0, min(step - _STEPS // 2, len(everything) - _STEPS))
        lines = []
        for number, (name, words) in enumerate(everything[first : first + _STEPS], first):
            sign = ("S" if lab.ascii else "◆") if number == step else " "
            lines.append(lab.text(f"{sign} {name:>3}  {words}", "text" if number == step else "quiet", limit=room))
        return lines
