"""radius: how far apart do the activations of a run, or of any model, lie? Experiment E6 of the paper."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.patterns import Checkpoint, Device
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say_json

if TYPE_CHECKING:
    from memlab.lab.radius import Radius

_HEIGHT = 14  # rows of the histogram


def radius(
    context: typer.Context,
    word: Annotated[
        str, typer.Argument(metavar="RUN|MODEL", help="A run, else a model's directory, else its name on the Hugging Face Hub.")
    ],
    layer: Annotated[str, typer.Option(help="norm (after the final LayerNorm), -1 (the last block's own output), or a number.")] = "norm",
    vectors: Annotated[int, typer.Option(help="At most so many vectors; the paper has 80,000 to 100,000.")] = 2000,
    positions: Annotated[
        str, typer.Option(help="last (one a row, as the paper), all, every:8, or a run's stored patterns: stored.")
    ] = "last",
    part: Annotated[str, typer.Option(help="Of a run: training or validation text.")] = "training",
    source: Annotated[
        str, typer.Option(help="Text for a model (`memlab sources`).", show_default="installed_docs, or a run's own text")
    ] = "",
    changes: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the source.")] = None,
    files: Annotated[list[Path] | None, typer.Option("--file", metavar="PATH", help="A file or folder of text instead.")] = None,
    chunk: Annotated[
        int, typer.Option("--context", help="Tokens of a chunk of such text.", show_default="256, as the paper, or what the model sees")
    ] = 0,
    checkpoint: Checkpoint = "last",
    seed: Annotated[int, typer.Option(help="Seed of the sample, of the shares and of the Gaussian null.")] = 0,
    approximate: Annotated[
        bool | None,
        typer.Option(
            "--approximate/--exact",
            help="Search with faiss, its recall measured.",
            show_default="approximate beyond 50,000 vectors without a GPU, where faiss is installed",
        ),
    ] = None,
    device: Device = "auto",
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Measure how far apart activations lie, beside theory and a Gaussian null."""
    from memlab.cli.progress import reporting
    from memlab.lab import distances
    from memlab.lab import radius as lab

    wishes = lab.Wishes(layer, vectors, positions, part, seed, approximate)
    text = lab.text_of(source, files or [], changes or [], chunk)
    with reporting() as progress:
        found = lab.radius(word, context.obj, wishes, text, checkpoint, device, progress)
    if json:
        from memlab.measures.spread import QUANTILES

        say_json({**asdict(found), "quantiles_at": QUANTILES, "reading": distances.reading(found)})
    else:
        _show(found)
    if png or svg:
        from memlab.render import image

        options = {
            "x_label": "distance to the nearest other vector",
            "y_label": "percent of the vectors",
            "title": f"{found.of}, {found.layer_words}",
        }
        drawn = distances.series(found, every_share=True)
        write_pictures(lambda kind: image.curves(drawn, markers=distances.markers(found), kind=kind, **options), png, svg, quiet=json)


def _show(found: "Radius") -> None:
    from memlab.lab import distances
    from memlab.render import curves
    from memlab.render.tables import Column, keyvalues, table

    now = look()
    size = {"width": now.width, "height": _HEIGHT, "color": now.color, "ascii": now.ascii}
    say_paragraphs(f"{found.of} · {found.layer_words} · n = {found.n_dimensions} · {found.n_vectors:,} vectors", "")
    labels = {"x_label": "distance to the nearest other", "y_label": "percent of the vectors"}
    draw(curves.plot(distances.series(found), markers=distances.markers(found), **labels, **size))
    columns = [
        Column("share", "share", right=True, importance=9),
        Column("vectors", importance=6),
        Column("mean", right=True, importance=8),
        Column("median", right=True, importance=5),
        Column("low", "5 %", right=True, importance=3),
        Column("high", "95 %", right=True, importance=3),
        Column("r", right=True, importance=9),
        Column("null", "null r", right=True, importance=7),
        Column("equal", "doubles", importance=4),
        Column("histogram", importance=2),
    ]
    draw("\n" + table(distances.rows(found, now.ascii), columns, now.width, color=now.color, ascii=now.ascii))
    draw("\n" + keyvalues(distances.theory(found), now.width, color=now.color, ascii=now.ascii) + "\n")
    say_paragraphs(*distances.notes(found), "", distances.reading(found))
