"""Reads a run and draws its course, on a thread of its own: what LIVE shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from memlab.errors import MemlabError, RunError
from memlab.lab import courses
from memlab.lab.courses import Over, Wish
from memlab.lab.view import RunView, open_view
from memlab.render.curves import Plot
from memlab.rundir import RunDir
from memlab.tui.background import Pace, Repeating
from memlab.tui.widgets import numbers
from memlab.tui.widgets.curves import lines_of
from memlab.tui.widgets.runrows import wrapped

if TYPE_CHECKING:
    from memlab.tui.screens.live import LiveScreen

_POLL_SECONDS = 0.5  # at most two new pictures a second
_REST_SECONDS = 0.04  # after a picture that a key asked for
_SHARE = 0.01  # of a processor, for pictures and for numbers: they may come from the trainer's


@dataclass(frozen=True)
class Order:
    """What is to be drawn, how large, and whether it is to be held still."""

    wish: Wish
    over: tuple[tuple[Path, int], ...]
    size: tuple[int, int]
    beside: tuple[int, int]
    held: bool
    theme: str


@dataclass(frozen=True)
class Drawn:
    """What has been drawn: the plot with its lines, the numbers beside it or below it, and how the run stands."""

    order: Order
    plot: Plot
    lines: list[Text]
    everything: courses.Range | None
    beside: Sequence[Text] = ()
    below: Sequence[Text] = ()
    status: str = ""
    n_evaluations: int = 0  # that a checkpoint goes with


class Artist:
    """Hands `take` a new Drawn whenever the run or the order has changed, and `fail` the lines that say why there is none.

    Both are called on the screen's thread.
    """

    def __init__(self, screen: "LiveScreen", run: RunDir, take: Callable[[Drawn], None], fail: Callable[[list[str]], None]) -> None:
        self._screen, self._run, self._take, self._fail = screen, run, take, fail
        self._order: Order | None = None
        self._drawn: Drawn | None = None
        self._has_news = False
        self._view: RunView | None = None
        self._others: dict[Path, RunView] = {}
        self._picture_pace, self._numbers_pace = Pace(_SHARE, _POLL_SECONDS), Pace(_SHARE, _POLL_SECONDS)
        self._thread = Repeating(screen, self._work)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._thread.end()

    def ask(self, order: Order | None = None) -> None:
        """Draw this from now on, or look at once whether something has changed."""
        self._order = order or self._order
        self._thread.wake()

    def _work(self) -> float:
        """Read what is new and hand it over, or whatever else is wanted; seconds until the next look."""
        order = self._order
        if order is None or min(order.size) < 1:
            return _POLL_SECONDS
        try:
            self._has_news = self._read(order) or self._has_news
        except MemlabError as error:
            self._drawn = None
            self._screen.call_later(self._fail, wrapped(self._screen.lab.safe(str(error)), order.size[0], order.size[1]))
            return _POLL_SECONDS
        may_change = self._has_news and not order.held
        if self._drawn is None or order != self._drawn.order or (may_change and self._picture_pace.is_due):
            with self._picture_pace.work():
                self._hand_over(self._with_numbers(self._picture(order)))
            self._has_news = False
            return _REST_SECONDS if self._order != order else _POLL_SECONDS
        if may_change and self._numbers_pace.is_due:
            with self._numbers_pace.work():
                self._hand_over(self._with_numbers(self._drawn))
        return _POLL_SECONDS

    def _hand_over(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self._screen.call_later(self._take, drawn)

    def _read(self, order: Order) -> bool:
        """Whether there is anything new. Raises RunError where a run cannot be read, or is no more."""
        if not self._run.config_path.exists():
            self._view = None
            raise RunError(f"run '{self._run.name}' is gone: {self._run.path} is no run directory any more")
        if self._view is None:
            self._view, changed = open_view(self._run), True
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

    def _over(self, order: Order) -> list[Over]:
        return [Over(path.name, self._others[path], number) for path, number in order.over]

    def _picture(self, order: Order) -> Drawn:
        over = self._over(order)
        plot = courses.draw(self._view, over, order.wish, *order.size)
        return Drawn(order, plot, lines_of(self._screen.lab, plot.text), courses.whole(self._view, over, order.wish.axis))

    def _with_numbers(self, drawn: Drawn) -> Drawn:
        lab, view, order, wish = self._screen.lab, self._view, drawn.order, drawn.order.wish
        cursor = courses.at(view, self._over(order), wish.axis, wish.cursor) if wish.cursor is not None else []
        beside = numbers.beside(lab, view, cursor, *order.beside) if min(order.beside) else []
        below = numbers.below(lab, view, cursor, order.size[0]) if not beside else []
        n_evaluations = len(view.evaluations) if any(row["kind"] == "checkpoint" for row in view.rows) else 0
        return replace(drawn, beside=beside, below=below, status=view.status, n_evaluations=n_evaluations)
