"""A sweep while it is trained: its heat map drawn anew on a terminal, a line for each finished cell elsewhere."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from memlab.cli.live import Screen
from memlab.cli.terminal import look, say
from memlab.lab.sweep import Follower, Standing
from memlab.lab.sweep_shown import CAPACITY_LINE, line_of, tiles
from memlab.render import tiles as render
from memlab.render.palette import depth_of
from memlab.render.safe import safe

_REDRAW_SECONDS = 1.0
_WIDEST, _NARROWEST = 9, 5  # columns of a cell of the map


@contextmanager
def watching(follower: Follower, show: str) -> Iterator[Callable[..., None]]:
    """Yields what to call as training goes on: it draws the map anew on a terminal, and says a line per finished cell elsewhere."""
    if not look().live:
        lines = _Lines(follower)
        before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that trainers save
        try:
            yield lines
            lines.say_finished()
        finally:
            signal.signal(signal.SIGTERM, before)
        return
    with Screen() as screen:
        yield _Picture(follower, show, screen)


class _Lines:
    def __init__(self, follower: Follower) -> None:
        self._follower, self._next = follower, 0.0
        self._said = {cell.name for cell in follower.poll().cells if cell.state in ("finished", "failed")}

    def __call__(self, *work: Any) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _REDRAW_SECONDS
            self.say_finished()

    def say_finished(self) -> None:
        """A line for each cell that has ended since the last time."""
        standing = self._follower.poll()
        for cell in standing.cells:
            if cell.state in ("finished", "failed") and cell.name not in self._said:
                self._said.add(cell.name)
                say(f"{len(self._said)}/{len(standing.cells)}  {line_of(cell)}")


class _Picture:
    def __init__(self, follower: Follower, show: str, screen: Any) -> None:
        self._follower, self._show, self._screen, self._next = follower, show, screen, 0.0

    def __call__(self, doing: str, done: int, total: int, unit: str) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _REDRAW_SECONDS
        now, standing = look(), self._follower.poll()
        width = max(1, now.width - 1)  # a full row would leave the cursor in the next one
        going = ", ".join(f"{cell.name} {cell.step:,}/{cell.steps:,}" for cell in standing.cells if cell.state in ("starting", "running"))
        lines = [
            f"{standing.n_finished} of {len(standing.cells)} cells, {done:,} of {total:,} {unit}",
            *map_lines(standing, self._show, width, max(1, now.height - 4)),
            f"training {going}" if going else "",
            "Ctrl-C saves and stops; the same command goes on",
        ]
        self._screen.draw([*_fitted(lines[:1], width), *lines[1:-2], *_fitted(lines[-2:], width)][: now.height], (now.width, now.height))


def _fitted(lines: list[str], width: int) -> list[str]:
    return [safe(line, width, ascii=look().ascii) for line in lines]


def map_lines(standing: Standing, show: str, width: int, height: int) -> list[str]:
    """The heat map, no higher than it has to be."""
    now, table = look(), tiles(standing, show)
    rows = len(table.rows) + 3  # with title, names and ramp
    fitting = (cell for cell in range(_WIDEST, _NARROWEST, -1) if render.shown(table, width, cell, now.ascii) >= len(table.columns))
    options = {"cell": next(fitting, _NARROWEST), "depth": depth_of(now.color, os.environ), "ascii": now.ascii}
    picture = render.draw(table, width=width, height=min(height, rows), **options)
    lines = [line.rstrip() for line in picture.lines]
    if any(edge is not None for edge in table.edges) and height > rows:
        lines += _fitted([f"{'|' if now.ascii else '┃'} {CAPACITY_LINE}"], width)
    return lines
