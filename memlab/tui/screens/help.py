"""Help: every key, what it does, and where keys can be changed."""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from memlab.tui import actions
from memlab.tui.widgets.runrows import wrapped

_KEYS = 18  # columns of the keys
_LEAST = 12  # columns of the words
_MOVING = (
    ("↑↓ j k", "One row up or down; page up, page down, home and end as usual"),
    ("tab", "The next pane or field; the mouse works too"),
)


class HelpScreen(ModalScreen[None]):
    """The keys of one screen first, then those that work everywhere."""

    BINDINGS: ClassVar = [Binding("escape,q,question_mark,f1", "dismiss", show=False)]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name_of_screen = name

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help", classes="pane") as box:
            box.border_title = Text.assemble((" help ", self.app.style("accent")))
            box.border_subtitle = Text.assemble(("esc", self.app.style("accent")), " ", ("close", self.app.style("quiet")))
            yield Static(id="keys")

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: self.query_one("#keys", Static).update(self._text()))

    def _text(self) -> Text:
        lab, name = self.app, self._name_of_screen
        mine = [(actions.shown_key(lab.keys[one.id]), one.help) for one in actions.of_screen(name)]
        everywhere = [(" ".join(map(actions.shown_key, lab.keys[one.id].split(","))), one.help) for one in actions.of_app()]
        found = "lies in" if lab.keys_path.exists() else "can be put into"
        file = f'Your own keys: a file that {found} {lab.safe(str(lab.keys_path))}, with lines such as  stop = "S"  or  stop = ["S", "f5"].'
        ids = "Names of the actions: " + ", ".join(action.id for action in actions.ACTIONS)
        return Text("\n").join(
            [
                *self._table(name.upper(), mine),
                *self._table("EVERYWHERE", [*everywhere, *_MOVING]),
                Text(),
                lab.text(file),
                Text(),
                lab.text(ids, "quiet"),
            ]
        )

    def _table(self, title: str, rows: list[tuple[str, str]]) -> Iterable[Text]:
        """A title, and a line for each key; what is longer goes on below itself."""
        if not rows:
            return
        yield self.app.text(title, "quiet")
        room = max(self.query_one("#help").scrollable_content_region.width - _KEYS, _LEAST)
        for key, words in rows:
            first, *others = wrapped(words, room, 9)
            yield Text.assemble((f"  {key:<{_KEYS - 2}}", self.app.style("accent")), first)
            yield from (Text(" " * _KEYS + other) for other in others)
        yield Text()
