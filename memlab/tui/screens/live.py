"""LIVE: a run's curves while it trains, or as they ended, with its numbers and whatever is laid over it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.text import Text
from textual import on
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from memlab.errors import MemlabError, RunError
from memlab.lab import courses
from memlab.lab.courses import Over, Wish
from memlab.lab.view import AXES, RunView, open_view
from memlab.render.curves import Plot
from memlab.rundir import RunDir
from memlab.rundir.state import ACTIVE
from memlab.training import launch
from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.background import Pace, Repeating
from memlab.tui.screens.base import LabScreen
from memlab.tui.screens.runs import RESUMABLE
from memlab.tui.widgets import numbers
from memlab.tui.widgets.curves import Curves, lines_of, wish
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.predictions import Predictions
from memlab.tui.widgets.runrows import wrapped

_POLL_SECONDS = 0.5  # at most two new pictures a second
_REST_SECONDS = 0.04  # after a picture that a key asked for
_SHARE = 0.01  # of a processor, for pictures and for numbers: they may come from the trainer's
_SMOOTHING = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)


@dataclass(frozen=True)
class _Order:
    """What the drawing thread is to draw, and how large."""

    wish: Wish
    over: tuple[tuple[Path, int], ...]
    size: tuple[int, int]
    beside: tuple[int, int]
    held: bool
    theme: str


@dataclass(frozen=True)
class _Drawn:
    """What it has drawn: the plot with its lines, the numbers beside it and below it."""

    order: _Order
    plot: Plot
    lines: list[Text]
    everything: courses.Range | None
    beside: Sequence[Text] = ()
    below: Sequence[Text] = ()
    status: str = ""
    n_evaluations: int = 0  # that a checkpoint goes with


class LiveScreen(LabScreen):
    """The curves of one run. Files are read and pictures drawn on a thread of its own."""

    NAME = "live"
    BINDINGS = actions.bindings(NAME)

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.run = RunDir(path)
        self._x: courses.Range | None = None
        self._cursor: float | None = None
        self._held = False
        self._with_others = True
        self._drawn: _Drawn | None = None
        self._has_news = False
        self._picture_pace, self._numbers_pace = Pace(_SHARE, _POLL_SECONDS), Pace(_SHARE, _POLL_SECONDS)
        self._order: _Order | None = None
        self._view: RunView | None = None
        self._others: dict[Path, RunView] = {}

    def compose_panes(self) -> Iterable[Widget]:
        with Horizontal(id="top"):
            with Vertical(id="left"):
                yield Curves(id="curves", classes="pane")
                yield Lines(id="below-curves")
            yield Lines(id="numbers", classes="pane")
        yield Predictions(self.run, id="predictions", classes="pane")

    def on_mount(self) -> None:
        self._title()
        self._artist = Repeating(self, self._draw)
        self.call_after_refresh(self._artist.start)

    def on_unmount(self) -> None:
        self._artist.end()

    def on_resize(self) -> None:
        self.call_after_refresh(self._ask)

    def recolour(self) -> None:
        super().recolour()
        self._ask()

    # On the drawing thread.

    def _draw(self) -> float:
        """Read what is new and show it, or whatever else is wanted; seconds until the next look."""
        order = self._order
        if order is None or min(order.size) < 1:
            return _POLL_SECONDS
        try:
            self._has_news = self._read(order) or self._has_news
        except MemlabError as error:
            self._drawn = None
            self.call_later(self._fail, wrapped(self.lab.safe(str(error)), order.size[0], order.size[1]))
            return _POLL_SECONDS
        if self._drawn is None or order != self._drawn.order or (self._has_news and not order.held and self._picture_pace.is_due):
            with self._picture_pace.work():
                self._drawn = self._numbers(self._picture(order))
            self._has_news = False
            self.call_later(self._take, self._drawn)
            return _REST_SECONDS if self._order != order else _POLL_SECONDS
        if self._has_news and not order.held and self._numbers_pace.is_due:
            with self._numbers_pace.work():
                self._drawn = self._numbers(self._drawn)
            self.call_later(self._take, self._drawn)
        return _POLL_SECONDS

    def _read(self, order: _Order) -> bool:
        """Whether there is anything new. Raises RunError where a run cannot be read, or is no more."""
        if not self.run.config_path.exists():
            self._view = None
            raise RunError(f"run '{self.run.name}' is gone: {self.run.path} is no run directory any more")
        if self._view is None:
            self._view, changed = open_view(self.run), True
        else:
            changed = not order.held and self._view.poll()
        wanted = {path for path, _ in order.over}
        self._others = {path: view for path, view in self._others.items() if path in wanted}
        for path in wanted:
            if path not in self._others:
                self._others[path], changed = open_view(RunDir(path)), True
            elif not order.held:
                changed = self._others[path].poll() or changed
        return changed

    def _over(self, order: _Order) -> list[Over]:
        return [Over(path.name, self._others[path], number) for path, number in order.over]

    def _picture(self, order: _Order) -> _Drawn:
        over = self._over(order)
        plot = courses.draw(self._view, over, order.wish, *order.size)
        return _Drawn(order, plot, lines_of(self.lab, plot.text), courses.whole(self._view, over, order.wish.axis))

    def _numbers(self, drawn: _Drawn) -> _Drawn:
        view, order, wish = self._view, drawn.order, drawn.order.wish
        cursor = courses.at(view, self._over(order), wish.axis, wish.cursor) if wish.cursor is not None else []
        beside = numbers.beside(self.lab, view, cursor, *order.beside) if min(order.beside) else []
        below = numbers.below(self.lab, view, cursor, order.size[0]) if not beside else []
        n_evaluations = len(view.evaluations) if any(row["kind"] == "checkpoint" for row in view.rows) else 0
        return replace(drawn, beside=beside, below=below, status=view.status, n_evaluations=n_evaluations)

    # On the screen's thread.

    def _ask(self) -> None:
        """Order the picture as it is wanted now."""
        curves, beside = self.query_one(Curves), self.query_one("#numbers")
        lab = self.lab
        over = tuple((Path(path), number) for path, number in lab.marked.items() if Path(path) != self.run.path)
        self._order = _Order(
            wish(lab, x=self._x, cursor=self._cursor),
            over if self._with_others else (),
            tuple(curves.size),
            tuple(beside.size),
            self._held,
            lab.theme,
        )
        self._title()
        self._artist.wake()

    def _take(self, drawn: _Drawn) -> None:
        self.query_one(Curves).show_plot(drawn.plot, drawn.lines)
        self.query_one("#numbers", Lines).show(drawn.beside)
        self.query_one("#below-curves", Lines).show(drawn.below)
        self.query_one(Predictions).evaluated(drawn.n_evaluations, drawn.status)
        self.refresh_bindings()

    def _fail(self, problem: list[str]) -> None:
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
            "overlay": any(Path(path) != self.run.path for path in self.lab.marked),
            "pause": status in ACTIVE or self._held,
            "whole": self._x is not None or self._cursor is not None,
            "pan-left": self._x is not None,
            "pan-right": self._x is not None,
            "zoom": plotted,
            "cursor-left": plotted,
            "cursor-right": plotted,
        }.get(id, True)

    def label(self, action: Action) -> str:
        over = action.id == "leave" and self._drawn is not None and self._drawn.status not in ACTIVE
        return "back" if over else action.label

    def action_leave(self) -> None:
        self.dismiss()

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

    def action_stop(self) -> None:
        self.work(lambda: launch.stop(self.run), lambda done: self._done("saves and leaves"))

    def action_resume(self) -> None:
        self.work(lambda: launch.resume(self.run, self.lab.home, {}), lambda done: self._done("goes on"))

    def _done(self, said: str) -> None:
        self.lab.say(f"{self.run.name} {said}")
        self._artist.wake()
