"""forgetting: what a run had memorised at one checkpoint and no longer at a later one."""

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from memlab.cli.memorized import count_of_passages
from memlab.cli.numbers import at_least
from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.patterns import Device, Run
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.home import find_run

if TYPE_CHECKING:
    from memlab.lab.forgetting import Course, Passage

_TALLEST = 18  # rows of the curves
_WORDS = 12  # cells of a text that may be cut
_FATES = {"held": "held", "forgotten": "forgotten since", "never": "never held"}


class Of(StrEnum):
    """Of what the shares are drawn over training."""

    passages = "passages"
    tokens = "tokens"


def forgetting(
    context: typer.Context,
    run: Run,
    of: Annotated[Of, typer.Option(help="What is drawn and listed by checkpoint.")] = Of.passages,
    passages: Annotated[str, typer.Option(help="How many passages of each part are followed, drawn by the seed; or all.")] = "256",
    points: Annotated[int, typer.Option(help="At most so many checkpoints.")] = 24,
    top: Annotated[int, typer.Option(help="How many forgotten passages are listed.", callback=at_least(0))] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the draw.", callback=at_least(0))] = 0,
    device: Device = "auto",
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Follow passages over training: memorised once, and later not? Held-out passages are the control."""
    from memlab.cli.progress import reporting
    from memlab.lab import forgetting as lab

    found, n = find_run(context.obj, run), count_of_passages(passages)
    with reporting() as progress:
        course = lab.forgetting(found, context.obj, n, points, seed, device, progress)
    if json:
        say_json(asdict(course))
    else:
        _show(course, of, top)
    if png or svg:
        from memlab.render import image

        labels = {"x_label": "steps", "y_label": f"share of {of}"}
        write_pictures(lambda kind: image.curves(lab.series(course, of.value), kind=kind, **labels), png, svg, quiet=json)


def _show(course: "Course", of: Of, top: int) -> None:
    from memlab.lab import forgetting as lab
    from memlab.render import curves

    now, last = look(), course.moments[-1]
    parts = f"{len(course.training):,} training passages, {len(course.held_out):,} held-out ones"
    say_paragraphs(f"{course.run}, {len(course.moments)} checkpoints from step {course.moments[0].step:,} to {last.step:,}: {parts}", "")
    height = max(8, min(now.height - 4, _TALLEST))
    drawn = {"width": now.width, "height": height, "color": now.color, "ascii": now.ascii}
    draw(curves.plot(lab.series(course, of.value), y_label=f"share of {of}", y_range=(0.0, 1.0), **drawn) + "\n")
    draw(_over_training(course, of) + "\n")
    draw(_at_the_end(course) + "\n")
    lost = [passage for passage in course.training if passage.lost > 0]
    if not lost:
        say_paragraphs("No training passage is continued worse at the last checkpoint than at its best one.")
    elif top:
        say("Training text, what was forgotten most first")
        draw(_passages(lost[:top]) + "\n")
    _notes(course)


def _over_training(course: "Course", of: Of) -> str:
    from memlab.render.scale import percent
    from memlab.render.tables import Column, table

    columns = [
        Column("step", importance=9),
        Column("training held", f"{of} held", right=True, importance=8),
        Column("training forgotten", "forgotten since", right=True, importance=7),
        Column("held_out held", "held-out, held", right=True, importance=6),
        Column("held_out forgotten", "held-out, forgotten", right=True, importance=5),
    ]
    rows = []
    for moment in course.moments:
        shares = {part: getattr(moment, part)[of.value] for part in ("training", "held_out")}
        figures = {f"{part} {fate}": percent(getattr(one, fate).value) for part, one in shares.items() for fate in ("held", "forgotten")}
        rows.append({"step": moment.step, **figures})
    now = look()
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _at_the_end(course: "Course") -> str:
    """What has become of passages and tokens at the last checkpoint, with intervals where there is room."""
    from memlab.render.estimate import estimate_words
    from memlab.render.scale import percent
    from memlab.render.strip import ROOMY
    from memlab.render.tables import Column, table

    now, last = look(), course.moments[-1]
    rows = []
    for unit in Of:
        for fate, name in _FATES.items():
            estimates = {part: getattr(getattr(last, part)[unit.value], fate) for part in ("training", "held_out")}
            words = {
                part: estimate_words(asdict(one), "share") if now.width >= ROOMY else percent(one.value) for part, one in estimates.items()
            }
            rows.append({"what": f"{unit} {name}", **words})
    columns = [
        Column("what", f"at step {last.step:,}", importance=9, shortest=_WORDS),
        Column("training", importance=8),
        Column("held_out", "held-out", importance=7),
    ]
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _passages(some: "list[Passage]") -> str:
    from memlab.render.tables import Column, table

    columns = [
        Column("best", "best score", right=True, importance=8),
        Column("best_step", "at step", importance=6),
        Column("last", "last score", right=True, importance=8),
        Column("times", "times forgotten", importance=3),
        Column("row", importance=4),
        Column("document", "from", importance=2, shortest=_WORDS),
        Column("prompt", importance=5, shortest=_WORDS),
        Column("continuation", "went on", importance=7, shortest=_WORDS),
    ]
    rows = []
    for passage in some:
        scores = {"best": f"{passage.best_score:.0%}", "last": f"{passage.last_score:.0%}"}
        rows.append({**vars(passage), **scores, "prompt": "…" + passage.prompt[-48:], "continuation": passage.continuation[:64]})
    now = look()
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _notes(course: "Course") -> None:
    from memlab.lab.asking import resampled

    last = course.moments[-1]
    shares = {"training text": last.training, "held-out text": last.held_out}
    numbers = {part: of[Of.passages.value].held.n_documents for part, of in shares.items()}
    say_paragraphs(
        "Held: a passage is continued word for word from its first half, greedily; a token is the likeliest after its true prefix. "
        "Forgotten since: held at an earlier checkpoint of these, not at this one. Held-out text is held and lost by guessing: only what "
        f"training text has beyond that is memory. In brackets 95 % intervals {resampled(numbers)}."
    )
    if course.n_skipped:
        say_paragraphs(f"{course.n_skipped:,} other checkpoints were left out; see --points.")
    if course.n_left_out:
        say_paragraphs(f"{course.n_left_out:,} held-out passages stand in the training text too and were left out.")
