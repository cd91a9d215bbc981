"""watch: a run's curves, live on a terminal, one line per evaluation elsewhere. Watching never changes a run."""

import contextlib
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memlab.cli.terminal import complain, draw, look, say, say_json
from memlab.errors import UsageError
from memlab.home import find_run
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.lab.courses import Wish
    from memlab.lab.view import RunView

STOPPED, LEFT = 3, 130
_POLL_SECONDS = 0.5  # at most two redraws a second
_TALLEST, _LOWEST = 34, 12  # rows of a picture that stays on the screen
_NEXT_LINES = 8  # what is said after the figures
_FIRST_STEPS = 1000  # suggested for a run that has trained nothing so far
_AXES = ("steps", "tokens", "seconds")

Axis = Annotated[str, typer.Option("--x", help="The x axis: steps, tokens or seconds.")]
Log = Annotated[bool, typer.Option("--log", help="Logarithmic loss.")]
Figure = Annotated[
    str, typer.Option(metavar="NAME", help="In place of losses, what was measured while training: train.measures.", show_default=False)
]


def watch(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name, a path, a unique prefix, or last.")] = "last",
    x: Axis = "steps",
    log: Log = False,
    raw: Annotated[bool, typer.Option("--raw", help="The training loss without smoothing.")] = False,
    figure: Figure = "",
    once: Annotated[bool, typer.Option("--once", help="Draw the curves once and return.")] = False,
    json: Annotated[bool, typer.Option("--json", help="State and events as JSON, once.")] = False,
) -> None:
    """Show a run's curves: live while it trains, as they ended afterwards. Ctrl-C leaves the run alone."""
    from memlab.lab.figures import named
    from memlab.lab.view import open_view

    wish = wish_of(x, log, raw, figure)
    found = find_run(context.obj, run)
    view = open_view(found)
    wish = replace(wish, figure=named([view], figure))
    if json:
        standing = {"status": view.status, "problem": view.problem(), "state": vars(view.state) if view.state else None}
        say_json({"name": found.name, **standing, "provenance": view.provenance, "events": view.rows})
    elif once:
        now = look()
        draw(_picture(view, now.width, max(1, min(now.height - 1, _TALLEST)), wish))
    else:
        raise typer.Exit(attend(found, wish=wish))


def wish_of(x: str = "steps", log: bool = False, raw: bool = False, figure: str = "") -> "Wish":
    """The picture that the options ask for, with the figure as it was typed. Raises UsageError for what makes no sense."""
    from memlab.lab import courses

    if x not in _AXES:
        raise UsageError(f"--x is '{x}'; it must be one of {', '.join(_AXES)}")
    if figure and log:
        raise UsageError("--log is of losses; leave it out with --figure")
    return courses.Wish(x, log, 0.0 if raw else courses.SMOOTHING, figure=figure)


def attend(run: RunDir, begin: Callable[[], object] | None = None, wish: "Wish | None" = None) -> int:
    """Show a run until nobody trains it any more; the exit status that says how it ended. `begin` starts it first.

    Live on a terminal, where Ctrl-C leaves the run alone. In lines elsewhere, where SIGTERM and Ctrl-C stop a run that was begun here.
    """
    from memlab.lab.view import open_view

    live = look().live
    try:
        with _stopping_on_signals(run) if begin and not live else contextlib.nullcontext():
            if begin:
                begin()
            view = open_view(run)
            if live:
                _attend_live(view, wish or wish_of())
            else:
                _attend_in_lines(view, skip=len(view.evaluations) if begin else 0)
    except KeyboardInterrupt:
        if not run.path.exists():
            raise
        say(f"\n{run.name} goes on by itself.\n  memlab watch {run.word}\n  memlab stop {run.word}{_how_to_call()}")
        return LEFT
    return _conclude(view)


def _attend_live(view: "RunView", wish: "Wish") -> None:
    """Redraw when something has changed, at most twice a second; the last picture stays on the normal screen."""
    from memlab.cli.live import Screen

    try:
        if view.is_active:
            with Screen() as screen:
                size = None
                while view.is_active:
                    now = look()
                    if size != (now.width, now.height) or view.poll():
                        size = now.width, now.height
                        screen.draw(_live_lines(view, wish), size)
                    time.sleep(_POLL_SECONDS)
    finally:
        if view.rows:
            now = look()
            said = 4 if view.is_active or not view.has_facts else _closing(view).count("\n") + _NEXT_LINES
            height = max(min(now.height - 4, _LOWEST), min(now.height - said, _TALLEST))  # with what is said next still in sight
            draw(_picture(view, now.width, height, wish))


def _live_lines(view: "RunView", wish: "Wish") -> list[str]:
    from memlab.render.safe import safe

    now = look()
    width = max(1, now.width - 1)  # a full row would leave the cursor in the next one
    hints = (f"Ctrl-C leaves it running · memlab stop {view.run.word} ends it", "Ctrl-C leaves it running")
    hint = [safe(next((words for words in hints if len(words) <= width), hints[-1]), width, ascii=now.ascii)] if now.height > 10 else []
    return [*_picture(view, width, max(1, now.height - len(hint)), wish).split("\n"), *hint]


def _picture(view: "RunView", width: int, height: int, wish: "Wish") -> str:
    from memlab.lab.screen import frame

    now = look()
    return frame(view, width, height, replace(wish, color=now.color, ascii=now.ascii))


def _attend_in_lines(view: "RunView", skip: int) -> None:
    """One line when something begins, one per evaluation after the first `skip`; no cursor movement."""
    from memlab.lab.screen import plain_line, title
    from memlab.lab.view import work_of

    say(f"{view.run.name} in {view.run.path}")
    shown, doing, titled = skip, "", False
    while True:
        active = view.is_active
        work = work_of(view)
        if work and work.doing != doing:
            doing = work.doing
            say(f"{view.run.name}: {doing}")
        evaluations = view.evaluations
        if evaluations and not titled:
            titled = True
            say(title(view))
        shown = min(shown, len(evaluations))  # resumed: the rows that were beyond its step are gone
        for evaluation in evaluations[shown:]:
            say(plain_line(view, evaluation))
        shown = len(evaluations)
        if not active:
            return
        time.sleep(_POLL_SECONDS)
        view.poll()


@contextlib.contextmanager
def _stopping_on_signals(run: RunDir) -> Iterator[None]:
    """In a batch job or pipe, SIGTERM and SIGINT ask the trainer to save and leave; SIGHUP leaves it alone, as a lost connection does."""
    from memlab.training import launch

    def stop(number: int, frame: object) -> None:
        if not run.path.exists() or not run.is_active():
            sys.exit(128 + number)
        launch.stop(run)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _conclude(view: "RunView") -> int:
    """What came of it, in words, and what to type next."""
    from memlab.training import launch
    from memlab.training.schedule import ends_at_zero

    name, word = view.run.name, view.run.word
    if view.status in ("failed", "lost"):
        complain(view.problem())
        return max(1, launch.exit_status(view.run) or 1)  # below 0: ended by a signal
    if not view.has_facts:
        say(f"{name} is {view.status}; it had not begun to train.\n  memlab resume {word}{_how_to_call()}")
        return STOPPED
    draw(_closing(view))
    if view.status == "stopped":
        say(f"Stopped at step {view.step:,} of {view.steps:,} and saved.\n  memlab resume {word}{_how_to_call()}")
        return STOPPED
    train = view.run.experiment().train
    rate = f" --set train.min_lr={train.lr / 10:.2g}" if ends_at_zero(train) and view.steps else ""
    commands = (f"sample {word}", f"watch {word} --log", f"resume {word} --steps {2 * view.steps or _FIRST_STEPS}{rate}", "runs")
    say("Next:\n" + "\n".join(f"  memlab {command}" for command in commands) + _how_to_call())
    return 0


def _closing(view: "RunView") -> str:
    """The figures of a run and what they say, ready to be drawn."""
    from memlab.lab import summary
    from memlab.render.safe import safe
    from memlab.render.tables import keyvalues

    now = look()
    said = safe(textwrap.fill(summary.verdict(view), max(20, now.width)), newlines=True, ascii=now.ascii)
    return f"\n{keyvalues(summary.facts(view), now.width, color=now.color, ascii=now.ascii)}\n\n{said}\n"


def _how_to_call() -> str:
    """A last line for whoever started memlab by a path: where the command is."""
    if shutil.which("memlab"):
        return ""
    return f"\n(here memlab is {Path(sys.executable).with_name('memlab')}, or ./scripts/lab in a clone)"
