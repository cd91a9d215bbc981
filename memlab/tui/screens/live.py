"""LIVE: a run's curves while it trains, or as they ended, with its numbers and whatever is laid over it."""

from collections.abc import Iterable
from pathlib import Path

from rich.text import Text
from textual import on
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from memlab.lab import courses
from memlab.lab.view import AXES
from memlab.render.curves import Plot
from memlab.rundir import RunDir
from memlab.rundir.state import ACTIVE
from memlab.training import launch
from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.artist import Artist, Drawn, Order
from memlab.tui.screens.base import LabScreen
from memlab.tui.screens.runs import RESUMABLE
from memlab.tui.widgets.curves import Curves, wish
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.predictions import Predictions

_SMOOTHING = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)


class LiveScreen(LabScreen):
    """The curves of one run, drawn by an Artist, and the keys that say what is to be drawn."""

    NAME = "live"
    BINDINGS = actions.bindings(NAME)

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.run = RunDir(path)
        self._x: courses.Range | None = None
        self._cursor: float | None = None
        self._held = False
        self._with_others = True
        self._drawn: Drawn | None = None
        self._order: Order | None = None
        self._artist = Artist(self, self.run, self._take, self._fail)

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

    def on_unmount(self) -> None:
        self._artist.end()

    def on_resize(self) -> None:
        self.call_after_refresh(self._ask)

    def recolour(self) -> None:
        super().recolour()
        self.query_one(Predictions).draw()
        self._ask()

    @on(Lines.Resized, "#curves, #numbers")
    def _ask(self) -> None:
        """Order the picture as it is wanted now."""
        curves, beside = self.query_one(Curves), self.query_one("#numbers")
        lab = self.lab
        over = tuple((Path(path), number) for path, number in lab.marked.items() if Path(path) != self.run.path)
        self._order = Order(
            wish(lab, x=self._x, cursor=self._cursor),
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

    def _title(self) -> None:
        words = [*courses.facts_of_wish(self._order.wish), *(["held still"] if self._held else [])] if self._order else []
        title = Text.assemble((self.lab.safe(self.run.name, 40), "bold"), "  ", (self.lab.safe(" · ".join(words)), self.lab.style("quiet")))
        name_pane(self.query_one(Curves), title)

    def possible(self, id: str) -> bool:  # noqa: A002
        status = self._drawn.status if self._drawn else ""
        plotted = bool(self._drawn and self._drawn.everything)
        return {
            "stop": status in ACTIVE,
            "resume": status in RESUMABLE,
            "other-pane": self.has_class("-low") and self.query_one(Predictions).is_there,
            "overlay": any(Path(path) != self.run.path for path in self.lab.marked),
            "pause": status in ACTIVE or self._held,
            "whole": self._x is not None or self._cursor is not None,
            "pan-left": self._x is not None,
            "pan-right": self._x is not None,
            "zoom": plotted,
            "cursor-left": plotted,
            "cursor-right": plotted,
        }.get(id, True)

    @property
    def going(self) -> list[str]:
        """The run, while it goes on."""
        return [self.run.name] if self._drawn is not None and self._drawn.status in ACTIVE else []

    def label(self, action: Action) -> str:
        if action.id == "leave":
            over = self._drawn is not None and self._drawn.status not in ACTIVE
            return "back" if over else "leave" if self.has_class("-narrow") else action.label
        if action.id == "other-pane":
            return "curves" if self.has_class("-predicting") else "predictions"
        return action.label

    def action_leave(self) -> None:
        self.dismiss()

    def action_other_pane(self) -> None:
        self.toggle_class("-predicting")
        self.refresh_bindings()

    def _change(self, **settings: object) -> None:
        self.lab.remember(**settings)
        self._ask()

    def action_log(self) -> None:
        self._change(log=not self.lab.settings.log)

    def action_axis(self) -> None:
        names = list(AXES)
        self._x = self._cursor = None
        self._change(axis=names[(names.index(self._order.wish.axis) + 1) % len(names)])

    def action_smoother(self) -> None:
        self._change(smoothing=next((weight for weight in _SMOOTHING if weight > self.lab.settings.smoothing), _SMOOTHING[-1]))

    def action_rougher(self) -> None:
        self._change(smoothing=next((weight for weight in reversed(_SMOOTHING) if weight < self.lab.settings.smoothing), 0.0))

    def action_checkpoints(self) -> None:
        self._change(checkpoints=not self.lab.settings.checkpoints)

    def action_cursor_left(self) -> None:
        self._move_cursor(-1)

    def action_cursor_right(self) -> None:
        self._move_cursor(1)

    def _move_cursor(self, by: int) -> None:
        plot = self._drawn.plot
        if not plot.columns:
            return
        last = plot.left + plot.columns - 1
        column = last if self._cursor is None else plot.column_of(self._cursor)
        self._cursor = plot.x_at(min(max(column + (by if self._cursor is not None else 0), plot.left), last))
        self._ask()

    @on(Curves.Pointed)
    def _pointed(self, event: Curves.Pointed) -> None:
        self._cursor = event.x
        self._ask()

    @on(Curves.Scrolled)
    def _scrolled(self, event: Curves.Scrolled) -> None:
        self._zoom(0.5 if event.by > 0 else 2.0)

    def action_zoom(self) -> None:
        self._zoom(0.5)

    def _zoom(self, factor: float) -> None:
        everything = self._drawn.everything if self._drawn else None
        if everything:
            inside = self._x or everything
            around = self._cursor if self._cursor is not None and inside[0] <= self._cursor <= inside[1] else sum(inside) / 2
            self._x = courses.zoomed(inside, everything, around, factor)
            self._ask()

    def action_whole(self) -> None:
        if self._x is not None:
            self._x = None
        else:
            self._cursor = None
        self._ask()

    def action_pan_left(self) -> None:
        self._pan(-0.25)

    def action_pan_right(self) -> None:
        self._pan(0.25)

    def _pan(self, share: float) -> None:
        if self._x and self._drawn.everything:
            self._x = courses.panned(self._x, self._drawn.everything, share)
            self._ask()

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

    def action_stop(self) -> None:
        self.work(lambda: launch.stop(self.run), lambda done: self._done("saves and leaves"))

    def action_resume(self) -> None:
        self.work(lambda: launch.resume(self.run, self.lab.home, {}), lambda done: self._done("goes on"))

    def _done(self, said: str) -> None:
        self.lab.say(f"{self.run.name} {said}")
        self._artist.ask()
