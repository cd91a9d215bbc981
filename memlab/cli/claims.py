"""claims: what the paper says, checked in numbers, and on a run."""

from typing import Annotated

import typer

from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.patterns import Checkpoint, Device
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.errors import UsageError
from memlab.home import find_run


def claims(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A name, a path, a unique prefix, or last.", show_default=False)
    ] = None,
    only: Annotated[str, typer.Option(metavar="NAME", help="One claim in full, such as equation-12.", show_default=False)] = "",
    measure: Annotated[bool, typer.Option("--measure", help="Take the measures of the run that are missing; a minute or so.")] = False,
    checkpoint: Checkpoint = "last",
    seed: Annotated[int, typer.Option(help="Seed of the numerical checks.")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Check the claims of the paper: as stated, corrected, tried in numbers, and on a run."""
    from dataclasses import asdict

    from memlab.cli.progress import reporting
    from memlab.lab import claims as lab
    from memlab.render import verdicts

    if run is None and (measure or checkpoint != "last"):
        raise UsageError(f"{'--measure' if measure else '--checkpoint'} is of a run; name one, such as: memlab claims last --measure")
    found = find_run(context.obj, run) if run else None
    with reporting() as progress:
        answered = lab.claims(context.obj, found, checkpoint, device, seed, progress, measure, only)
    now, plain = look(), asdict(answered)
    if json:
        say_json(plain)
        return
    drawn = {"width": now.width, "color": now.color, "ascii": now.ascii}
    if only:
        draw(verdicts.card(plain["claims"][0], **drawn))
        return
    at = "" if answered.checkpoint is None else f" at step {answered.checkpoint:,}"
    say(f"{answered.run}{at}\n" if answered.run else "without a run: what can be checked in numbers\n")
    draw(verdicts.listing(plain["claims"], **drawn))
    commands = dict.fromkeys(claim["needs"] for claim in plain["claims"] if claim["verdict"] == lab.VERDICTS[-1])
    say_paragraphs("", verdicts.summary(plain["claims"]), *(f"to tell more: {command}" for command in commands))
    word = f"{found.word} " if found else ""
    say_paragraphs(f"one in full: memlab claims {word}--only NAME, which is one of {', '.join(lab.CLAIMS)}")
