"""What the screens share that have the child process find something of a run, and show it as it comes."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.text import Text

from memlab.lab.child import failure_of
from memlab.render.safe import width as cells
from memlab.rundir import RunDir
from memlab.tui.screens.base import LabScreen
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.questions import work_words


class RequestScreen(LabScreen):
    """Has Lines `#status`. The newest request counts; what it finds and answers comes to `_take_found` and `_take_answer`, after which
    all is drawn.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.run = RunDir(path)
        self._request: int | None = None
        self._status, self._problem = "", ""

    def on_unmount(self) -> None:
        self._cancel()

    def recolour(self) -> None:
        super().recolour()
        self._draw()

    # What a screen says of itself.

    def _draw(self) -> None:
        """Show everything as it is now."""
        raise NotImplementedError

    def _heading(self, room: int) -> Text | None:
        """What is shown, in one line of so many cells; None while that is nothing."""
        raise NotImplementedError

    def _take_found(self, found: dict[str, Any]) -> None:
        """A part of the answer."""

    def _take_answer(self, answer: dict[str, Any]) -> None:
        """The end of it."""

    # What is asked, and what comes back.

    def _request_of(self, do: str, arguments: dict[str, Any], doing: str = "asking") -> None:
        """Have the child find this; an older request is superseded by it."""
        self._problem, self._status = "", doing
        self._request = self.lab.child.ask(do, {"run": str(self.run.path), **arguments}, self._receive(self._take))
        self._draw_status()

    def _cancel(self) -> None:
        """Nobody waits for the answer any more."""
        if self._request is not None:
            self.lab.child.cancel(self._request)
        self._request, self._status = None, ""

    def _receive(self, take: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        """For messages, which come on a thread of the child's."""

        def receive(message: dict[str, Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
                self.call_later(take, message)

        return receive

    def _take(self, message: dict[str, Any]) -> None:
        if message["id"] != self._request or not self.is_mounted:
            return
        if "work" in message:
            self._status = work_words(message["work"])
            self._draw_status()
            return
        if "found" in message:
            self._take_found(message["found"])
        elif "answer" in message:
            self._request, self._status = None, ""
            self._take_answer(message["answer"])
        elif failure := failure_of(message):
            self._request, self._status = None, ""
            self._problem = "" if "superseded" in message else str(failure)
            if "bug" in message:
                raise failure
        self._draw()

    def _draw_status(self) -> None:
        """One line: what is wrong, else what is shown, and what is under way."""
        line = self.query_one("#status", Lines)
        room = max(line.size.width, 1)
        busy = f"{self._status} {'...' if self.lab.ascii else '…'}" if self._status else ""
        if self._problem:
            line.show([self.lab.text(self._problem, "bad", limit=room)])
            return
        tail = f"   {busy}" if busy else ""
        heading = self._heading(max(room - cells(tail), 1))
        if heading is None:
            line.show([self.lab.text(busy, "busy", limit=room)])
        else:
            line.show([Text.assemble(heading, (self.lab.safe(tail, room), self.lab.style("busy")), no_wrap=True)])
