"""RUNS: every run of the home, live, and what can be done with each."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from memlab.errors import MemlabError, UsageError
from memlab.lab import courses, removing
from memlab.lab.courses import Wish
from memlab.lab.finding import ORDERS, condition, ordered
from memlab.lab.following import Row, Runs
from memlab.lab.view import RunView, open_view
from memlab.render.scale import nbytes
from memlab.rundir import RunDir
from memlab.rundir.state import ACTIVE
from memlab.training import launch
from memlab.tui import actions
from memlab.tui.background import Pace, Repeating
from memlab.tui.screens.base import LabScreen
from memlab.tui.screens.confirm import ConfirmScreen
from memlab.tui.screens.path import PathScreen
from memlab.tui.widgets import runrows
from memlab.tui.widgets.curves import lines_of, wish
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.listing import Listing

_POLL_SECONDS = 0.5
_AWAY_SECONDS = 2.0  # while another screen is on top
_SLICE_SECONDS = 0.03
_SHARE = 0.01  # of a processor, once everything has been read: it may be the trainer's
_REST_SECONDS = 0.12
RESUMABLE = ("stopped", "lost", "failed")


@dataclass(frozen=True)
class _Preview:
    """Which run is to be drawn beside its details, and how."""

    path: Path
    wish: Wish
    size: tuple[int, int]
    theme: str


class RunsScreen(LabScreen):
    """The listing, and what is worth knowing of the run under the cursor."""

    NAME = "runs"
    BINDINGS = actions.bindings(NAME)

    def compose_panes(self) -> Iterable[Widget]:
        listing = Listing(runrows.COLUMNS, id="runs", classes="pane")
        yield listing
        yield Lines(id="nothing", classes="pane")
        yield Input(placeholder="words, state:running, size:micro …", id="filter", compact=True)
        with Horizontal(id="below"):
            yield Lines(id="details", classes="pane")
            yield Lines(id="preview", classes="pane")

    def on_mount(self) -> None:
        self._runs = Runs(self.lab.home)
        self._published, self._has_news = 0.0, False
        self._is_read = False
        self._problem = ""
        self._shown: list[Row] = []
        self._cells = runrows.Cells(self.lab)
        self._preview_pane = self.query_one("#preview", Lines)
        self._wanted: _Preview | None = None
        self._previewed: tuple[_Preview, RunView] | None = None
        self._preview_pace, self._is_stale = Pace(_SHARE, _POLL_SECONDS), False
        self._resting = self.set_timer(0, self._want_preview)
        self.query_one(Input).value = self.lab.settings.filter
        self.query_one(Input).display = False
        self._reader = Repeating(self, self._read)
        self._reader.start()

    def on_unmount(self) -> None:
        self._reader.end()

    # On the reader's thread.

    def _read(self) -> float:
        """Read what is new for a while; seconds until the next time."""
        problem, began = "", time.thread_time()
        try:
            changed = self._runs.poll(_SLICE_SECONDS)
        except MemlabError as error:
            changed, problem = True, str(error)
        done = self._runs.is_complete
        self._has_news = self._has_news or changed or not self._published
        if self._has_news and (not self._published or time.monotonic() - self._published >= _POLL_SECONDS):
            self._published, self._has_news = time.monotonic(), False
            rows = self._runs.rows()
            self._cells.of_rows(rows)  # made here, where nobody waits for them
            self.lab.rows, self._problem, self._is_read = rows, problem, True
            if self.is_active:  # what it does under another screen would draw that one again
                self.call_later(self.update)
        if self.is_active:
            self._preview()
        if not done:
            return 0.005  # let the screen's thread have its turn
        pause = _POLL_SECONDS if self.is_active or self._has_news else _AWAY_SECONDS
        return max(pause, (time.thread_time() - began) / _SHARE)

    def _preview(self) -> None:
        """Draw the run under the cursor, if it is another one or has changed."""
        wanted, before = self._wanted, self._previewed
        if wanted is None or min(wanted.size) < 1:
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
            self.call_later(self._preview_pane.show, [])
            return
        self._previewed, self._is_stale = (wanted, view), False
        with self._preview_pace.work():
            lines = lines_of(self.lab, courses.draw(view, (), wanted.wish, *wanted.size).text)
        self.call_later(self._preview_pane.show, lines)

    # On the screen's thread.

    def _want_preview(self) -> None:
        pane, row = self._preview_pane, self.current
        if row and row["state"] != "unreadable" and pane.display and pane.size.width:
            self._wanted = _Preview(Path(row["path"]), wish(self.lab), tuple(pane.size), self.lab.theme)
            self._reader.wake()
        else:
            self._wanted = self._previewed = None
            pane.show([])

    def on_resize(self) -> None:
        self.call_after_refresh(self.update)

    def recolour(self) -> None:
        super().recolour()
        self.update()

    def on_screen_resume(self) -> None:
        if self._is_read:
            self.update()
            self._reader.wake()

    def _want_preview_soon(self) -> None:
        """When the cursor has come to rest."""
        self._resting.stop()
        self._resting = self.set_timer(_REST_SECONDS, self._want_preview)

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        key = self.query_one(Listing).current
        return next((row for row in self._shown if row["path"] == key), None)

    def update(self) -> None:
        """Show the rows as they are now, filtered and in order."""
        settings = self.lab.settings
        words, mistake = self.query_one(Input).value, ""
        try:
            wanted = condition(words)
        except UsageError as error:
            wanted, mistake = condition(""), str(error)
        self._shown = ordered([row for row in self.lab.rows if wanted(row)], settings.sort, settings.descending)
        listing = self.query_one(Listing)
        listing.show(self._cells.of_rows(self._shown), runrows.titles(self.lab))
        name_pane(listing, runrows.pane_title(self.lab, self._shown, words, mistake))
        listing.display = bool(self._shown) or not self._is_read
        if listing.display and self.focused is None:
            listing.focus()
        nothing = self.query_one("#nothing", Lines)
        nothing.display = self._is_read and not self._shown
        if nothing.display:
            nothing.show(runrows.nothing(self.lab, words, self._problem, nothing.size.width or self.size.width - 4))
        self.query_one("#below").display = bool(self.lab.rows)
        self._update_details()

    @on(Listing.Moved)
    @on(Lines.Resized, "#details")
    def _update_details(self) -> None:
        details = self.query_one("#details", Lines)
        row = self.current
        self._preview_pane.set_class(not row or row["state"] == "unreadable", "-nothing")
        details.show(runrows.details(self.lab, row, *details.size) if row else [])
        self._want_preview_soon()
        self.refresh_bindings()

    def possible(self, id: str) -> bool:  # noqa: A002
        row = self.current
        state = row["state"] if row else ""
        return {
            "new": "new-run" in self.lab.screens,
            "open": state not in ("", "unreadable"),
            "mark": state not in ("", "unreadable"),
            "stop": state in ACTIVE,
            "resume": state in RESUMABLE,
            "remove": bool(state) and state not in ACTIVE,
            "copy-path": bool(state),
            "filter": bool(self.lab.rows),
            "sort": bool(self.lab.rows),
            "reverse": bool(self.lab.rows),
            "clear": bool(self.lab.marked or self.query_one(Input).value),
        }.get(id, True)

    def action_new(self) -> None:
        self.lab.open("new-run")

    @on(Listing.Opened)
    def action_open(self) -> None:
        if self.possible("open"):
            self.lab.open("live", Path(self.current["path"]))

    def action_mark(self) -> None:
        path, marked = self.current["path"], self.lab.marked
        if path in marked:
            del marked[path]
        else:
            marked[path] = next(number for number in range(len(marked) + 1) if number not in marked.values())
        self.update()

    def action_sort(self) -> None:
        now = self.lab.settings.sort
        self._order_by(ORDERS[(ORDERS.index(now) + 1) % len(ORDERS)] if now in ORDERS else ORDERS[0])

    def action_reverse(self) -> None:
        self.lab.remember(descending=not self.lab.settings.descending)
        self.update()

    @on(Listing.HeaderClicked)
    def _header_clicked(self, event: Listing.HeaderClicked) -> None:
        key = runrows.ORDER_OF.get(event.key)
        if key == self.lab.settings.sort:
            self.action_reverse()
        elif key is not None:
            self._order_by(key)

    def _order_by(self, key: str) -> None:
        self.lab.remember(sort=key, descending=not key)
        self.update()

    def action_filter(self) -> None:
        field = self.query_one(Input)
        field.display = True
        field.focus()

    @on(Input.Changed)
    def _filter_changed(self) -> None:
        self.update()

    @on(Input.Submitted)
    def _filter_done(self) -> None:
        self.query_one(Input).display = False
        self.query_one(Listing).focus()
        self.lab.remember(filter=self.query_one(Input).value)

    def action_clear(self) -> None:
        self.query_one(Input).value = ""
        self.lab.marked.clear()
        self._filter_done()
        self.update()

    def action_stop(self) -> None:
        self._do(launch.stop, "{} saves and leaves")

    def action_resume(self) -> None:
        self._do(lambda run: launch.resume(run, self.lab.home, {}), "{} goes on")

    def _do(self, function: Callable[[RunDir], Any], said: str) -> None:
        """Something with the run under the cursor, on another thread."""
        run = RunDir(Path(self.current["path"]))
        self.work(lambda: function(run), lambda done: self._done(said.format(run.name)))

    def _done(self, said: str) -> None:
        self.lab.say(said)
        self._reader.wake()

    def action_remove(self) -> None:
        run = RunDir(Path(self.current["path"]))

        def ask(size: int) -> None:
            question = f"Remove {run.name} with everything in it ({nbytes(size)})?"
            self.app.push_screen(ConfirmScreen(question, str(run.path), "remove it"), lambda yes: self._remove(run) if yes else None)

        self.work(lambda: removing.size(run.path), ask)

    def _remove(self, run: RunDir) -> None:
        self.work(lambda: removing.remove(run), lambda done: self._done(f"{run.name} is removed"))

    def action_copy_path(self) -> None:
        path = self.current["path"]
        copied = path.isprintable()
        if copied:
            self.app.copy_to_clipboard(path)
        self.app.push_screen(PathScreen(path, copied))
