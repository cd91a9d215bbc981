"""compare: several runs in one picture and one table."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.several import Settings, Train, runs_and_jobs, train_to_the_end
from memlab.cli.terminal import draw, look, say, say_json
from memlab.errors import UsageError

if TYPE_CHECKING:
    from memlab.lab.compare import Table
    from memlab.lab.view import RunView

_TALLEST = 24
_AXES = ("steps", "tokens", "seconds")


def compare(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN…", help="Names, paths, or unique prefixes; with --train presets too.")],
    x: Annotated[str, typer.Option("--x", help="The x axis: steps, tokens or seconds.")] = "steps",
    log: Annotated[bool, typer.Option("--log", help="Logarithmic loss.")] = False,
    train: Train = False,
    settings: Settings = None,
    measures: Annotated[str, typer.Option(help="Measures of the last checkpoints: none, all, or names with commas between them.")] = "none",
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Draw the curves of several runs in one picture, and list their figures and the settings in which they differ."""
    from memlab import registry
    from memlab.cli.progress import reporting
    from memlab.lab import compare as lab
    from memlab.render.estimate import compared_words

    if x not in _AXES:
        raise UsageError(f"--x is '{x}'; it must be one of {', '.join(_AXES)}")
    names = [] if measures == "none" else registry.chosen("measure", measures)
    found, jobs = runs_and_jobs(context.obj, runs, train, settings)
    lab.require_several(found)
    train_to_the_end(context.obj, jobs)
    views = lab.views_of(found)
    facts, differ = lab.facts_of(views), lab.differences(views)
    measured: Table = {}
    if names:
        with reporting() as progress:
            measured = lab.measures_of(views, context.obj, names, progress)
    if json:
        say_json({"runs": [view.run.name for view in views], "facts": facts, "measures": measured, "differences": differ})
    else:
        draw(_picture(views, x, log))
        say("")
        against = measured.pop(lab.AGAINST, [])
        draw(_table(views, {name: [compared_words(name, value) for value in values] for name, values in {**facts, **measured}.items()}))
        if against:
            say_paragraphs("", _against(views, against))
        if differ:
            say("\nSettings that differ")
            draw(_table(views, {name: ["" if value is None else str(value) for value in values] for name, values in differ.items()}))
    write_pictures(lambda kind: _file(views, x, log, kind), png, svg, quiet=json)


def _picture(views: "list[RunView]", x: Any, log: bool) -> str:
    from memlab.lab import compare as lab
    from memlab.lab.screen import SMOOTHING
    from memlab.render import curves

    now = look()
    return curves.plot(
        lab.series_of(views, x, now.ascii),
        lab.floors_of(views),
        width=now.width,
        height=max(1, min(now.height - 1, _TALLEST)),
        x_label=x,
        log_y=log,
        smoothing=SMOOTHING,
        color=now.color,
        ascii=now.ascii,
    )


def _file(views: "list[RunView]", x: Any, log: bool, kind: Literal["png", "svg"]) -> bytes:
    from memlab.lab import compare as lab
    from memlab.render import image

    labels = {"x_label": x, "y_label": "loss (nats per token)"}
    return image.curves(lab.series_of(views, x), lab.floors_of(views), kind=kind, log_y=log, **labels)


def _against(views: "list[RunView]", references: list[str | None]) -> str:
    """What bits are counted against, which has to be the same for them to compare."""
    if len(set(references)) == 1:
        return f"Bits are counted against {references[0]}."
    told = "; ".join(f"{view.run.name} {words or 'no reference'}" for view, words in zip(views, references, strict=True))
    return f"Bits are counted against another reference in each run, and do not compare: {told}."


def _table(views: "list[RunView]", words: dict[str, list[str]]) -> str:
    from memlab.render.tables import side_by_side

    now = look()
    return side_by_side([view.run.name for view in views], words, now.width, color=now.color, ascii=now.ascii)
