"""Progress of long work: a bar with the time left on a terminal, a line per piece of work elsewhere, both on standard error."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from memlab.cli.terminal import look
from memlab.render.safe import safe

_LINE_SECONDS = 15.0  # between two lines on the same piece of work, where there is no terminal


@contextlib.contextmanager
def working() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yields a function that takes `{"doing", "done", "total", "unit"}` as often as one likes."""
    if not (look().live and sys.stderr.isatty()):
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(work: dict[str, Any]) -> None:
            doing, amount = safe(work["doing"]), f"{work['done']:,} {work['unit']}" if work["unit"] else ""
            if doing not in tasks:
                for task in tasks.values():
                    bar.update(task, visible=False)
                tasks[doing] = bar.add_task(doing, total=work["total"], amount=amount)
            bar.update(tasks[doing], completed=work["done"], total=work["total"], amount=amount)

        yield show


@contextlib.contextmanager
def reporting() -> Iterator[Callable[[str, int, int | None, str], None]]:
    """`working` for functions that say what they do, how much of it is done, out of how many, of what."""
    with working() as show:
        yield lambda doing, done, total, unit: show({"doing": doing, "done": done, "total": total, "unit": unit})


class _Lines:
    """A line for each piece of work, and now and then how far it is."""

    def __init__(self) -> None:
        self._doing, self._said = "", 0.0

    def __call__(self, work: dict[str, Any]) -> None:
        now = time.monotonic()
        is_new = work["doing"] != self._doing
        if is_new or (work["total"] and now - self._said > _LINE_SECONDS):
            self._doing, self._said = work["doing"], now
            far = "" if is_new else f", {work['done']:,} of {work['total']:,} {work['unit']}"
            print(f"{safe(self._doing)}{far} {'...' if look().ascii else '…'}", file=sys.stderr, flush=True)
