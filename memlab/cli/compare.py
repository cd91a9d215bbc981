"""compare: several runs in one picture and one table."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.several import Settings, Train, runs_and_jobs, train_to_the_end
from memlab.cli.terminal import draw, look, say, say_json
from memlab.cli.watch import Axis, Figure, Log, wish_of

if TYPE_CHECKING:
    from memlab.lab.compare import Table
    from memlab.lab.courses import Wish
    from memlab.lab.view import RunView

_TALLEST = 24


def compare(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN…", help="Names, paths, or unique prefixes; with --train presets too.")],
    x: Axis = "steps",
    log: Log = False,
    figure: Figure = "",
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
    from memlab.lab.figures import named
    from memlab.render.estimate import compared_words

    wish = wish_of(x, log, figure=figure)
    names = [] if measures == "none" else registry.chosen("measure", measures)
    found, jobs = runs_and_jobs(context.obj, runs, train, settings)
    lab.require_several(found)
    train_to_the_end(context.obj, jobs)
    views = lab.views_of(found)
    wish = replace(wish, figure=named(views, figure))
    facts, differ = lab.facts_of(views), lab.differences(views)
    measured: Table = {}
    if names:
        with reporting() as progress:
            measured = lab.measures_of(views, context.obj, names, progress)
    if json:
        say_json({"runs": [view.run.name for view in views], "facts": facts, "measures": measured, "differences": differ})
    else:
        draw(_picture(views, wish))
        say("")
        against = measured.pop(lab.AGAINST, [])
        draw(_table(views, {name: [compared_words(name, value) for value in values] for name, values in {**facts, **measured}.items()}))
        if against:
            say_paragraphs("", _against(views, against))
        if differ:
            say("\nSettings that differ")
            draw(_table(views, {name: ["" if value is None else str(value) for value in values] for name, values in differ.items()}))
    write_pictures(lambda kind: _file(views, wish, kind), png, svg, quiet=json)


def _picture(views: "list[RunView]", wish: "Wish") -> str:
    from memlab.lab import courses

    now = look()
    wish = replace(wish, color=now.color, ascii=now.ascii)
    return courses.draw_together(courses.numbered(views), wish, now.width, max(1, min(now.height - 1, _TALLEST))).text


def _file(views: "list[RunView]", wish: "Wish", kind: Literal["png", "svg"]) -> bytes:
    from memlab.lab import courses
    from memlab.render import image

    parts = courses.together(courses.numbered(views), wish)
    return image.curves(parts.series, parts.floors, kind=kind, log_y=wish.log, x_label=wish.axis, y_label=parts.y_label)


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
