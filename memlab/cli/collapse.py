"""collapse: does the energy of an overfitted run decay to a few delta functions?"""

import textwrap
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memlab.cli.patterns import Device
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.several import Settings, Train, runs_and_jobs, train_to_the_end
from memlab.cli.terminal import draw, look, say, say_json
from memlab.errors import UsageError
from memlab.render.safe import safe

if TYPE_CHECKING:
    from memlab.lab.collapse import Course

_TALLEST = 18  # rows of the curves
_POINTS = 2  # with no more checkpoints there is no curve between them


def collapse(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="RUN…", help="Names, paths, unique prefixes, or last; with --train presets too.")],
    patterns: Annotated[int, typer.Option(help="At most so many patterns, the same places at every checkpoint.")] = 4096,
    queries: Annotated[int, typer.Option(help="At most so many queries, of training and of held-out text each.")] = 256,
    seed: Annotated[int, typer.Option(help="Seed of their drawing.")] = 0,
    positions: Annotated[str, typer.Option(help="Of the patterns: last (one a row, as the paper), all, or every:8.")] = "all",
    layers: Annotated[str, typer.Option(help="all, or numbers such as 0,6,12; norm is after the final LayerNorm.")] = "all",
    beta: Annotated[str, typer.Option(help="1, or auto: 8 held-out patterns in play at --frozen-at, the same β at every step.")] = "1",
    checkpoint: Annotated[str, typer.Option(help="all, or last, best or a step, which stands beside step 0.")] = "all",
    frozen_at: Annotated[str, typer.Option(help="The checkpoint of the first run that β is found at for auto.")] = "last",
    curve: Annotated[str, typer.Option(help="The layer of the curves.", show_default="the last block")] = "",
    train: Train = False,
    settings: Settings = None,
    device: Device = "auto",
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Count the patterns in play and the fixed points over training: does the energy collapse?"""
    from memlab.cli.progress import reporting
    from memlab.lab import collapse as lab
    from memlab.lab.asking import Choice

    if beta not in ("1", lab.AUTO):
        raise UsageError(f"--beta is '{beta}'; it must be 1, as in the paper, or auto (by perplexity, frozen)")
    found, jobs = runs_and_jobs(context.obj, names, train, settings)
    train_to_the_end(context.obj, jobs)
    choice = Choice(patterns, queries, positions, seed)
    with reporting() as progress:
        courses = lab.collapse(list(dict.fromkeys(found)), context.obj, choice, layers, checkpoint, frozen_at, device, progress)
    layer = lab.shown_layer(courses[0], curve)
    if json:
        say_json([asdict(course) for course in courses])
    else:
        _show(courses, layer, beta)
    if png or svg:
        from memlab.render import image

        write_pictures(lambda kind: image.curves(**_curves(courses, layer, beta), kind=kind), png, svg, quiet=json)


def _show(courses: "list[Course]", layer: str, beta: str) -> None:
    from memlab.lab import collapse as lab
    from memlab.render import curves

    now = look()
    for course in courses:
        _table(course, beta)
    if any(len(course.checkpoints) > _POINTS for course in courses):
        height = max(8, min(now.height - 4, _TALLEST))
        draw(curves.plot(**_curves(courses, layer, beta), width=now.width, height=height, color=now.color, ascii=now.ascii) + "\n")
    for words in (*(lab.sentence(course, layer, beta) for course in courses), *lab.notes(courses, beta)):
        say(_fill(words))


def _curves(courses: "list[Course]", layer: str, beta: str) -> dict:
    from memlab.lab import collapse as lab
    from memlab.render.series import Floor

    at = "β frozen" if beta == lab.AUTO else f"β = {beta}"
    label = f"patterns in play, median (layer {layer}, {at})"
    return {"series": lab.series(courses, layer, beta), "floors": [Floor("one pattern", 1.0)], "y_label": label, "log_y": True}


def _table(course: "Course", beta: str) -> None:
    from memlab.lab import collapse as lab
    from memlab.render.scale import count, decimal
    from memlab.render.tables import Column, table

    now, last = look(), course.checkpoints[-1].step
    steps = f"step {0 if course.untrained else last:,}{f' → {last:,}' if course.untrained else ''}"
    at = "β frozen" if beta == lab.AUTO else f"β = {beta}"
    patterns = f"{course.n_patterns:,} of {course.n_places:,} patterns"
    say(_fill(f"{course.run} · {steps} · {at} · {patterns} · {course.n_queries:,} queries of each part"))
    rows = [
        {
            "layer": row["layer"],
            "beta": row["beta"],
            "distance": _change(row["nearest"], decimal),
            **{part: _change(row[part], decimal) for part in ("training", "validation")},
            **{f"{part}_points": _change(row[f"{part}_points"], count) for part in ("training", "validation")},
        }
        for row in lab.rows(course, beta)
    ]
    columns = [
        Column("layer", importance=9),
        *([Column("beta", "β", importance=3)] if beta == lab.AUTO else []),
        Column("distance", right=True, importance=1),
        Column("training", "in play", right=True, importance=8),
        Column("validation", "held-out", right=True, importance=7),
        Column("training_points", "fixed points", right=True, importance=6),
        Column("validation_points", "fixed, held-out", right=True, importance=5),
    ]
    draw(table(rows, columns, now.width, color=now.color, ascii=now.ascii) + "\n")


def _change(values: list, write: Callable[[Any], str]) -> str:
    return " → ".join(map(write, values))


def _fill(words: str) -> str:
    now = look()
    return textwrap.fill(safe(words, ascii=now.ascii), max(20, now.width))
