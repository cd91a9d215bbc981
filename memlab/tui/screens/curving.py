"""What the screens with curves share: the keys for axis, scale and smoothing, the cursor, zooming and panning."""

from textual import on

from memlab.lab import courses
from memlab.lab.view import AXES
from memlab.tui.artist import Artist, Drawn
from memlab.tui.screens.base import LabScreen
from memlab.tui.widgets.curves import Curves, wish

_SMOOTHING = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)


class CurvesScreen(LabScreen):
    """Has a pane of Curves and an artist, and says in `_ask` that they are to be drawn as `_wish` says."""

    _artist: Artist

    def __init__(self) -> None:
        super().__init__()
        self._x: courses.Range | None = None
        self._cursor: float | None = None
        self._figure = ""  # the name of what is drawn in place of the losses
        self._drawn: Drawn | None = None

    def on_unmount(self) -> None:
        self._artist.end()

    def on_resize(self) -> None:
        self.call_after_refresh(self._ask)

    def recolour(self) -> None:
        super().recolour()
        self._ask()

    def _ask(self) -> None:
        """Order the picture as it is wanted now."""
        raise NotImplementedError

    @property
    def _wish(self) -> courses.Wish:
        return wish(self.lab, x=self._x, cursor=self._cursor, figure=self._figure)

    def possible(self, id: str) -> bool:  # noqa: A002
        plotted = bool(self._drawn and self._drawn.everything)
        return {
            "whole": self._x is not None or self._cursor is not None,
            "pan-left": self._x is not None,
            "pan-right": self._x is not None,
            "zoom": plotted,
            "cursor-left": plotted,
            "cursor-right": plotted,
            "figure": bool(self._drawn and self._drawn.figures),
            "log": not self._figure,
            "smoother": not self._figure,
            "rougher": not self._figure,
        }.get(id, True)

    def _change(self, **settings: object) -> None:
        self.lab.remember(**settings)
        self._ask()

    def action_log(self) -> None:
        self._change(log=not self.lab.settings.log)

    def action_axis(self) -> None:
        names = list(AXES)
        self._x = self._cursor = None
        self._change(axis=names[(names.index(self._wish.axis) + 1) % len(names)])

    def action_smoother(self) -> None:
        self._change(smoothing=next((weight for weight in _SMOOTHING if weight > self.lab.settings.smoothing), _SMOOTHING[-1]))

    def action_rougher(self) -> None:
        self._change(smoothing=next((weight for weight in reversed(_SMOOTHING) if weight < self.lab.settings.smoothing), 0.0))

    def action_cursor_left(self) -> None:
        self._move_cursor(-1)

    def action_cursor_right(self) -> None:
        self._move_cursor(1)

    def _move_cursor(self, by: int) -> None:
        plot = self._drawn.plot
        if not plot.columns:
            return
        last = plot.left + plot.columns - 1
        column = last if self._cursor is None else plot.column_of(self._cursor)
        self._cursor = plot.x_at(min(max(column + (by if self._cursor is not None else 0), plot.left), last))
        self._ask()

    @on(Curves.Pointed)
    def _pointed(self, event: Curves.Pointed) -> None:
        self._cursor = event.x
        self._ask()

    @on(Curves.Scrolled)
    def _scrolled(self, event: Curves.Scrolled) -> None:
        self._zoom(0.5 if event.by > 0 else 2.0)

    def action_zoom(self) -> None:
        self._zoom(0.5)

    def _zoom(self, factor: float) -> None:
        everything = self._drawn.everything if self._drawn else None
        if everything:
            inside = self._x or everything
            around = self._cursor if self._cursor is not None and inside[0] <= self._cursor <= inside[1] else sum(inside) / 2
            self._x = courses.zoomed(inside, everything, around, factor)
            self._ask()

    def action_whole(self) -> None:
        if self._x is not None:
            self._x = None
        else:
            self._cursor = None
        self._ask()

    def action_pan_left(self) -> None:
        self._pan(-0.25)

    def action_pan_right(self) -> None:
        self._pan(0.25)

    def _pan(self, share: float) -> None:
        if self._x and self._drawn.everything:
            self._x = courses.panned(self._x, self._drawn.everything, share)
            self._ask()

    def action_figure(self) -> None:
        """The losses, then what was measured, one after the other."""
        names = ["", *self._drawn.figures]
        self._figure = names[(names.index(self._figure) + 1) % len(names)] if self._figure in names else ""
        self._ask()
