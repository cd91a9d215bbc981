"""memlab without a command: the lab on the screen, where there is one."""

import os
import sys
from pathlib import Path

import typer

from memlab.cli.terminal import look, say
from memlab.errors import UsageError
from memlab.rundir import RunDir


def open_lab(context: typer.Context, home: Path) -> None:
    """Open the app on a terminal and say afterwards which runs go on; help where output goes elsewhere.

    Raises UsageError on a terminal that cannot show it.
    """
    if not sys.stdout.isatty():
        print(context.get_help())
        return
    now = look()
    if not (now.live and sys.stdin.isatty()):
        kind = "TERM is 'dumb'" if os.environ.get("TERM", "dumb") == "dumb" else "it is not this process's to draw on"
        raise UsageError(f"the lab cannot be shown on this terminal: {kind}; use `memlab runs`, `memlab watch RUN` and `memlab --help`")
    from memlab.tui.app import LabApp

    app = LabApp(home, color=now.color, ascii=now.ascii)
    going = app.run() or ()
    for name in going:
        word = RunDir(home / "runs" / name).word
        say(f"{name} goes on by itself.\n  memlab watch {word}\n  memlab stop {word}")
    if app.return_code:
        raise typer.Exit(app.return_code)
