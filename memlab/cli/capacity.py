"""capacity: how many bits models of several sizes store of uniformly random text."""

from typing import TYPE_CHECKING, Annotated

import typer

from memlab.cli.numbers import at_least
from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.patterns import Device
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say_json

if TYPE_CHECKING:
    from memlab.lab.capacity import Capacity, Plateau

_TALLEST = 20
_LABELS = {"x_label": "bits of data", "y_label": "bits stored"}


def capacity(
    context: typer.Context,
    sizes: Annotated[str, typer.Option(help="Layers x width of each model.")] = "1x8,1x16,1x24",
    documents: Annotated[str, typer.Option(help="How many documents each is trained on.")] = "50,100,200,400,800",
    steps: Annotated[int, typer.Option(help="Optimiser steps of each cell.")] = 5000,
    seeds: Annotated[str, typer.Option(help="Seeds of data and weights; each is a cell of its own.")] = "0",
    length: Annotated[int, typer.Option(help="Words in a document; 64 as published.")] = 8,
    vocabulary: Annotated[int, typer.Option(help="Different words; 2048 as published.")] = 64,
    batch: Annotated[int, typer.Option(help="Documents of a step; 2048 as published.")] = 64,
    jobs: Annotated[
        int | None, typer.Option(help="Cells trained at once.", show_default="one for each core, at most 8", callback=at_least(1))
    ] = None,
    device: Device = "auto",
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Measure how many bits models store, by size and data: some minutes of training; what is trained is kept, and found again."""
    from dataclasses import asdict

    from memlab.cli.progress import reporting
    from memlab.lab import capacity as lab
    from memlab.lab.queue import cores

    grid = lab.Grid(
        lab.sizes_of(sizes), lab.numbers_of("documents", documents), lab.numbers_of("seeds", seeds), steps, length, vocabulary, batch
    )
    with reporting() as progress:
        found = lab.capacity(context.obj, grid, jobs or cores(), device, progress)
    if json:
        say_json(asdict(found))
    else:
        _show(found)
    if png or svg:
        from memlab.render import image

        drawn = lab.series_of(found)
        write_pictures(lambda kind: image.curves(drawn, kind=kind, **_LABELS), png, svg, quiet=json)


def _show(found: "Capacity") -> None:
    from memlab.lab import capacity as lab
    from memlab.render import curves

    now = look()
    height = max(1, min(now.height - 1, _TALLEST))
    draw(curves.plot(lab.series_of(found), width=now.width, height=height, color=now.color, ascii=now.ascii, **_LABELS))
    draw("\n" + _cells(found))
    draw("\n" + _plateaus(found) + "\n")
    say_paragraphs(*found.notes)


def _cells(found: "Capacity") -> str:
    from memlab.render.scale import count, decimal, percent
    from memlab.render.tables import Column, table

    has_seeds = len({cell.seed for cell in found.cells}) > 1
    columns = [
        Column("size", importance=9),
        Column("n_params", "parameters", importance=4),
        Column("documents", importance=9),
        *([Column("seed", importance=3)] if has_seeds else []),
        Column("data", "data bits", right=True, importance=7),
        Column("stored", "stored", right=True, importance=9),
        Column("share", "share", right=True, importance=2),
        Column("each", "per parameter", right=True, importance=8),
        Column("held_out", "held-out", right=True, importance=5),
        Column("mark", " ", importance=8),
    ]
    rows = [
        {
            **vars(cell),
            "data": count(round(cell.data_bits)),
            "stored": count(round(cell.stored_bits)),
            "share": percent(cell.stored_bits / cell.most_bits) if cell.most_bits else "",
            "each": decimal(cell.stored_bits / cell.n_params),
            "held_out": count(round(cell.held_out_bits)),
            "mark": "" if cell.has_converged else f"rising {cell.rise:.1%}",
        }
        for cell in found.cells
    ]
    now = look()
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _plateaus(found: "Capacity") -> str:
    from memlab.render.tables import Column, table

    columns = [
        Column("size", importance=9),
        Column("n_params", "parameters", importance=5),
        Column("words", "bits per parameter", importance=8),
        Column("n_cells", "cells", importance=4),
    ]
    rows = [{**vars(plateau), "words": _words(plateau)} for plateau in found.plateaus]
    now = look()
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _words(plateau: "Plateau") -> str:
    if not plateau.is_reached:
        return f"at least {plateau.value:.2f}: no plateau reached"
    return f"{plateau.value:.2f} ({plateau.low:.2f} to {plateau.high:.2f})"
