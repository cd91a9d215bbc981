"""A list to pick one from, each with a sentence that says what it is."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class PickScreen(ModalScreen[str | None]):
    """Dismissed with the name that was picked, or with None."""

    BINDINGS: ClassVar = [Binding("escape,q", "dismiss(None)", show=False)]

    def __init__(self, title: str, options: Sequence[tuple[str, str]], value: str, words: Mapping[str, str]) -> None:
        """Each option is a name and its sentence; `words`: how names are shown, where they are not words themselves."""
        super().__init__()
        self._title, self._options, self._value, self._words = title, options, value, words

    def compose(self) -> ComposeResult:
        with Vertical(id="pick", classes="pane") as box:
            box.border_title = self.app.text(self._title, "accent")
            yield OptionList(*(Option(self._prompt(name, words)) for name, words in self._options), compact=True, markup=False)

    def on_mount(self) -> None:
        names = [name for name, _ in self._options]
        listing = self.query_one(OptionList)
        listing.highlighted = names.index(self._value) if self._value in names else 0
        listing.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._options[event.option_index][0])

    def _prompt(self, name: str, words: str) -> Text:
        lab = self.app
        widest = max(len(lab.safe(self._words.get(other, other))) for other, _ in self._options)
        prompt = Text.assemble(lab.text(f"{lab.safe(self._words.get(name, name)):<{widest}}"), "  ", lab.text(words, "quiet"))
        prompt.no_wrap = True
        prompt.overflow = "ellipsis"
        return prompt
