"""The picture of a landscape: a heat map drawn on another thread, of which the newest that was asked for is shown."""

import os
from typing import TYPE_CHECKING

from textual import events
from textual.message import Message

from memlab.render import heatmap
from memlab.render.field import Field
from memlab.render.palette import depth_of
from memlab.tui import background
from memlab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from memlab.tui.app import LabApp


class SlicePicture(Lines, can_focus=True):
    """Shows a field; a click says where in the plane it was."""

    class Pointed(Message):
        """The mouse was clicked at (u, v)."""

        def __init__(self, u: float, v: float) -> None:
            super().__init__()
            self.u, self.v = u, v

    class Scrolled(Message):
        """The wheel was turned over the picture: towards it (more than 0) or away from it."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self.picture = heatmap.Picture([])
        self._field: Field | None = None
        self._is_drawing = self._is_stale = False

    @property
    def values(self) -> tuple[int, int]:
        """How many values across and up are worth computing."""
        return tuple(max(2, n) for n in heatmap.room(*self.size))

    def show_field(self, field: Field | None) -> None:
        """Draw this, and show it as soon as it is drawn; what is shown stays until then."""
        self._field, self._is_stale = field, True
        self._draw()

    def on_resize(self) -> None:
        super().on_resize()
        self.show_field(self._field)

    def _draw(self) -> None:
        if self._is_drawing or not self._is_stale:
            return
        self._is_stale = False
        if self._field is None or min(self.size) < 1:
            self._take(heatmap.Picture([]))
            return
        lab: LabApp = self.app
        field, (width, height) = self._field, self.size
        how = {"depth": depth_of(lab.color, os.environ), "ascii": lab.ascii}
        self._is_drawing = True
        background.run(self, lambda: heatmap.draw(field, width=width, height=height, **how), self._drawn, self._failed)

    def _drawn(self, picture: heatmap.Picture) -> None:
        self._is_drawing = False
        self._take(picture)
        self._draw()

    def _failed(self, error: Exception) -> None:
        self._is_drawing = False
        self.app.say(str(error), "error")

    def _take(self, picture: heatmap.Picture) -> None:
        self.picture = picture
        self.show(picture.texts)

    def on_click(self, event: events.Click) -> None:
        place = self.picture.at(event.x - self.gutter.left, event.y - self.gutter.top)
        if place:
            self.post_message(self.Pointed(*place))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.post_message(self.Scrolled(1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.post_message(self.Scrolled(-1))
