"""Saving a form as a preset of the user's own: asks for its name."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from memlab.tui.widgets.fields import Line, Row


class SaveScreen(ModalScreen[str | None]):
    """Dismissed with a name that `problem` has nothing against, or with None."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", show=False)]

    def __init__(self, name: str, problem: Callable[[str], str]) -> None:
        super().__init__()
        self._name_before, self._problem = name, problem

    def compose(self) -> ComposeResult:
        with Vertical(id="save", classes="pane") as box:
            box.border_title = self.app.text("save as a preset", "accent")
            yield Row("name", [Line(id="preset-name")])
            yield Static(self.app.text("enter saves it under presets/ in this home, esc does not", "quiet"))

    def on_mount(self) -> None:
        line = self.query_one(Line)
        line.value = self._name_before
        line.focus()

    @on(Input.Submitted)
    def _done(self, event: Input.Submitted) -> None:
        event.stop()
        problem = self._problem(event.value)
        self.query_one(Row).complain(problem)
        if not problem:
            self.dismiss(event.value)
