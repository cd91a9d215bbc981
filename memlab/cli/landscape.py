"""landscape: the energy on a slice through one state of a text, as a heat map with what attracts it."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memlab.cli.inspect import question_of
from memlab.cli.patterns import Device, Run
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.home import find_run

if TYPE_CHECKING:
    from memlab.lab.landscape import Landscape

_WIDEST, _LOWEST, _TALLEST = 140, 18, 40
_BELOW = 22  # lines of what is said below the picture
_BESIDE, _SHORTEST = 84, 18  # cells of the listing beside the text of a pattern, and the least for that
_LISTED = 8
_PICTURE = (480, 300)  # values of a picture in a file, across and up


def landscape(
    context: typer.Context,
    run: Run,
    text: Annotated[str | None, typer.Argument(help="What to ask with; - reads standard input.", show_default=False)] = None,
    file: Annotated[Path | None, typer.Option(help="Ask with the text of a file.", show_default=False)] = None,
    train: Annotated[int | None, typer.Option(help="Ask with this passage of the training text.", show_default=False)] = None,
    validation: Annotated[int | None, typer.Option(help="Ask with this passage of the held-out text.", show_default=False)] = None,
    layer: Annotated[str, typer.Option(help="A layer by name: 0 enters block 1, -1 is the last block, norm the final LayerNorm.")] = "-1",
    position: Annotated[int, typer.Option(help="Which token, from 0, or from the end: -1 is the last.")] = -1,
    beta: Annotated[str, typer.Option(help="Inverse temperature: 1 (the paper's), auto (by perplexity), or a number.")] = "1",
    plane: Annotated[str, typer.Option(help="nearest (state and two nearest patterns), pca (principal axes), random.")] = "nearest",
    zoom: Annotated[float, typer.Option(help="2 shows half as far, 0.5 twice as far.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of a random plane.")] = 0,
    checkpoint: Annotated[str, typer.Option(help="last, best or a step.")] = "last",
    png: Png = None,
    svg: Svg = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """The energy on a slice through a text's state: patterns, fixed points and the state's way down."""
    from memlab.cli.progress import reporting
    from memlab.lab import landscape as lab
    from memlab.lab import remembering
    from memlab.lab.scenery import field

    found, question = find_run(context.obj, run), question_of(text, file, train, validation)
    now = look()
    width, height = min(now.width, _WIDEST), max(_LOWEST, min(now.height - _BELOW, _TALLEST))
    wish = lab.Wish(layer, position, beta, plane, seed, zoom, *_values(width, height, bool(png or svg)))
    with reporting() as progress:
        memory = remembering.open_memory(found, context.obj, checkpoint, device, progress)
        answer = lab.landscape(memory, question, wish, progress)
    if json:
        say_json({**asdict(answer), "n_starts": answer.n_starts})
    else:
        show(answer, width, height)
    if png or svg:
        from memlab.render import image

        write_pictures(lambda kind: image.heat_map(field(answer), kind=kind, size=(1120, 760)), png, svg, quiet=json)


def show(found: "Landscape", width: int, height: int) -> None:
    """A landscape as text."""
    from memlab.lab import scenery
    from memlab.render import card, heatmap, tables
    from memlab.render.markers import ASCII_SIGNS, SIGNS
    from memlab.render.palette import depth_of

    now = look()
    drawn = {"color": now.color, "ascii": now.ascii}
    say(_title(found))
    if found.note:
        say(found.note)
    draw(card.asked({"asked": {"tokens": found.tokens}, "position": found.position}, width, **drawn) + "\n")
    picture = heatmap.draw(scenery.field(found), width=width, height=height, depth=depth_of(now.color, os.environ), ascii=now.ascii)
    draw("\n".join(picture.lines) + "\n")
    draw(tables.keyvalues(scenery.facts(found), width, **drawn) + "\n")
    rows = scenery.rows(found, ASCII_SIGNS if now.ascii else SIGNS, _LISTED, max(width - _BESIDE, _SHORTEST), now.ascii)
    draw(tables.table(rows, _columns(), width, **drawn))
    left = len(scenery.attractions(found)) - len(rows)
    if left:
        say(f"{left} more are marked; --json has all of them")
    for note in scenery.notes(found):
        say(f"note: {note}")


def _values(width: int, height: int, is_for_file: bool) -> tuple[int, int]:
    """How many values a picture takes: those of a file are as good for the terminal."""
    from memlab.render import heatmap

    across, up = heatmap.room(width, height)
    return _PICTURE if is_for_file else (max(2, across), max(2, up))


def _title(found: "Landscape") -> str:
    part = "" if found.part == "given" else f"{found.part} passage "
    return f"{found.run} at step {found.step:,}, asked with {part}{found.label}"


def _columns() -> list:
    from memlab.render.tables import Column

    return [
        Column("sign", " ", importance=9),
        Column("number", "no", importance=6),
        Column("what", "marked", importance=3),
        Column("distance", "distance", importance=8),
        Column("off", "off slice", importance=5),
        Column("energy", "energy", importance=7),
        Column("share", "reached by", right=True, importance=2),
        Column("weight", "weight", right=True, importance=4),
        Column("text", "text", importance=9),
        Column("next", "then", importance=4),
        Column("document", "in", importance=1, shortest=12),
    ]
