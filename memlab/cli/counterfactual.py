"""counterfactual: which passages do models know because they were trained on them?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memlab.cli.memorized import count_of_passages
from memlab.cli.numbers import at_least
from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.patterns import Device
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.several import find_run_beside_presets, is_preset, train_to_the_end
from memlab.cli.terminal import draw, look, say, say_json
from memlab.cli.train import Set, resolve
from memlab.errors import UsageError
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.lab.counterfactual import Counterfactual, Passage

_TALLEST = 18  # rows of the curves
_WORDS = 12  # cells of a text that may be cut
_LABELS = {"x_label": "passages, most memorised first (%)", "y_label": "accuracy with - without"}


def counterfactual(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="PRESET | RUN RUN…", help="A preset to train on halves, or runs that were.")],
    models: Annotated[int, typer.Option(help="How many models of the preset are trained; each passage is in half of them.")] = 8,
    settings: Set = None,
    passages: Annotated[str, typer.Option(help="How many passages of each part are looked at, drawn by the seed; or all.")] = "256",
    top: Annotated[int, typer.Option(help="How many of them are listed.", callback=at_least(0))] = 10,
    jobs: Annotated[int, typer.Option(help="Models trained at once.", callback=at_least(1))] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the draw, and of the control.", callback=at_least(0))] = 0,
    device: Device = "auto",
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Compare models trained with a passage and without it; what is trained is found again."""
    from memlab.cli.progress import reporting
    from memlab.lab import counterfactual as lab

    n = count_of_passages(passages)
    runs = _runs(context.obj, names, models, settings, jobs)
    with reporting() as progress:
        found = lab.counterfactual(runs, context.obj, n, seed, device, progress)
    if json:
        say_json(asdict(found))
    else:
        _show(found, top)
    if png or svg:
        from memlab.render import image

        values = [[passage.value for passage in some] for some in (found.training, found.held_out)]
        labels = {"x_label": _LABELS["y_label"], "name": "training text", "null_name": "held-out text, the control"}
        write_pictures(lambda kind: image.histogram(*values, kind=kind, **labels), png, svg, quiet=json)


def _runs(home: Path, names: list[str], models: int, settings: list[str] | None, jobs: int) -> list[RunDir]:
    """The runs of a preset's halves, trained where they are not yet; or those that are named."""
    from memlab.lab.counterfactual import halves
    from memlab.lab.jobs import jobs_of

    if len(names) == 1 and (is_preset(home, names[0]) or settings):
        name = Path(names[0].removesuffix(".toml")).name
        wanted = jobs_of(home, halves(name, *resolve(home, names[0], settings, {}), models))
        train_to_the_end(home, wanted, jobs)
        return [job.run for job in wanted]
    if settings:
        raise UsageError("--set changes a preset that is trained: name one preset")
    runs = [find_run_beside_presets(home, name) for name in names]
    if len(runs) < 4:
        raise UsageError(
            f"{len(runs)} run{'s are' if len(runs) > 1 else ' is'} too few: at least 4 on different parts of one text, or a preset"
        )
    return runs


def _show(found: "Counterfactual", top: int) -> None:
    from memlab.lab import counterfactual as lab
    from memlab.render import curves
    from memlab.render.scale import counted
    from memlab.render.series import Floor

    now = look()
    parts = [
        f"{len(some):,} passages of {name} from {counted(found.n_documents[part], 'document')}"
        for part, name, some in (("training", "training text", found.training), ("held_out", "held-out text", found.held_out))
    ]
    say_paragraphs(f"{len(found.runs)} models: {', '.join(found.runs)}; {', '.join(parts)}", "")
    height = max(8, min(now.height - 4, _TALLEST))
    drawn = {"width": now.width, "height": height, "color": now.color, "ascii": now.ascii}
    draw(curves.plot(lab.series(found), [Floor("97.5 % of the control", found.bound)], **_LABELS, **drawn) + "\n")
    draw(_means(found) + "\n")
    for title, some in (("Training text, most memorised first", found.training), ("Held-out text, the control", found.held_out)):
        if top:
            say(title)
            draw(_passages(some[:top]) + "\n")
    _notes(found)


def _means(found: "Counterfactual") -> str:
    from memlab.render.estimate import estimate_words
    from memlab.render.tables import Column, table

    rows = []
    for part, name in (("training", "training text"), ("held_out", "held-out text, the control")):
        mean = asdict(found.mean[part])
        rows.append({"part": name, **{figure: estimate_words(one, "share") for figure, one in mean.items()}})
    columns = [
        Column("part", "mean accuracy", importance=9, shortest=_WORDS),
        Column("with_it", "trained with it", importance=6),
        Column("without", "without", importance=6),
        Column("value", "difference", importance=8),
    ]
    now = look()
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _passages(some: "list[Passage]") -> str:
    from memlab.render.tables import Column, table

    columns = [
        Column("value", "difference", right=True, importance=9),
        Column("error", "± error", right=True, importance=6),
        Column("with_it", "with", right=True, importance=7),
        Column("without", "without", right=True, importance=7),
        Column("start", "from token", importance=2),
        Column("document", "of", importance=3, shortest=_WORDS),
        Column("text", "passage", importance=8, shortest=_WORDS),
    ]
    rows = [
        {**vars(passage), **{name: f"{getattr(passage, name):.0%}" for name in ("value", "error", "with_it", "without")}}
        for passage in some
    ]
    now = look()
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _notes(found: "Counterfactual") -> None:
    say_paragraphs(
        _beyond_chance(found),
        "In brackets 95 % intervals by document, for these models as they are. Accuracy is the share of tokens held most likely after "
        "their true prefix, the passage by itself; the difference is between the means over models trained with a passage and without it, "
        "the error its standard error over these models. No model has seen the control: which ones count as trained with it was drawn, so "
        "that it must lie around 0.",
    )
    if found.has_fixed_windows:
        say_paragraphs(
            "These models saw their text in windows at fixed places, and know it best there: asked for passages by themselves they show "
            "less than they hold. --set data.order=random trains them on windows anywhere."
        )


def _beyond_chance(found: "Counterfactual") -> str:
    """How many training passages lie above the control, and whether chance gives as many."""
    from memlab.render.estimate import estimate_words

    above = estimate_words(asdict(found.above), "share")
    where = f"of the training passages lie above {found.bound:.1%}, and {found.control_above:.1%} of the control"
    if found.is_beyond_chance:
        return f"Memorised beyond chance: {above} {where}."
    return f"Memorisation cannot be told apart from chance: {above} {where}."
