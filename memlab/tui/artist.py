"""Reads runs and draws their courses, on a thread of its own: what LIVE and COMPARE show."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.text import Text

from memlab.errors import MemlabError, RunError
from memlab.lab import courses
from memlab.lab.courses import Over, Wish
from memlab.lab.figures import figures
from memlab.lab.view import RunView, open_view
from memlab.render.curves import Plot
from memlab.rundir import RunDir
from memlab.tui.background import Pace, Repeating
from memlab.tui.widgets import compared, numbers
from memlab.tui.widgets.curves import lines_of
from memlab.tui.widgets.runrows import wrapped

if TYPE_CHECKING:
    from memlab.tui.app import LabApp
    from memlab.tui.screens.curving import CurvesScreen

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
    """What has been drawn: the plot with its lines, the words beside it or below it, and how the run stands.

    `figures` are the names of what could be drawn in place of the losses.
    """

    order: Order
    plot: Plot
    lines: list[Text]
    everything: courses.Range | None
    figures: Sequence[str] = ()
    beside: Sequence[Text] = ()
    below: Sequence[Text] = ()
    status: str = ""
    n_evaluations: int = 0  # that a checkpoint goes with


class Subject(Protocol):
    """What is looked at: read, drawn, and put into words, on the artist's thread."""

    def read(self, order: Order) -> bool:
        """Whether there is anything new. Raises RunError where a run cannot be read, or is no more."""

    def picture(self, order: Order) -> Drawn:
        """Everything drawn as ordered, but for the words."""

    def with_words(self, drawn: Drawn) -> Drawn:
        """The same with the words beside and below it as they are now."""


class Artist:
    """Hands `take` a new Drawn whenever the subject or the order has changed, and `fail` the lines that say why there is none.

    Both are called on the screen's thread.
    """

    def __init__(self, screen: "CurvesScreen", subject: Subject, take: Callable[[Drawn], None], fail: Callable[[list[str]], None]) -> None:
        self._screen, self._subject, self._take, self._fail = screen, subject, take, fail
        self._order: Order | None = None
        self._drawn: Drawn | None = None
        self._has_news = False
        self._picture_pace, self._words_pace = Pace(_SHARE, _POLL_SECONDS), Pace(_SHARE, _POLL_SECONDS)
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
            return self._look(order)
        except MemlabError as error:
            self._drawn = None
            self._screen.call_later(self._fail, wrapped(self._screen.lab.safe(str(error)), order.size[0], order.size[1]))
            return _POLL_SECONDS

    def _look(self, order: Order) -> float:
        """As `_work`. Raises what the subject raises: a run may go away at any moment."""
        self._has_news = self._subject.read(order) or self._has_news
        may_change = self._has_news and not order.held
        if self._drawn is None or order != self._drawn.order or (may_change and self._picture_pace.is_due):
            with self._picture_pace.work():
                self._hand_over(self._subject.with_words(self._subject.picture(order)))
            self._has_news = False
            return _REST_SECONDS if self._order != order else _POLL_SECONDS
        if may_change and self._words_pace.is_due:
            with self._words_pace.work():
                self._hand_over(self._subject.with_words(self._drawn))
        return _POLL_SECONDS

    def _hand_over(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self._screen.call_later(self._take, drawn)


class Views:
    """Runs by path, followed as long as they are asked for."""

    def __init__(self) -> None:
        self._views: dict[Path, RunView] = {}

    def __getitem__(self, path: Path) -> RunView:
        return self._views[path]

    def read(self, paths: Iterable[Path], held: bool) -> bool:
        """Whether there is anything new; of runs that are held still, only what was not there. Raises RunError where one cannot be read."""
        changed, wanted = False, set(paths)
        self._views = {path: view for path, view in self._views.items() if path in wanted and RunDir(path).config_path.exists()}
        for path in wanted:
            if not RunDir(path).config_path.exists():
                raise RunError(f"run '{path.name}' is gone: {path} is no run directory any more")
            if path not in self._views:
                self._views[path], changed = open_view(RunDir(path)), True
            elif not held:
                changed = self._views[path].poll() or changed
        return changed

    def over(self, order: Order) -> list[Over]:
        return [Over(path.name, self._views[path], number) for path, number in order.over]


class OneRun:
    """A run with its numbers, and others drawn over it."""

    def __init__(self, lab: Callable[[], "LabApp"], run: RunDir) -> None:
        self._lab, self._run, self._views = lab, run, Views()

    def read(self, order: Order) -> bool:
        return self._views.read([self._run.path, *(path for path, _ in order.over)], order.held)

    def picture(self, order: Order) -> Drawn:
        view, over = self._views[self._run.path], self._views.over(order)
        plot = courses.draw(view, over, order.wish, *order.size)
        names = [figure.name for figure in figures(view)]
        return Drawn(order, plot, lines_of(self._lab(), plot.text), courses.whole(view, over, order.wish.axis), names)

    def with_words(self, drawn: Drawn) -> Drawn:
        lab, view, order, wish = self._lab(), self._views[self._run.path], drawn.order, drawn.order.wish
        cursor = courses.at(view, self._views.over(order), wish.axis, wish.cursor) if wish.cursor is not None else []
        beside = numbers.beside(lab, view, cursor, *order.beside) if min(order.beside) else []
        below = numbers.below(lab, view, cursor, order.size[0]) if not beside else []
        n_evaluations = len(view.evaluations) if any(row["kind"] == "checkpoint" for row in view.rows) else 0
        return replace(drawn, beside=beside, below=below, status=view.status, n_evaluations=n_evaluations)


class SeveralRuns:
    """Runs side by side: their curves in one picture, their figures and the settings that differ as tables."""

    def __init__(self, lab: Callable[[], "LabApp"]) -> None:
        self._lab, self._views = lab, Views()

    def read(self, order: Order) -> bool:
        return self._views.read((path for path, _ in order.over), order.held)

    def picture(self, order: Order) -> Drawn:
        runs = self._views.over(order)
        plot = courses.draw_together(runs, order.wish, *order.size)
        views = [one.view for one in runs]
        names = list(dict.fromkeys(figure.name for view in views for figure in figures(view)))
        return Drawn(order, plot, lines_of(self._lab(), plot.text), courses.whole_of(views, order.wish.axis), names)

    def with_words(self, drawn: Drawn) -> Drawn:
        lab, runs, wish = self._lab(), self._views.over(drawn.order), drawn.order.wish
        return replace(drawn, beside=compared.lines(lab, runs, wish, drawn.order.beside[0]))
