"""The pane with the curves: a picture drawn elsewhere, and where its data lies in it."""

import re
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import events
from textual.message import Message

from memlab.lab.courses import Wish
from memlab.lab.view import AXES
from memlab.render.curves import Plot
from memlab.tui import themes
from memlab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from memlab.tui.app import LabApp


def wish(lab: "LabApp", **others: Any) -> Wish:
    """How the user likes to see curves."""
    kept = lab.settings
    return Wish(
        axis=kept.axis if kept.axis in AXES else "steps",
        log=kept.log,
        smoothing=kept.smoothing if 0 <= kept.smoothing < 1 else 0.0,
        checkpoints=kept.checkpoints,
        color=lab.color,
        ascii=lab.ascii,
        **others,
    )


def lines_of(lab: "LabApp", picture: str) -> list[Text]:
    """A picture with its colours, brighter in the theme with high contrast, as rows of text."""
    if lab.theme == "contrast":
        picture = re.sub(r"38;5;(\d+)", lambda match: f"38;5;{themes.BRIGHTER.get(match[1], match[1])}", picture)
    return [Text.from_ansi(line, no_wrap=True) for line in picture.split("\n")]


class Curves(Lines):
    """Shows a plot; a click says at which x it was."""

    class Pointed(Message):
        """The mouse was clicked at this x."""

        def __init__(self, x: float) -> None:
            super().__init__()
            self.x = x

    class Scrolled(Message):
        """The wheel was turned over the picture: towards it (more than 0) or away from it."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    plot = Plot("")

    def show_plot(self, plot: Plot, lines: list[Text]) -> None:
        """A plot and its lines, already made of its text."""
        self.plot = plot
        self.show(lines)

    def on_click(self, event: events.Click) -> None:
        if self.plot.columns:
            self.post_message(self.Pointed(self.plot.x_at(event.x - self.gutter.left)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.post_message(self.Scrolled(1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.post_message(self.Scrolled(-1))
