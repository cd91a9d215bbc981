"""compare: several runs in one picture and one table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.several import find_run_beside_presets, is_preset, train_to_the_end
from memlab.cli.terminal import draw, look, say, say_json
from memlab.cli.train import resolve
from memlab.errors import UnknownName, UsageError
from memlab.home import find_run
from memlab.rundir import RunDir

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
    train: Annotated[
        bool, typer.Option("--train", help="Train each preset that no run has been made of yet; go on with a stopped one.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="With --train: change a setting of the presets.")
    ] = None,
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
    if settings and not train:
        raise UsageError("--set changes presets that are trained: add --train")
    views = lab.views_of(_trained(context.obj, runs, settings) if train else [_found(context.obj, run) for run in runs])
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
        draw(_table(views, {name: [compared_words(name, value) for value in values] for name, values in {**facts, **measured}.items()}))
        if differ:
            say("\nSettings that differ")
            draw(_table(views, {name: ["" if value is None else str(value) for value in values] for name, values in differ.items()}))
    write_pictures(lambda kind: _file(views, x, log, kind), png, svg, quiet=json)


def _found(home: Path, word: str) -> RunDir:
    """A run that is there. Raises UnknownName; of a preset that nobody has trained it is said how to."""
    try:
        return find_run(home, word)
    except UnknownName:
        if is_preset(home, word):
            raise UnknownName(f"no run '{word}', but a preset: --train trains it") from None
        raise


def _trained(home: Path, words: list[str], settings: list[str] | None) -> list[RunDir]:
    """The run of each word, of presets with these settings, brought to its end; runs that are named stay as they are."""
    from memlab.lab import compare as lab
    from memlab.lab.jobs import Asked, jobs_of

    asked = {
        word: Asked(Path(word.removesuffix(".toml")).name, *resolve(home, word, settings, {})) for word in words if is_preset(home, word)
    }
    jobs = dict(zip(asked, jobs_of(home, list(asked.values())), strict=True))
    runs = [jobs[word].run if word in jobs else find_run_beside_presets(home, word) for word in words]
    lab.require_several(runs)
    train_to_the_end(home, list(jobs.values()))
    return runs


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


def _table(views: "list[RunView]", words: dict[str, list[str]]) -> str:
    from memlab.render.tables import side_by_side

    now = look()
    return side_by_side([view.run.name for view in views], words, now.width, color=now.color, ascii=now.ascii)
