"""The document that a stored pattern comes from, with its token marked in it."""

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from memlab.render.safe import safe


class PassageScreen(ModalScreen[None]):
    """Closed with escape."""

    BINDINGS: ClassVar = [
        Binding("escape,q,enter", "dismiss", show=False),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
    ]

    def __init__(self, found: dict[str, Any]) -> None:
        """`found` is what `lab.asked_often.passage_around` returned."""
        super().__init__()
        self._found = found

    def compose(self) -> ComposeResult:
        lab, found = self.app, self._found
        with VerticalScroll(id="passage", classes="pane") as box:
            box.border_title = lab.text(found["document"], "accent", 60)
            box.border_subtitle = Text.assemble(("esc", lab.style("accent")), " ", ("close", lab.style("quiet")))
            yield Static(lab.text(f"token {found['offset'] + 1:,} of {found['n_tokens']:,}; pattern {found['row']:,}", "quiet"))
            yield Static(self._text(), id="whole")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, way: str) -> None:
        box = self.query_one(VerticalScroll)
        box.scroll_down() if way == "down" else box.scroll_up()

    def _text(self) -> Text:
        lab, found = self.app, self._found
        before, token, after = (safe(found[part], newlines=True, ascii=lab.ascii) for part in ("before", "token", "after"))
        cut = "..." if lab.ascii else "…"
        return Text.assemble(
            (f"{cut if found['is_cut'][0] else ''}{before}", lab.style("text")),
            (safe(found["token"], ascii=lab.ascii) if not found["token"].strip() else token, f"reverse {lab.style('accent')}"),
            ("\n" if "\n" in found["token"] else "", ""),
            (f"{after}{cut if found['is_cut'][1] else ''}", lab.style("quiet")),
        )
