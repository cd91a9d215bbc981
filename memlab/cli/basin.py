"""basin: how far can the input be disturbed until a run no longer comes back?"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.patterns import Checkpoint, Device, Run
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say_json
from memlab.home import find_run

if TYPE_CHECKING:
    from memlab.lab.basin import Basin
    from memlab.rundir import RunDir

_HEIGHT = 12  # rows of a plot
_PLOTS = {"continuation": "Same greedy continuation as without disturbance", "fixed_point": "Same fixed point of the retrieval"}


def basin(
    context: typer.Context,
    run: Run,
    checkpoint: Checkpoint = "last",
    what: Annotated[str, typer.Option(help="What is disturbed: embeddings, layer:2 (any layer's state), or tokens.")] = "embeddings",
    levels: Annotated[
        str, typer.Option(help="Lengths of the noise in typical distances, or shares of the tokens: 0.1,0.5,1.", show_default="ten of them")
    ] = "",
    train: Annotated[int, typer.Option(help="Training passages.")] = 64,
    validation: Annotated[int, typer.Option(help="Held-out passages.")] = 64,
    tokens: Annotated[int, typer.Option(help="Tokens of a continuation.")] = 16,
    layer: Annotated[
        str, typer.Option(help="Where the retrieval runs: a number, -1 or norm.", show_default="the one disturbed, else the last block")
    ] = "",
    beta: Annotated[str, typer.Option(help="Of the retrieval: a number, or auto (8 held-out patterns in play).")] = "1",
    seed: Annotated[int, typer.Option(help="Seed of the passages and of the disturbances.")] = 0,
    device: Device = "auto",
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Disturb the input: how far until a run, or its memory, comes back no more?"""
    from memlab.cli.progress import reporting
    from memlab.lab import basin as lab
    from memlab.lab import recovered

    wishes = lab.Wishes(what, lab.parse_levels(levels), train, validation, tokens, layer, beta, seed)
    found = find_run(context.obj, run)
    with reporting() as progress:
        measured = lab.basin(found, context.obj, wishes, checkpoint, device, progress)
    if json:
        say_json({"run": found.name, **asdict(measured), "reading": recovered.reading(measured)})
    else:
        _show(found, measured)
    if png or svg:
        from memlab.render import image

        picture = recovered.picture(measured)
        write_pictures(lambda kind: image.curves(**picture, title=f"{found.name}, step {measured.step:,}", kind=kind), png, svg, quiet=json)


def _show(run: "RunDir", found: "Basin") -> None:
    from memlab.lab import recovered
    from memlab.render import curves

    now = look()
    say_paragraphs(f"{run.name} · step {found.step:,} · {recovered.disturbed(found)}")
    for curve, title in _PLOTS.items():
        options = {"x_label": recovered.x_label(found), "y_label": "share that comes back", "y_range": (0.0, 1.0)}
        size = {"width": now.width, "height": _HEIGHT, "color": now.color, "ascii": now.ascii}
        draw("\n" + curves.plot(recovered.series(found, curve), recovered.floors(found, curve), title=title, **options, **size))
    _table(found)
    say_paragraphs("", *recovered.notes(found, run.word), "", recovered.reading(found))


def _table(found: "Basin") -> None:
    from memlab.lab import recovered
    from memlab.render.tables import Column, table

    now = look()
    columns = [Column("level", recovered.level_name(found), right=True, importance=9)]
    columns += [Column("length", right=True, importance=1)] if found.unit else []
    for rank, (curve, name) in enumerate(recovered.CURVE_NAMES.items()):
        for part, short in (("training", "train"), ("validation", "held-out")):
            importance = {"continuation": 8, "fixed_point": 7}.get(curve, 3 - rank // 2)
            columns.append(Column(f"{curve} {part}", f"{name} ({short})", right=True, importance=importance))
    draw("\n" + table(recovered.rows(found), columns, now.width, color=now.color, ascii=now.ascii))
