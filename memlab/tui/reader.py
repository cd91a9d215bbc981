"""Follows the runs of the home, and draws the one under the cursor small, on a thread of its own: what RUNS shows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from memlab.errors import MemlabError
from memlab.lab import courses
from memlab.lab.courses import Wish
from memlab.lab.following import Runs
from memlab.lab.view import RunView, open_view
from memlab.rundir import RunDir
from memlab.tui.background import Pace, Repeating
from memlab.tui.widgets.curves import lines_of
from memlab.tui.widgets.runrows import Cells

if TYPE_CHECKING:
    from memlab.tui.screens.runs import RunsScreen

_POLL_SECONDS = 0.5
_AWAY_SECONDS = 2.0  # while another screen is on top
_SLICE_SECONDS = 0.03
_YIELD_SECONDS = 0.005  # between two slices, so that the screen's thread has its turn
_SHARE = 0.01  # of a processor, once everything has been read: it may be the trainer's


@dataclass(frozen=True)
class Preview:
    """Which run is to be drawn, and how."""

    path: Path
    wish: Wish
    size: tuple[int, int]
    theme: str


class Reader:
    """Keeps the lab's rows as they are on the disk, and calls `changed()` and `drawn(lines)` on the screen's thread.

    While another screen is on top nothing is called: what the lower screen does would draw the upper one again.
    `problem` says why the home cannot be read.
    """

    def __init__(self, screen: "RunsScreen", cells: Cells, changed: Callable[[], None], drawn: Callable[[list[Text]], None]) -> None:
        self._screen, self._cells, self._changed, self._drawn = screen, cells, changed, drawn
        self._runs = Runs(screen.lab.home)
        self.problem = ""
        self.has_read = False
        self.preview: Preview | None = None
        self._published, self._has_news = 0.0, True
        self._previewed: tuple[Preview, RunView] | None = None
        self._preview_pace, self._is_stale = Pace(_SHARE, _POLL_SECONDS), False
        self._thread = Repeating(screen, self._work)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._thread.end()

    def look(self) -> None:
        """Look at once for what has changed, and what is to be drawn."""
        self._thread.wake()

    def _work(self) -> float:
        """Read what is new for a while; seconds until the next time."""
        began = time.thread_time()
        self._follow()
        if self._screen.is_active:
            self._draw()
        if not self._runs.is_complete:
            return _YIELD_SECONDS
        pause = _POLL_SECONDS if self._screen.is_active or self._has_news else _AWAY_SECONDS
        return max(pause, (time.thread_time() - began) / _SHARE)

    def _follow(self) -> None:
        """A slice of reading, and the rows as they are now, at most twice a second."""
        problem = ""
        try:
            self._has_news = self._runs.poll(_SLICE_SECONDS) or self._has_news
        except MemlabError as error:
            problem = str(error)
        self._has_news = self._has_news or problem != self.problem
        if self._has_news and (not self.has_read or time.monotonic() - self._published >= _POLL_SECONDS):
            self._published, self._has_news = time.monotonic(), False
            rows = self._runs.rows()
            self._cells.of_rows(rows)  # made here, where nobody waits for them
            self._screen.lab.rows, self.problem, self.has_read = rows, problem, True
            if self._screen.is_active:
                self._screen.call_later(self._changed)

    def _draw(self) -> None:
        """Draw the run under the cursor, if it is another one or has changed."""
        wanted, before = self.preview, self._previewed
        if wanted is None or min(wanted.size) < 1:
            self._previewed = None
            return
        try:
            if before and before[0].path == wanted.path:
                view = before[1]
                self._is_stale = view.poll() or self._is_stale
                if before[0] == wanted and not (self._is_stale and self._preview_pace.is_due):
                    return
            else:
                view = open_view(RunDir(wanted.path))
        except MemlabError:  # its row says why
            self._screen.call_later(self._drawn, [])
            return
        self._previewed, self._is_stale = (wanted, view), False
        with self._preview_pace.work():
            lines = lines_of(self._screen.lab, courses.draw(view, (), wanted.wish, *wanted.size).text)
        self._screen.call_later(self._drawn, lines)
