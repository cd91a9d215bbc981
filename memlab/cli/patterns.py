"""patterns: store what a run's training text leaves in each layer."""

from dataclasses import asdict
from typing import Annotated

import typer

from memlab.cli.runs import Json
from memlab.cli.terminal import say, say_json
from memlab.home import find_run

Run = Annotated[str, typer.Argument(metavar="RUN", help="A name, a path, a unique prefix, or last.")]
Checkpoint = Annotated[str, typer.Option(help="last, best or a step.")]
Device = Annotated[str, typer.Option(help="auto, cpu, mps, cuda or cuda:N.")]


def patterns(
    context: typer.Context,
    run: Run,
    checkpoint: Checkpoint = "last",
    layers: Annotated[str, typer.Option(help="all, or numbers such as 0,6,12; norm is after the final LayerNorm.")] = "all",
    positions: Annotated[str, typer.Option(help="last (one a row, as the paper), all, or every:8.")] = "all",
    budget: Annotated[str, typer.Option(help="The most that the patterns may take on disk; beyond it a sample is stored.")] = "250MB",
    seed: Annotated[int, typer.Option(help="Seed of that sample.")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Store the hidden states of the training text as patterns, layer by layer."""
    from memlab.cli.progress import reporting
    from memlab.lab import remembering
    from memlab.render.scale import nbytes, percent

    found, n_bytes = find_run(context.obj, run), remembering.memory_bytes(budget)
    with reporting() as progress:
        stored = remembering.store_patterns(found, context.obj, checkpoint, layers, positions, n_bytes, seed, device, progress)
    if json:
        say_json({**asdict(stored), "path": str(stored.path), "left_out": stored.left_out})
        return
    verb = "are stored already" if stored.was_there else "stored"
    say(f"{stored.n_patterns:,} patterns of step {stored.step:,} {verb}, {nbytes(stored.n_bytes)} in {stored.path}")
    say(f"layers {', '.join(stored.layers)}; {_which(stored.positions)}")
    if stored.left_out:
        share = percent(stored.n_patterns / stored.n_places)
        say(f"the budget left out {stored.left_out:,} of {stored.n_places:,} positions: a sample of {share}, drawn with seed {stored.seed}")


def _which(positions: str) -> str:
    kind, _, step = positions.partition(":")
    return {"last": "the last position of each row", "all": "every position"}.get(kind, f"each {step}th position")
