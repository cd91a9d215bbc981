"""What the screens about one text of one run share: the line that one asks with, panes that take turns, the checkpoint."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from memlab.lab.child import failure_of
from memlab.lab.questions import Question
from memlab.render import card
from memlab.render.safe import width as cells
from memlab.tui.actions import Action
from memlab.tui.screens.pick import PickScreen
from memlab.tui.screens.requesting import RequestScreen
from memlab.tui.widgets.fields import Line
from memlab.tui.widgets.questions import question_of, words_of


class AskingScreen(RequestScreen):
    """Has a Line `#asked`; MAIN is the widget that has the keys while nothing is typed."""

    MAIN: ClassVar[str]
    VIEWS: ClassVar[dict[str, str]] = {}  # panes that take turns, with their titles; with more than little room the first is always there
    _question: Question | None  # what is asked with; None where the child chooses
    PARTS: ClassVar = {"given": "", "training": "training: ", "validation": "held-out: "}

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._chosen_view = ""  # by the user

    # What a screen says of itself.

    def _ask_about(self, question: Question) -> None:
        """Ask with this text from now on."""
        raise NotImplementedError

    def _ask_checkpoint(self, step: str) -> None:
        """Ask this checkpoint from now on."""
        raise NotImplementedError

    @property
    def _checkpoints(self) -> tuple[list[int], int]:
        """The steps that can be asked, and the one that is shown."""
        raise NotImplementedError

    def _open_passage(self, step: int, row: int, screen_of: Callable[[dict[str, Any]], Screen]) -> None:
        """Show the passage that a stored pattern comes from, on a screen made from it."""

        def take(message: dict[str, Any]) -> None:
            if "answer" in message and self.is_current:
                self.app.push_screen(screen_of(message["answer"]))
            elif "error" in message:
                self.lab.say(message["error"], "error")
            elif "bug" in message:
                raise failure_of(message)

        self.lab.child.ask("passage", {"run": str(self.run.path), "checkpoint": str(step), "row": row}, self._receive(take))

    def _in_context(self, words: str, tokens: list[str], position: int, room: int) -> Text:
        """Words, in half of the room at most, and a token with the text before it."""
        lab = self.lab
        words = lab.safe(words, max(room // 2, 1)) + "  "
        found = {"before": "".join(tokens[:position]), "token": tokens[position]}
        shown = card.context(found, max(room - cells(words), 1), lab.ascii)
        return Text.assemble((words, lab.style("quiet")), (shown, lab.style("text")), no_wrap=True)

    # Panes that take turns.

    @property
    def _views(self) -> list[str]:
        """Those of this width."""
        return list(self.VIEWS)[0 if self.has_class("-narrow") else 1 :]

    @property
    def _view(self) -> str:
        return self._chosen_view if self._chosen_view in self._views else self._views[0]

    @property
    def _next_view(self) -> str:
        return self._views[(self._views.index(self._view) + 1) % len(self._views)]

    def _show_view(self, name: str = "") -> None:
        """Show this pane from now on, or the one that was chosen last as far as this width has it."""
        self._chosen_view = name or self._chosen_view
        for other in self.VIEWS:
            self.set_class(other == self._view, f"-on-{other}")
        self.call_after_refresh(self._draw)

    def label(self, action: Action) -> str:
        return self.VIEWS[self._next_view] if action.id == "next-view" else super().label(action)

    # What the user does.

    @property
    def is_typing(self) -> bool:
        return isinstance(self.focused, Input)

    @on(Input.Submitted, "#asked")
    def _submitted(self, event: Input.Submitted) -> None:
        question = question_of(event.value)
        if question is None:
            self._problem = "write a text to ask with, or :train 17 or :validation 17 for a passage of the run"
            self._draw_status()
            return
        self._ask_with(question)
        self._main.focus()

    def _ask_with(self, question: Question) -> None:
        """Ask with this, and show it in the line."""
        self._name_question(question)
        self._ask_about(question)

    def _name_question(self, question: Question) -> None:
        line = self.query_one("#asked", Line)
        line.value = words_of(question)
        line.cursor_position = len(line.value)

    @property
    def _main(self) -> Widget:
        return self.query_one(self.MAIN)

    def action_ask(self) -> None:
        """Type another text in the place of this one, or go on with it."""
        line = self.query_one("#asked", Line)
        self.set_focus(line)  # at once: the next key is the line's
        line.action_select_all()

    def action_close(self) -> None:
        if self.is_typing:
            self._main.focus()
        else:
            self.dismiss()

    def action_training_passage(self) -> None:
        self._ask_with(Question("training"))

    def action_held_out_passage(self) -> None:
        self._ask_with(Question("validation"))

    def action_next_passage(self) -> None:
        self._ask_with(replace(self._question, number=self._question.number + 1))

    def action_previous_passage(self) -> None:
        self._ask_with(replace(self._question, number=self._question.number - 1))

    def action_checkpoint(self) -> None:
        steps, shown = self._checkpoints
        words = {str(steps[0]): "the null" if steps[0] == 0 else "the first", str(steps[-1]): "the last"}
        options = [(str(step), words.get(str(step), "")) for step in steps]
        names = {str(step): f"step {step:,}" for step in steps}

        def chosen(step: str | None) -> None:
            if step is not None and step != str(shown):
                self._ask_checkpoint(step)

        self.app.push_screen(PickScreen("checkpoint", options, str(shown), names), chosen)
