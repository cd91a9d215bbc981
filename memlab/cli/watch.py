"""watch: a run's curves, live on a terminal, one line per evaluation elsewhere. Watching never changes a run."""

import contextlib
import signal
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from memlab.cli.terminal import complain, look, say, say_json
from memlab.errors import UsageError
from memlab.home import find_run
from memlab.rundir import RunDir

STOPPED, LEFT = 3, 130
_POLL_SECONDS = 0.5  # at most two redraws a second
_AXES = ("steps", "tokens", "seconds")


def watch(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name, a path, a unique prefix, or last.")] = "last",
    x: Annotated[str, typer.Option("--x", help="The x axis: steps, tokens or seconds.")] = "steps",
    log: Annotated[bool, typer.Option("--log", help="Logarithmic loss.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The training loss without smoothing.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Draw the curves once and return.")] = False,
    json: Annotated[bool, typer.Option("--json", help="State and events as JSON, once.")] = False,
) -> None:
    """Show a run's curves: live while it trains, as they ended afterwards. Ctrl-C leaves the run alone."""
    from memlab.lab.view import open_view

    if x not in _AXES:
        raise UsageError(f"--x is '{x}'; it must be one of {', '.join(_AXES)}")
    found = find_run(context.obj, run)
    view = open_view(found)
    if json:
        state = vars(view.state) if view.state else None
        say_json({"name": found.name, "status": view.status, "state": state, "provenance": view.provenance, "events": view.rows})
        return
    if once:
        _draw(found, x, log, raw)
        return
    status = attend(found, forward=False, x=x, log=log, raw=raw)
    if status:
        raise typer.Exit(status)


def attend(run: RunDir, forward: bool, x: str = "steps", log: bool = False, raw: bool = False) -> int:
    """Show a run until nobody trains it any more; the exit status that says how it ended.

    Live on a terminal, where Ctrl-C leaves the run alone. In lines elsewhere; with `forward`, SIGTERM and Ctrl-C then stop the run.
    """
    from memlab.lab.view import open_view

    try:
        if look().live:
            _attend_live(run, x, log, raw)
        else:
            with _forwarding(run) if forward else contextlib.nullcontext():
                _attend_in_lines(run)
    except KeyboardInterrupt:
        name = run.name
        say(f"\n{name} goes on by itself.  memlab watch {name} shows it again, memlab stop {name} ends it")
        return LEFT
    return _conclude(open_view(run))


def _attend_live(run: RunDir, x: str, log: bool, raw: bool) -> None:
    """Redraw when something has changed, at most twice a second."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from memlab.lab.screen import Look, frame
    from memlab.lab.view import open_view

    view = open_view(run)
    console = Console(highlight=False, no_color=not look().color)

    def picture() -> Text:
        now = look()
        width, height = max(1, now.width - 1), max(1, min(now.height - 2, 34))
        return Text.from_ansi(frame(view, width, height, Look(x, log, raw, now.color, now.ascii)))

    with Live(picture(), console=console, auto_refresh=False, vertical_overflow="crop") as live:
        size = look()
        while view.is_active:
            time.sleep(_POLL_SECONDS)
            if view.poll() or look() != size:
                size = look()
                live.update(picture(), refresh=True)


def _attend_in_lines(run: RunDir) -> None:
    """One line when something begins, one per evaluation; no cursor movement."""
    from memlab.lab.screen import plain_line, title
    from memlab.lab.view import open_view, work_of

    view = open_view(run)
    shown, doing, titled = 0, "", False
    while True:
        work = work_of(view)
        if work and work.doing != doing:
            doing = work.doing
            say(f"{run.name}: {doing}")
        if view.evaluations and not titled:
            titled = True
            say(title(view))
        evaluations = view.evaluations
        if shown > len(evaluations):  # resumed: the rows that were beyond its step are gone
            shown = len(evaluations)
        for evaluation in evaluations[shown:]:
            say(plain_line(view, evaluation))
        shown = len(evaluations)
        if not view.is_active:
            return
        time.sleep(_POLL_SECONDS)
        view.poll()


@contextlib.contextmanager
def _forwarding(run: RunDir) -> Iterator[None]:
    """In a batch job or pipe, SIGTERM and SIGINT ask the trainer to save and leave; SIGHUP leaves it alone, as a lost connection does."""
    from memlab.training import launch

    def forward(number: int, frame: object) -> None:
        if run.is_active():
            launch.stop(run)

    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _conclude(view) -> int:
    """What came of it, in words, and what to type next."""
    from memlab.lab import summary
    from memlab.render.tables import keyvalues

    name, now = view.run.name, look()
    if view.status in ("failed", "lost"):
        complain(view.problem())
        return 1
    if "data" not in view.provenance:
        say(f"{name} is {view.status}; it had not begun to train")
        return STOPPED
    say()
    say(keyvalues(summary.facts(view), now.width, color=now.color, ascii=now.ascii))
    say()
    say(summary.verdict(view))
    say()
    if view.status == "stopped":
        say(f"Stopped at step {view.step:,} of {view.steps:,} and saved.  memlab resume {name}")
        return STOPPED
    say(
        f'Next:  memlab sample {name} "Return the"    memlab watch {name} --log    memlab resume {name} --steps {2 * view.steps}    memlab runs'
    )
    return 0


def _draw(run: RunDir, x: str, log: bool, raw: bool) -> None:
    from memlab.lab.screen import Look, frame
    from memlab.lab.view import open_view

    now = look()
    say(frame(open_view(run), now.width, min(now.height - 1, 34), Look(x, log, raw, now.color, now.ascii)))
