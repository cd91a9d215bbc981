"""sample: let a checkpoint continue a prompt."""

from typing import Annotated

import typer

from memlab.cli.numbers import at_least
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.errors import UsageError
from memlab.home import find_run


def sample(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A name, a path, a unique prefix, or last.")],
    prompt: Annotated[str, typer.Argument(help="The text to continue; may be empty.")] = "",
    tokens: Annotated[int, typer.Option(help="At most so many tokens.", callback=at_least(1))] = 64,
    temperature: Annotated[float, typer.Option(help="0 is greedy: what it knows best.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the drawing.")] = 0,
    checkpoint: Annotated[str, typer.Option(help="last, best or a step.")] = "last",
    json: Json = False,
) -> None:
    """Continue a prompt with a run's last checkpoint, or an earlier one."""
    if not temperature >= 0:
        raise UsageError(f"--temperature is {temperature:g}; it must be at least 0 (0 is greedy)")
    from memlab.lab import sampling
    from memlab.render.safe import safe

    found = find_run(context.obj, run)
    drawn = sampling.sample(found, prompt, tokens, temperature, seed, checkpoint)
    if json:
        say_json(vars(drawn))
        return
    now = look()
    bold, plain = ("\x1b[1m", "\x1b[0m") if now.color else ("", "")
    texts = [safe(text, newlines=True, ascii=now.ascii) for text in (prompt, drawn.continuation)]
    draw(f"{texts[0]}{bold}{texts[1]}{plain}")
    sure = sum(probability > 0.9 for probability in drawn.probabilities)
    say(f"\n(step {drawn.step:,} of {found.name}; {sure} of {len(drawn.tokens)} tokens with p > 0.9)")
