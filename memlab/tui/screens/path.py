"""A path on lines of its own, to be selected where the terminal takes no copies."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class PathScreen(ModalScreen[None]):
    """Any key closes it."""

    def __init__(self, path: str, copied: bool) -> None:
        super().__init__()
        self.path, self._copied = path, copied

    def compose(self) -> ComposeResult:
        said = "Copied, if your terminal allows it. To select it yourself, hold shift and drag:" if self._copied else "Select it yourself:"
        with Vertical(id="path-box"):
            yield Static(self.app.text(said, "quiet"))
            yield Static(self.app.text(self.path), id="path")
            yield Static(self.app.text("any key goes back", "quiet"))

    def on_key(self, event: events.Key) -> None:
        event.stop()
        self.dismiss()

    def on_click(self) -> None:
        self.dismiss()
