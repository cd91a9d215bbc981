"""doctor: is this machine ready, and will a run survive the log-out?"""

import typer

from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json


def doctor(context: typer.Context, json: Json = False) -> None:
    """Check this machine: versions, devices, space, and whether a detached run outlives your session."""
    from memlab.lab.checkup import check_up
    from memlab.render.tables import Column, table

    rows = check_up(context.obj)
    if json:
        say_json(rows)
        return
    now = look()
    columns = [Column("check", importance=3), Column("is", "", importance=3), Column("found", shortest=20, importance=2)]
    draw(table(rows, columns, now.width, color=now.color, ascii=now.ascii))
    for row in rows:
        if row["is"] != "ok":
            say(f"\n{row['check']}: {row['advice']}")
    if any(row["is"] == "broken" for row in rows):
        raise typer.Exit(1)
