"""inspect: ask a run's stored patterns with a text."""

import sys
import textwrap
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from memlab.cli.patterns import Device, Run
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.errors import RunError, UsageError
from memlab.home import find_run

if TYPE_CHECKING:
    from memlab.lab.inspecting import Question
    from memlab.lab.over_training import Course

_WIDEST = 160
_TALLEST = 18  # rows of the curves


class Plotted(StrEnum):
    """What is drawn over training."""

    distance = "distance"
    energy = "energy"
    patterns = "patterns"


_SHOWN = {Plotted.distance: "squared_distance", Plotted.energy: "energy", Plotted.patterns: "effective_patterns"}


def inspect(
    context: typer.Context,
    run: Run,
    text: Annotated[str | None, typer.Argument(help="What to ask with; - reads standard input.", show_default=False)] = None,
    file: Annotated[Path | None, typer.Option(help="Ask with the text of a file.", show_default=False)] = None,
    train: Annotated[int | None, typer.Option(help="Ask with this passage of the training text.", show_default=False)] = None,
    validation: Annotated[int | None, typer.Option(help="Ask with this passage of the held-out text.", show_default=False)] = None,
    layer: Annotated[str, typer.Option(help="A layer by name: 0 enters block 1, -1 is the last block, norm the final LayerNorm.")] = "-1",
    position: Annotated[int, typer.Option(help="Which token, from 0, or from the end: -1 is the last.")] = -1,
    beta: Annotated[str, typer.Option(help="Inverse temperature: 1 (the paper's), auto (by perplexity), or a number.")] = "1",
    k: Annotated[int, typer.Option(help="How many of the nearest patterns to show.")] = 8,
    steps: Annotated[int, typer.Option(help="Show patterns and votes after so many steps of retrieval.")] = 0,
    checkpoint: Annotated[str, typer.Option(help="last, best or a step; with --over-training where β is chosen for auto.")] = "last",
    over_training: Annotated[bool, typer.Option("--over-training", help="Ask every checkpoint, and draw the course.")] = False,
    plot: Annotated[Plotted, typer.Option(help="What is drawn over training.")] = Plotted.distance,
    points: Annotated[int, typer.Option(help="At most so many checkpoints over training.")] = 24,
    device: Device = "auto",
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Where a text lies among the stored patterns, and which one retrieval ends at."""
    from memlab.cli.progress import reporting
    from memlab.lab import inspecting, remembering
    from memlab.lab import over_training as courses

    found, question = find_run(context.obj, run), question_of(text, file, train, validation)
    inspecting.parse_beta(beta)
    if (png or svg) and not over_training:
        raise UsageError("--png and --svg draw the course over training; add --over-training, or use `memlab landscape` for a picture")
    if over_training:
        with reporting() as progress:
            course = courses.over_training(found, context.obj, question, layer, position, beta, checkpoint, points, device, progress)
        say_json(asdict(course)) if json else show_course(course, _SHOWN[plot])
        write_pictures(lambda kind: _file(course, _SHOWN[plot], kind), png, svg, quiet=json)
        return
    with reporting() as progress:
        memory = remembering.open_memory(found, context.obj, checkpoint, device, progress)
        answer = inspecting.inspect(memory, question, layer, position, beta, k, steps, progress)
    if json:
        say_json(asdict(answer))
    else:
        show(asdict(answer))


def show_course(course: "Course", shown: str) -> None:
    """One text over training, as a plot and a table."""
    from memlab.lab import over_training
    from memlab.render import card, curves

    now = look()
    width, drawn = min(now.width, _WIDEST), {"color": now.color, "ascii": now.ascii}
    found = asdict(course)
    say(f"{course.run} over training, asked with {course.label}, {course.layer_words}; {_beta_words(course)}")
    if course.note:
        say(course.note)
    draw(f"\n{card.asked({**found, 'asked': {'tokens': course.tokens}}, width, **drawn)}\n")
    height = max(8, min(now.height - 6, _TALLEST))
    curve, labels = over_training.series(course, shown), over_training.labels(course, shown)
    draw(curves.plot(curve, **labels, width=width, height=height, **drawn) + "\n")
    draw(card.course(found["moments"], width, **drawn))
    words = (
        f"In memory at every step: the same {course.n_patterns:,} patterns, all positions of whole training rows drawn with seed "
        f"{course.seed}. Training text: median of {course.n_queries['training']:,} queries of these rows, from another beginning on "
        f"or without their own patterns; held-out text: of {course.n_queries['validation']:,}."
    )
    say(textwrap.fill(words, max(20, width)))
    if course.n_left_out:
        say(f"{course.n_left_out:,} other checkpoints were left out; see --points")


def _file(course: "Course", shown: str, kind: Literal["png", "svg"]) -> bytes:
    from memlab.lab import over_training
    from memlab.render import image

    title = f"{course.run}, asked with {course.label}, {course.layer_words}"
    return image.curves(over_training.series(course, shown), kind=kind, title=title, **over_training.labels(course, shown))


def _beta_words(course: "Course") -> str:
    betas = {moment.beta for moment in course.moments}
    frozen = f", chosen at step {course.frozen_at:,} and kept" if course.frozen_at is not None else ""
    return f"β = {max(betas):.3g}{frozen}"


def question_of(text: str | None, file: Path | None, train: int | None, validation: int | None) -> "Question":
    """What is asked with. Raises UsageError unless it is exactly one thing."""
    from memlab.lab.inspecting import Question

    if sum(given is not None for given in (text, file, train, validation)) != 1:
        raise UsageError("give one text: as an argument, - for standard input, --file PATH, --train N or --validation N")
    if train is not None:
        return Question("training", number=train)
    if validation is not None:
        return Question("validation", number=validation)
    if file is not None:
        return Question(text=_read(file))
    if text == "-":
        return Question(text=sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n"))
    return Question(text=text)


def show(found: dict[str, Any]) -> None:
    """An inspection as text."""
    from memlab.render import card

    now = look()
    width = min(now.width, _WIDEST)
    drawn = {"color": now.color, "ascii": now.ascii}
    say(_title(found))
    if found["asked"]["note"]:
        say(found["asked"]["note"])
    draw(f"\n{card.asked(found, width, **drawn)}\n")
    draw(card.readings(found, width, **drawn))
    say(_controls(found))
    say(card.whole(found))
    draw(f"\n{card.heading(found, width, **drawn)}\n")
    draw(card.patterns(found, width, **drawn))
    say("\nwhat comes next, as the patterns vote and as the model predicts")
    draw(card.next_tokens(found, width, **drawn))
    draw("\n" + card.card(found["card"], width, **drawn))
    say("")
    for note in found["notes"]:
        say(f"note: {note}")


def _title(found: dict[str, Any]) -> str:
    asked = found["asked"]
    excluded = f", {asked['excluded']:,} of them its own" if asked["excluded"] else ""
    part = "" if asked["part"] == "given" else f"{asked['part']} passage "
    return f"{found['run']} at step {found['step']:,}, asked with {part}{asked['label']}; {found['n_patterns']:,} patterns{excluded}"


def _controls(found: dict[str, Any]) -> str:
    counts = found["n_controls"]
    if counts is None:
        return ""
    repeated = found["n_repeated"]
    others = f"; {repeated['training']:,} and {repeated['validation']:,} others stand in the training text elsewhere too and were left out"
    return (
        f"d² is to the nearest pattern; of {counts['training']:,} queries of training text and {counts['validation']:,} of held-out text "
        f"the median, and the middle nine tenths in brackets{others if any(repeated.values()) else ''}"
    )


def _read(file: Path) -> str:
    from memlab.files import explained

    try:
        with explained(file, "reading"):
            return file.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
    except RunError as error:
        raise UsageError(str(error)) from None
