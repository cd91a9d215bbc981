"""Progress of long work: a bar with the time left on a terminal, a line per piece of work elsewhere, both on standard error."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from memlab.cli.terminal import look
from memlab.progress import pace
from memlab.render.safe import safe

_LINE_SECONDS = 15.0  # between two lines on the same piece of work, where there is no terminal
_STEPS = 500  # of a piece of work that are remembered; beyond that every other one


@contextlib.contextmanager
def working() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yields a function that takes `{"doing", "done", "total", "unit"}` as often as one likes."""
    if not (look().live and sys.stderr.isatty()):
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TextColumn("{task.fields[left]}"),  # rich's own forgets what is 30 seconds old, and a checkpoint may take as long
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}
        remembered = _Pace()

        def show(work: dict[str, Any]) -> None:
            doing = safe(work["doing"])
            fields = {"amount": f"{work['done']:,} {work['unit']}" if work["unit"] else "", "left": remembered.left(work, time.monotonic())}
            if doing not in tasks:
                for task in tasks.values():
                    bar.update(task, visible=False)
                tasks[doing] = bar.add_task(doing, total=work["total"], **fields)
            bar.update(tasks[doing], completed=work["done"], total=work["total"], **fields)

        yield show


@contextlib.contextmanager
def reporting() -> Iterator[Callable[[str, int, int | None, str], None]]:
    """`working` for functions that say what they do, how much of it is done, out of how many, of what."""
    with working() as show:
        yield lambda doing, done, total, unit: show({"doing": doing, "done": done, "total": total, "unit": unit})


class _Lines:
    """A line for each piece of work, and now and then how far it is."""

    def __init__(self) -> None:
        self._doing, self._said, self._pace = "", 0.0, _Pace()

    def __call__(self, work: dict[str, Any]) -> None:
        now = time.monotonic()
        left = self._pace.left(work, now)
        is_new = work["doing"] != self._doing
        if is_new or (work["total"] and now - self._said > _LINE_SECONDS):
            self._doing, self._said = work["doing"], now
            far = "" if is_new else f", {work['done']:,} of {work['total']:,} {work['unit']}{left and ', '}{left}"
            print(f"{safe(self._doing)}{far} {'...' if look().ascii else '…'}", file=sys.stderr, flush=True)


class _Pace:
    """How long a piece of work still takes: what was done by when is remembered."""

    def __init__(self) -> None:
        self._doing, self._steps = "", [(0.0, 0)]

    def left(self, work: dict[str, Any], now: float) -> str:
        """`4 m 10 s left`; empty while that is not known. `now` is in seconds of any clock."""
        from memlab.render.scale import duration

        if work["doing"] != self._doing:
            self._doing, self._steps = work["doing"], [(now, work["done"])]
        elif work["done"] > self._steps[-1][1]:
            if len(self._steps) > _STEPS:
                del self._steps[1::2]
            self._steps.append((now, work["done"]))
        each, (end, done) = pace(self._steps), self._steps[-1]
        if not work["total"] or each is None:
            return ""
        return f"{duration(max(0.0, each * (work['total'] - done) - (now - end)))} left"
