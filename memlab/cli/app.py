"""The commands by name, and what they have in common."""

import os
import sys
from typing import Annotated, Any

import typer

from memlab import __version__
from memlab.cli import (
    alignment,
    basin,
    capacity,
    catalogue,
    claims,
    collapse,
    compare,
    counterfactual,
    doctor,
    forgetting,
    inspect,
    landscape,
    memorized,
    patterns,
    plan,
    radius,
    report,
    runs,
    sample,
    sweep,
    tokens,
    train,
    watch,
)
from memlab.errors import UsageError

_WrongArguments = typer.BadParameter.__bases__[0]  # click's UsageError, wherever this typer keeps its click

app = typer.Typer(
    name="memlab",
    help="A terminal lab in which one watches a transformer memorise.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"memlab {__version__}, Python {sys.version.split()[0]}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    home: Annotated[
        str | None, typer.Option(envvar="MEMLAB_HOME", help="Where runs and corpora lie.", show_default="your data directory")
    ] = None,
    ascii: Annotated[bool, typer.Option("--ascii", help="Draw with 7-bit characters only, as MEMLAB_ASCII=1 does.")] = False,  # noqa: A002
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """A terminal lab in which one watches a transformer memorise."""
    from memlab.homedir import find_home

    context.obj = find_home(home)
    if ascii:
        os.environ["MEMLAB_ASCII"] = "1"  # for this process; `terminal.look` decides by it
    if context.invoked_subcommand is None:
        from memlab.cli.lab import open_lab

        open_lab(context, context.obj)


def run() -> int:
    """Run the command line; the exit status. Raises MemlabError, also for arguments that make no sense."""
    try:
        return app(prog_name="memlab", standalone_mode=False) or 0
    except _WrongArguments as error:
        raise UsageError(_wrong_words(error)) from None
    except typer.Abort:  # an answer that was not given
        return 1


def _wrong_words(error: Any) -> str:
    """What is wrong with the arguments; of an option of `memlab` itself after a command, where it stands."""
    called = error.ctx.command_path if error.ctx else "memlab"
    given = getattr(error, "option_name", "")
    common_options = {word: option for option in typer.main.get_command(app).params for word in option.opts}
    if given in common_options and called != "memlab":
        value = "" if common_options[given].is_flag else " PATH"
        return f"{given} stands before the command: memlab {given}{value} {called.removeprefix('memlab ')} …"
    return f"{error.format_message().rstrip('.')}; see `{called} --help`"


START, LOOK, INSPECT, TIDY = "Train", "Look", "Inspect", "Keep house"
for command, panel in (
    (train.demo, START),
    (train.train, START),
    (train.resume, START),
    (train.stop, START),
    (plan.plan, START),
    (sweep.sweep, START),
    (watch.watch, LOOK),
    (runs.runs, LOOK),
    (compare.compare, LOOK),
    (report.report, LOOK),
    (sample.sample, LOOK),
    (catalogue.presets, LOOK),
    (catalogue.sources, LOOK),
    (catalogue.families, LOOK),
    (patterns.patterns, INSPECT),
    (inspect.inspect, INSPECT),
    (tokens.tokens, INSPECT),
    (landscape.landscape, INSPECT),
    (collapse.collapse, INSPECT),
    (alignment.alignment, INSPECT),
    (basin.basin, INSPECT),
    (radius.radius, INSPECT),
    (memorized.memorized, INSPECT),
    (forgetting.forgetting, INSPECT),
    (counterfactual.counterfactual, INSPECT),
    (capacity.capacity, INSPECT),
    (claims.claims, INSPECT),
    (runs.remove, TIDY),
    (runs.prune, TIDY),
    (doctor.doctor, TIDY),
):
    app.command(rich_help_panel=panel)(command)
