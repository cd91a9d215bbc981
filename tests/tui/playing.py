"""Playing with the app in a test: it runs without a terminal, keys are pressed, and what the screen shows is read as text."""

import asyncio
import contextlib
import functools
import gc
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest import mock

from textual.pilot import Pilot

from memlab.tui.app import LabApp

gc.set_threshold(50_000, 20, 100)  # every drawn line makes a dozen objects: with Python's own thresholds a quarter of the time goes there

SIZES = [(40, 12), (80, 24), (120, 34), (200, 50)]
_PATIENCE_SECONDS = 30
_POLL_SECONDS = 0.01
_QUIET_LOOKS, _LOOK_SECONDS = 6, 0.001  # in a row; a message goes from one widget to the next in less


def played(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine."""

    @functools.wraps(test)
    def run(*arguments: Any, **options: Any) -> None:
        asyncio.run(test(*arguments, **options))

    return run


class Player:
    """The app as a person meets it."""

    def __init__(self, app: LabApp, pilot: Pilot) -> None:
        self.app, self.pilot = app, pilot

    @property
    def lines(self) -> list[str]:
        """The rows of the screen."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)

    def line(self, word: str) -> str:
        """The first row of the screen that has this word."""
        return next(line for line in self.lines if word in line)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, *words: str, without: tuple[str, ...] = ()) -> str:
        """The screen as soon as it shows all these words, and none of the others."""

        def shown() -> str:
            text = self.text
            return text if all(word in text for word in words) and not any(word in text for word in without) else ""

        return await self.when(shown, f"{words}")

    async def when(self, condition: Callable[[], Any], what: str = "", seconds: float = _PATIENCE_SECONDS) -> Any:
        """What the condition returns as soon as it holds."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert not self.app._exception, "the app has ended"
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{self.text}"
            await asyncio.sleep(_POLL_SECONDS)
            await self.pilot.pause()
        return found


@contextlib.asynccontextmanager
async def lab(home: Path, size: tuple[int, int] = (80, 24), **options: Any) -> AsyncIterator[Player]:
    """The app over a home, with its own files of keys and settings there."""
    app = LabApp(home, keys_path=home / "keys.toml", settings_path=home / "view.json", **options)
    async with app.run_test(size=size, notifications=True) as pilot:

        async def worked_off(*_: Any) -> None:
            """Until nobody has anything to do any more."""
            quiet, deadline = 0, time.monotonic() + _PATIENCE_SECONDS
            while quiet < _QUIET_LOOKS and not app._exception and time.monotonic() < deadline:
                await asyncio.sleep(_LOOK_SECONDS)
                is_quiet = not any(one.message_queue_size for one in (app, *app.screen.walk_children(with_self=True)))
                quiet = quiet + 1 if is_quiet else 0

        # Textual waits until the process uses no processor; our threads, and programs beside us, draw that out to a second for each key.
        with mock.patch("textual.app.wait_for_idle", worked_off), mock.patch("textual.pilot.wait_for_idle", worked_off):
            yield Player(app, pilot)
