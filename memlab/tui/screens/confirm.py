"""A question that is answered with yes or no."""

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class ConfirmScreen(ModalScreen[bool]):
    """Asks; the answer is what it is dismissed with. Nothing happens by accident: only y says yes."""

    BINDINGS: ClassVar = [Binding("y", "answer(True)", show=False), Binding("n,escape,q,enter", "answer(False)", show=False)]

    def __init__(self, question: str, what: str, yes: str) -> None:
        super().__init__()
        self._question, self._what, self._yes = question, what, yes

    def compose(self) -> ComposeResult:
        with Vertical(id="question", classes="pane"):
            yield Static(self.app.text(self._question))
            yield Static(self.app.text(self._what, "quiet"))
            yield Static(Text("     ").join([self._key("y", self._yes, True), self._key("n", "no", False)]), id="answers")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)

    def _key(self, key: str, words: str, answer: bool) -> Text:
        click = Style(meta={"@click": f"screen.answer({answer})"})
        return Text.assemble((key, self.app.style("accent") + click), " ", (words, self.app.style("text") + click))
