"""tokens: a passage token by token: memorised, predictable anyway, copied, or wrong."""

import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from memlab.cli.inspect import question_of
from memlab.cli.numbers import at_least
from memlab.cli.patterns import Checkpoint, Device, Run
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.home import find_run

_WIDEST = 160
_ROWS = 64


def tokens(
    context: typer.Context,
    run: Run,
    text: Annotated[str | None, typer.Argument(help="The passage; - reads standard input.", show_default=False)] = None,
    file: Annotated[Path | None, typer.Option(help="The text of a file.", show_default=False)] = None,
    train: Annotated[int | None, typer.Option(help="This passage of the training text.", show_default=False)] = None,
    validation: Annotated[int | None, typer.Option(help="This passage of the held-out text.", show_default=False)] = None,
    prompt: Annotated[
        int | None, typer.Option(help="Continue greedily from so many tokens on.", show_default="half of them", callback=at_least(0))
    ] = None,
    reference: Annotated[
        str, typer.Option(metavar="auto|exact|ngram|RUN", help="What could be known without the training text; auto: the first there is.")
    ] = "auto",
    rows: Annotated[int, typer.Option(help="Lines of the table of tokens; 0: no table.", callback=at_least(0))] = _ROWS,
    seed: Annotated[int, typer.Option(help="Seed of the excerpts that the passage is compared with.", callback=at_least(0))] = 0,
    checkpoint: Checkpoint = "last",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """A passage token by token: which tokens are memorised, and which are predictable anyway, copied or wrong."""
    from memlab.cli.progress import reporting
    from memlab.lab import remembering
    from memlab.lab import tokens as lab

    found, question = find_run(context.obj, run), question_of(text, file, train, validation)
    with reporting() as progress:
        memory = remembering.open_model(found, context.obj, checkpoint, device, progress)
        read = asdict(lab.tokens(memory, context.obj, question, prompt, reference, seed, device, progress))
    if json:
        say_json(read)
    else:
        show(read, rows)


def show(found: dict[str, Any], rows: int = _ROWS) -> None:
    """A passage as text."""
    from memlab.render import strip, stripwords

    now = look()
    width = min(now.width, _WIDEST)
    drawn = {"color": now.color, "ascii": now.ascii}
    part = "" if found["part"] == "given" else f"{'held-out' if found['part'] == 'validation' else 'training'} passage from "
    say(textwrap.fill(f"{found['run']} at step {found['step']:,}: {part}{found['label']}", max(20, width)))
    draw(f"\n{strip.strip(found, width, **drawn)}\n")
    draw(strip.classes(found, width, **drawn))
    draw("")
    if found["continuation"]:
        _say(stripwords.continued(found), width)
        draw(strip.continuation(found, width, **drawn) + "\n")
    if rows:
        draw(strip.tokens(found, width, rows, **drawn))
        left_out = sum(bool(token["name"]) for token in found["tokens"]) - rows
        draw("" if left_out <= 0 else f"{left_out:,} more: --rows {left_out + rows}\n")
    for words in (*stripwords.reference(found), stripwords.excerpts(found, width >= strip.ROOMY), *found["notes"]):
        _say(words, width)


def _say(words: str, width: int) -> None:
    say(textwrap.fill(words, max(20, width)))
