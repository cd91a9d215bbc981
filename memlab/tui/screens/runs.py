"""RUNS: every run of the home, live, and what can be done with each."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from memlab.errors import UsageError
from memlab.lab import removing
from memlab.lab.finding import ORDERS, condition, ordered
from memlab.lab.following import Row
from memlab.render.scale import nbytes
from memlab.rundir import RunDir
from memlab.rundir.state import ACTIVE
from memlab.training import launch
from memlab.tui import actions
from memlab.tui.reader import Preview, Reader
from memlab.tui.screens.base import LabScreen
from memlab.tui.screens.confirm import ConfirmScreen
from memlab.tui.screens.path import PathScreen
from memlab.tui.widgets import runrows
from memlab.tui.widgets.curves import wish
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.listing import Listing

_REST_SECONDS = 0.12  # of the cursor on a run, before it is drawn
RESUMABLE = ("stopped", "lost", "failed")


def why_not(id: str, run: RunDir, state: str) -> str:  # noqa: A002
    """Why a run in this state is neither stopped, resumed nor removed."""
    if state in ACTIVE:
        return {"remove": f"{run.name} is being trained: stop it first", "resume": f"{run.name} goes on already"}.get(id, "")
    extends = f"; {run.way_on(state)}" if state == "finished" else ""
    return {"stop": f"{run.name} is {state}: nobody trains it", "resume": f"{run.name} is {state}{extends}"}.get(id, "")


class RunsScreen(LabScreen):
    """The listing, and what is worth knowing of the run under the cursor."""

    NAME = "runs"
    BINDINGS = actions.bindings(NAME)

    def compose_panes(self) -> Iterable[Widget]:
        listing = Listing(runrows.COLUMNS, id="runs", classes="pane")
        yield listing
        yield Lines(id="nothing", classes="pane")
        yield Input(placeholder="words, state:running, size:micro …", id="filter", compact=True, select_on_focus=False)
        with Horizontal(id="below"):
            yield Lines(id="details", classes="pane")
            yield Lines(id="preview", classes="pane")

    def on_mount(self) -> None:
        self._shown: list[Row] = []
        self._cells = runrows.Cells(self.lab)
        self._preview = self.query_one("#preview", Lines)
        self._resting = self.set_timer(0, self._want_preview)
        self.query_one(Input).value = self.lab.settings.filter
        self.query_one(Input).display = False
        self._reader = Reader(self, self._cells, self.update, self._preview.show)
        self._reader.start()

    def on_unmount(self) -> None:
        self._reader.end()

    def on_resize(self) -> None:
        self.call_after_refresh(self.update)

    def recolour(self) -> None:
        super().recolour()
        self.update()

    def on_screen_resume(self) -> None:
        if self.lab.looked_at is not None:
            self.query_one(Listing).await_row(str(self.lab.looked_at))
            self.lab.looked_at = None
        if self._reader.has_read:
            self.update()
            self._reader.look()

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        key = self.query_one(Listing).current
        return next((row for row in self._shown if row["path"] == key), None)

    def update(self) -> None:
        """Show the rows as they are now, filtered and in order."""
        words, mistake = self.query_one(Input).value, ""
        try:
            wanted = condition(words)
        except UsageError as error:
            wanted, mistake = condition(""), str(error)
        settings = self.lab.settings
        self._shown = ordered([row for row in self.lab.rows if wanted(row)], settings.sort, settings.descending)
        listing = self.query_one(Listing)
        listing.show(self._cells.of_rows(self._shown), runrows.titles(self.lab))
        name_pane(listing, runrows.pane_title(self.lab, self._shown, words, mistake))
        self._show_nothing(words)
        listing.display = not self.query_one("#nothing").display
        if listing.display and self.focused is None:
            listing.focus()
        self.query_one("#below").display = bool(self.lab.rows)
        self._update_details()

    def _show_nothing(self, words: str) -> None:
        """In place of an empty listing: why it is empty, and what to do."""
        pane = self.query_one("#nothing", Lines)
        pane.display = self._reader.has_read and not self._shown
        if pane.display:
            pane.show(runrows.nothing(self.lab, words, self._reader.problem, pane.size.width or self.size.width - 4))

    @on(Listing.Moved)
    @on(Lines.Resized, "#details")
    def _update_details(self) -> None:
        details, row = self.query_one("#details", Lines), self.current
        self._preview.set_class(not row or row["state"] == "unreadable", "-nothing")
        details.show(runrows.details(self.lab, row, *details.size) if row else [])
        self._resting.stop()
        self._resting = self.set_timer(_REST_SECONDS, self._want_preview)
        self.refresh_bindings()

    def _want_preview(self) -> None:
        """Have the run under the cursor drawn, where there is room for it."""
        pane, row = self._preview, self.current
        if row and row["state"] != "unreadable" and pane.display and pane.size.width:
            self._reader.preview = Preview(Path(row["path"]), wish(self.lab), tuple(pane.size), self.lab.theme)
            self._reader.look()
        else:
            self._reader.preview = None
            pane.show([])

    def possible(self, id: str) -> bool:  # noqa: A002
        row = self.current
        state = row["state"] if row else ""
        return {
            "new": "new-run" in self.lab.screens,
            "open": state not in ("", "unreadable"),
            "mark": state not in ("", "unreadable"),
            "inspect": state not in ("", "unreadable"),
            "landscape": state not in ("", "unreadable"),
            "tokens": state not in ("", "unreadable"),
            "claims": state not in ("", "unreadable"),
            "stop": state in ACTIVE,
            "resume": state in RESUMABLE,
            "remove": bool(state) and state not in ACTIVE,
            "copy-path": bool(state),
            "filter": bool(self.lab.rows),
            "sort": bool(self.lab.rows),
            "reverse": bool(self.lab.rows),
            "compare": len(self.lab.marked) > 1,
            "clear": bool(self.lab.marked or self.query_one(Input).value),
        }.get(id, True)

    def why_not(self, id: str) -> str:  # noqa: A002
        if id == "compare":
            return "select two runs or more with space, to compare them"
        row = self.current
        return why_not(id, RunDir(Path(row["path"])), row["state"]) if row else ""

    def action_new(self) -> None:
        self.lab.open("new-run")

    @on(Listing.Opened)
    def action_open(self) -> None:
        if self.possible("open"):
            self.lab.open("live", Path(self.current["path"]))

    def action_inspect(self) -> None:
        self.lab.open("attractor", Path(self.current["path"]))

    def action_landscape(self) -> None:
        self.lab.open("landscape", Path(self.current["path"]))

    def action_tokens(self) -> None:
        self.lab.open("tokens", Path(self.current["path"]))

    def action_claims(self) -> None:
        self.lab.open("claims", Path(self.current["path"]))

    def action_sweeps(self) -> None:
        self.lab.open("sweep")

    def action_mark(self) -> None:
        path, marked = self.current["path"], self.lab.marked
        if path in marked:
            del marked[path]
        else:
            marked[path] = next(number for number in range(len(marked) + 1) if number not in marked.values())
        self.update()

    def action_compare(self) -> None:
        self.lab.open("compare", [(Path(path), number) for path, number in self.lab.marked.items()])

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
        field.action_select_all()
        self.set_focus(field)  # at once: the next key is the field's

    @on(Input.Changed)
    def _filter_changed(self) -> None:
        self.lab.remember(filter=self.query_one(Input).value)
        self.update()

    @on(Input.Submitted)
    def _filter_done(self) -> None:
        self.query_one(Input).display = False
        self.set_focus(self.query_one(Listing))

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
        self._reader.look()

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
