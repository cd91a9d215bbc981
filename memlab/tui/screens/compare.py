"""COMPARE: the selected runs side by side: their curves in one picture, their figures, and the settings in which they differ."""

from collections.abc import Iterable
from pathlib import Path

from rich.text import Text
from textual import on
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from memlab.lab import courses
from memlab.render.curves import Plot
from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.artist import Artist, Drawn, Order, SeveralRuns
from memlab.tui.screens.curving import CurvesScreen
from memlab.tui.widgets.curves import Curves
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.questions import titled


class CompareScreen(CurvesScreen):
    """Runs by path, each with the number that its colour and glyph come from."""

    NAME = "compare"
    BINDINGS = actions.bindings(NAME)

    def __init__(self, runs: Iterable[tuple[Path, int]]) -> None:
        super().__init__()
        self._runs = tuple(runs)
        self._artist = Artist(self, SeveralRuns(lambda: self.lab), self._take, self._fail)

    def compose_panes(self) -> Iterable[Widget]:
        yield Curves(id="curves", classes="pane")
        with VerticalScroll(id="table", classes="pane"):
            yield Static(id="table-text")

    def on_mount(self) -> None:
        self.query_one("#table").focus()
        name_pane(self.query_one("#table"), titled(self.lab, "figures", "and the settings that differ"))
        self.call_after_refresh(self._artist.start)

    @on(Lines.Resized, "#curves")
    def _ask(self) -> None:
        curves, table = self.query_one(Curves), self.query_one("#table").scrollable_content_region
        size = tuple(curves.size) if min(curves.size) else tuple(table.size)  # where there is room for one of them only
        self._artist.ask(Order(self._wish, self._runs, size, tuple(table.size), False, self.lab.theme))
        words = " · ".join([*courses.facts_of_wish(self._wish), "hollow training, full held-out"])
        name_pane(curves, titled(self.lab, f"{len(self._runs)} runs", words))

    def _take(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self.query_one(Curves).show_plot(drawn.plot, drawn.lines)
        self.query_one("#table-text", Static).update(Text("\n").join(drawn.beside))
        self.refresh_bindings()

    def _fail(self, problem: list[str]) -> None:
        self._drawn = None
        lines = [self.lab.text(line, "bad") for line in problem]
        self.query_one(Curves).show_plot(Plot(""), lines)
        self.query_one("#table-text", Static).update(Text("\n").join(lines))
        self.refresh_bindings()

    def possible(self, id: str) -> bool:  # noqa: A002
        return self.has_class("-low") if id == "other-pane" else super().possible(id)

    def label(self, action: Action) -> str:
        if action.id == "other-pane":
            return "curves" if self.has_class("-tabled") else "figures"
        return action.label

    def action_other_pane(self) -> None:
        self.toggle_class("-tabled")
        self.call_after_refresh(self._ask)
        self.refresh_bindings()

    def action_close(self) -> None:
        self.dismiss()
