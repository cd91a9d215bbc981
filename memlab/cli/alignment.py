"""alignment: does each block move its input down the energy of the stored patterns?"""

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from memlab.cli.patterns import Device, Run
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.errors import UsageError
from memlab.home import find_run
from memlab.render.safe import safe

if TYPE_CHECKING:
    from memlab.lab.alignment import Alignment
    from memlab.measures.estimates import Estimate

_TALLEST = 16  # rows of the curves
_POINTS = 3  # with fewer the tables say it all
_CELLS = 17  # between two blocks, at most: an axis with more room would be divided into half blocks
_MEANING = {
    "before": "patterns of layer t-1, which block t's input lies among",
    "after": "patterns of layer t, which block t's output lies among",
}


def alignment(
    context: typer.Context,
    run: Run,
    checkpoint: Annotated[str, typer.Option(help="last, best or a step, which stands beside step 0.")] = "last",
    over_training: Annotated[bool, typer.Option("--over-training", help="Every checkpoint, and the curve over steps.")] = False,
    patterns: Annotated[int, typer.Option(help="At most so many patterns, the same places at every checkpoint.")] = 4096,
    queries: Annotated[int, typer.Option(help="At most so many queries, of training and of held-out text each.")] = 256,
    seed: Annotated[int, typer.Option(help="Seed of their drawing, of the nulls and of the intervals.")] = 0,
    positions: Annotated[str, typer.Option(help="Of the patterns: last (one a row, as the paper), all, or every:8.")] = "all",
    layers: Annotated[str, typer.Option(help="The blocks: all, or numbers such as 1,6,-1.")] = "all",
    beta: Annotated[
        str, typer.Option(help="A number, or auto: 8 held-out patterns in play at --frozen-at, the same β at every step.")
    ] = "1",
    frozen_at: Annotated[str, typer.Option(help="The checkpoint that β is found at for auto.")] = "last",
    device: Device = "auto",
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Test the central claim: do the blocks move states down the energy of what is stored?"""
    from memlab.cli.progress import reporting
    from memlab.lab import alignment as lab
    from memlab.lab.asking import Choice

    if over_training and checkpoint != "last":
        raise UsageError(f"--checkpoint {checkpoint} is one checkpoint and --over-training all of them; give one of the two")
    found, choice = find_run(context.obj, run), Choice(patterns, queries, positions, seed)
    with reporting() as progress:
        which = "all" if over_training else checkpoint
        measured = lab.alignment(found, context.obj, choice, layers, beta, which, frozen_at, device, progress)
    if json:
        say_json(asdict(measured))
    else:
        _show(measured, over_training)
    if png or svg:
        from memlab.render import image

        write_pictures(lambda kind: image.curves(**_curves(measured, over_training), kind=kind), png, svg, quiet=json)


def _show(found: "Alignment", over_training: bool) -> None:
    from memlab.lab import alignment as lab
    from memlab.render import curves

    now = look()
    steps = f"step {found.last.step:,}{' beside step 0' if found.untrained else ''}"
    at = "β frozen" if found.beta == lab.AUTO else f"β = {found.beta}"
    say(
        _fill(
            f"{found.run} · {steps} · {at} · {found.n_patterns:,} of {found.n_places:,} patterns · {found.n_queries:,} queries of each part"
        )
    )
    for reading in lab.READINGS:
        say(_fill(f"\n{_MEANING[reading]}"))
        _table(found, reading)
    n_points = len(found.checkpoints) if over_training else len(found.last.blocks)
    if n_points >= _POINTS:
        width = now.width if over_training else min(now.width, _CELLS * (n_points - 1))
        height = max(8, min(now.height - 4, _TALLEST))
        draw("\n" + curves.plot(**_curves(found, over_training), width=width, height=height, color=now.color, ascii=now.ascii))
    for reading in lab.READINGS:
        say(_fill(f"\nIn the energy of the {_MEANING[reading]}:"))
        for words in lab.sentences(found, reading):
            say(_fill(words))
    say("")
    for words in lab.notes(found):
        say(_fill(words))


def _curves(found: "Alignment", over_training: bool) -> dict:
    from memlab.lab import alignment as lab
    from memlab.render.series import Floor

    series = lab.series_over_training(found, "before") if over_training else lab.series(found, "before")
    what = "mean over blocks, cosine" if over_training else "cosine"
    label = _spelled(f"{what} of update and -∇E (layer t-1's patterns)")
    return {"series": series, "floors": [Floor("no direction", 0.0)], "x_label": "steps" if over_training else "block", "y_label": label}


def _table(found: "Alignment", reading: str) -> None:
    from memlab.lab import alignment as lab
    from memlab.render.scale import percent
    from memlab.render.tables import Column, table

    now, rows = look(), []
    for row in lab.rows(found, reading):
        means = {name: _interval(row[name]) for name in ("training", "validation")}
        controls = {name: f"{row[name].value:+.3f}" if row[name] else None for name in ("untrained", "shuffled", "gaussian")}
        shares = {name: percent(row[name]) for name in ("energy", "energy_shuffled", "nearest")}
        above = f"{len(row['above'])} of {2 + bool(found.untrained)}"
        rows.append({"block": row["block"], **means, **controls, **shares, "above": above})
    columns = [
        Column("block", importance=9),
        Column("training", "cosine", right=True, importance=8),
        Column("validation", "held-out", right=True, importance=6),
        Column("untrained", right=True, importance=5),
        Column("shuffled", right=True, importance=4),
        Column("gaussian", "Gaussian", right=True, importance=3),
        Column("above", right=True, importance=7),
        Column("energy", "lower E", right=True, importance=2),
        Column("energy_shuffled", "shuffled E", right=True, importance=1),
        Column("nearest", "lower g", right=True, importance=0),
    ]
    draw(
        table(
            rows,
            [column for column in columns if column.key != "untrained" or found.untrained],
            now.width,
            color=now.color,
            ascii=now.ascii,
        )
    )


def _interval(mean: "Estimate | None") -> str | None:
    """A mean with the longer half of its interval."""
    return f"{mean.value:+.3f} ±{max(mean.high - mean.value, mean.value - mean.low):.3f}" if mean else None


def _spelled(words: str) -> str:
    """The sign of the gradient in words, where seven bits have to do."""
    return words.replace("∇", "grad ") if look().ascii else words


def _fill(words: str) -> str:
    now, before = look(), "\n" * words.startswith("\n")
    return before + textwrap.fill(safe(_spelled(words.strip()), ascii=now.ascii), max(20, now.width))
