"""LIVE: a run's curves while it trains, or as they ended, with its numbers and whatever is laid over it."""

from collections.abc import Iterable
from pathlib import Path

from rich.text import Text
from textual import on
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from memlab.lab import courses
from memlab.render.curves import Plot
from memlab.rundir import RunDir
from memlab.rundir.state import ACTIVE
from memlab.training import launch
from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.artist import Artist, Drawn, OneRun, Order
from memlab.tui.screens.curving import CurvesScreen
from memlab.tui.screens.runs import RESUMABLE, why_not
from memlab.tui.widgets.curves import Curves
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.predictions import Predictions


class LiveScreen(CurvesScreen):
    """The curves of one run, drawn by an Artist, and the keys that say what is to be drawn."""

    NAME = "live"
    BINDINGS = actions.bindings(NAME)

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.run = RunDir(path)
        self._held = False
        self._with_others = True
        self._order: Order | None = None
        self._artist = Artist(self, OneRun(lambda: self.lab, self.run), self._take, self._fail)

    def compose_panes(self) -> Iterable[Widget]:
        with Horizontal(id="top"):
            with Vertical(id="left"):
                yield Curves(id="curves", classes="pane")
                yield Lines(id="below-curves")
            yield Lines(id="numbers", classes="pane")
        yield Predictions(self.run, id="predictions", classes="pane")

    def on_mount(self) -> None:
        self.lab.looked_at = self.run.path
        self._title()
        self.call_after_refresh(self._artist.start)

    def recolour(self) -> None:
        super().recolour()
        self.query_one(Predictions).draw()

    @on(Lines.Resized, "#curves, #numbers")
    def _ask(self) -> None:
        """Order the picture as it is wanted now."""
        curves, beside = self.query_one(Curves), self.query_one("#numbers")
        lab = self.lab
        over = tuple((Path(path), number) for path, number in lab.marked.items() if Path(path) != self.run.path)
        self._order = Order(
            self._wish,
            over if self._with_others else (),
            tuple(curves.size),
            tuple(beside.size),
            self._held,
            lab.theme,
        )
        self._title()
        self._artist.ask(self._order)

    def _take(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self.query_one(Curves).show_plot(drawn.plot, drawn.lines)
        self.query_one("#numbers", Lines).show(drawn.beside)
        self.query_one("#below-curves", Lines).show(drawn.below)
        self.set_class(self._cursor is not None, "-pointing")
        self.query_one(Predictions).evaluated(drawn.n_evaluations, drawn.status)
        self.refresh_bindings()

    def _fail(self, problem: list[str]) -> None:
        self._drawn = None
        self.query_one(Curves).show_plot(Plot(""), [self.lab.text(line, "bad") for line in problem])
        self.query_one("#numbers", Lines).show([])
        self.query_one("#below-curves", Lines).show([])
        self.refresh_bindings()

    def _title(self) -> None:
        words = [*courses.facts_of_wish(self._order.wish), *(["held still"] if self._held else [])] if self._order else []
        title = Text.assemble((self.lab.safe(self.run.name, 40), "bold"), "  ", (self.lab.safe(" · ".join(words)), self.lab.style("quiet")))
        name_pane(self.query_one(Curves), title)

    def possible(self, id: str) -> bool:  # noqa: A002
        status = self._drawn.status if self._drawn else ""
        return {
            "stop": status in ACTIVE,
            "resume": status in RESUMABLE,
            "other-pane": self.has_class("-low") and self.query_one(Predictions).is_there,
            "overlay": any(Path(path) != self.run.path for path in self.lab.marked),
            "pause": status in ACTIVE or self._held,
        }.get(id, super().possible(id))

    def why_not(self, id: str) -> str:  # noqa: A002
        plain = {
            "figure": f"{self.run.name} measured nothing of itself; a run that does is started with --set train.measures=all",
            "overlay": "no other run is selected; space does that in the list of runs",
        }
        return plain.get(id) or (why_not(id, self.run, self._drawn.status) if self._drawn else "")

    @property
    def going(self) -> list[str]:
        """The run, while it goes on."""
        return [self.run.name] if self._drawn is not None and self._drawn.status in ACTIVE else []

    def label(self, action: Action) -> str:
        if action.id == "leave":
            return "back" if not self.going else "leave" if self.has_class("-narrow") else action.label
        if action.id == "other-pane":
            return "curves" if self.has_class("-predicting") else "predictions"
        return action.label

    def action_leave(self) -> None:
        self.dismiss()

    def action_other_pane(self) -> None:
        self.toggle_class("-predicting")
        self.refresh_bindings()

    def action_checkpoints(self) -> None:
        self._change(checkpoints=not self.lab.settings.checkpoints)

    def action_overlay(self) -> None:
        self._with_others = not self._with_others
        self._ask()

    def action_pause(self) -> None:
        self._held = not self._held
        self._ask()

    def action_inspect(self) -> None:
        self.lab.open("attractor", self.run.path)

    def action_landscape(self) -> None:
        self.lab.open("landscape", self.run.path)

    def action_tokens(self) -> None:
        self.lab.open("tokens", self.run.path)

    def action_claims(self) -> None:
        self.lab.open("claims", self.run.path)

    def action_stop(self) -> None:
        self.work(lambda: launch.stop(self.run), lambda done: self._done("saves and leaves"))

    def action_resume(self) -> None:
        self.work(lambda: launch.resume(self.run, self.lab.home, {}), lambda done: self._done("goes on"))

    def _done(self, said: str) -> None:
        self.lab.say(f"{self.run.name} {said}")
        self._artist.ask()
