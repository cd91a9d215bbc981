"""The card of one marker of a landscape, and the training passage that its pattern comes from."""

from collections.abc import Sequence
from typing import Any

from textual.containers import VerticalScroll
from textual.widgets import Static

from memlab.render.tables import keyvalues
from memlab.tui.screens.passage import PassageScreen
from memlab.tui.widgets.curves import lines_of

_WIDTH = 86  # of the card, where the screen is wide enough


class LandmarkScreen(PassageScreen):
    """Closed with escape."""

    def __init__(self, card: Sequence[tuple[str, str]], found: dict[str, Any]) -> None:
        """`card` is what is known of the marker, `found` what `lab.asked_often.passage_around` returned."""
        super().__init__(found)
        self._card = card

    def on_mount(self) -> None:
        super().on_mount()
        lab = self.app
        width = max(1, min(_WIDTH, lab.size.width - 6))
        lines = lines_of(lab, keyvalues(self._card, width, color=lab.color, ascii=lab.ascii))
        self.query_one(VerticalScroll).mount(*(Static(line) for line in lines), Static(""), before=0)
