"""memorized: which passages of its text a run has memorised, and how far, beside held-out text."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memlab.cli.numbers import at_least
from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.patterns import Checkpoint, Device, Run
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.errors import UsageError
from memlab.files import require_writable
from memlab.home import find_run

if TYPE_CHECKING:
    from memlab.lab.memorized import Against, Examined, Memorised

_WORDS = 12  # cells of a text that may be cut
_INTERVALS = "In brackets 95 % intervals, by document: passages of one document hang together."
_BY_ENERGY = (
    "By energy: tokens of training text are asked with from windows that begin elsewhere than those whose states are stored, but they are "
    "stored, and those of held-out text are not. That finds stored text again, memorised or not."
)
_SMALL = 0.02  # a share of the training text's bits that is nothing in held-out text


def memorized(
    context: typer.Context,
    run: Run,
    checkpoint: Checkpoint = "last",
    passages: Annotated[str, typer.Option(help="How many passages of each part are looked at, drawn by the seed; or all.")] = "256",
    top: Annotated[int, typer.Option(help="How many of them are listed.", callback=at_least(0))] = 10,
    measures: Annotated[str, typer.Option(help="all, none, or names with commas between them.")] = "all",
    export: Annotated[Path | None, typer.Option(metavar="PATH", help="Write all passages to a .jsonl or .parquet file.")] = None,
    reference: Annotated[
        str,
        typer.Option(metavar="auto|exact|ngram|RUN", help="What bits are counted against: what could be known without the training text."),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the draw.", callback=at_least(0))] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Rank a run's passages by how far they are memorised, with held-out passages as the control."""
    from dataclasses import asdict

    from memlab import registry
    from memlab.cli.progress import reporting
    from memlab.lab import memorized as lab
    from memlab.measures.memorisation.membership import BY_ENERGY

    found, n, names = (
        find_run(context.obj, run),
        count_of_passages(passages),
        [] if measures == "none" else registry.chosen("measure", measures),
    )
    if export and export.suffix not in (".jsonl", ".parquet"):
        raise UsageError(f"--export is '{export}'; its name must end in .jsonl or .parquet")
    if export:
        require_writable(export, "--export")
    with reporting() as progress:
        ranked = lab.examine(found, context.obj, checkpoint, names, n, seed, device, progress, reference)
    if export:
        lab.export(ranked, export)
    if json:
        say_json(asdict(ranked))
        return
    say_paragraphs(_counts(ranked), "")
    for title, some in (("Training text, best memorised first", ranked.training), ("Held-out text, the control", ranked.held_out)):
        if top:
            say(title)
            draw(_table(some[:top]))
            say("")
    if ranked.figures:
        draw(_figures(ranked.figures))
        is_by_energy = any(figure["name"] == BY_ENERGY for some in ranked.figures.values() for figure in some)
        for paragraph in (_INTERVALS, *([_BY_ENERGY] if is_by_energy else [])):
            say_paragraphs("", paragraph)
    for paragraph in _bits(ranked):
        say_paragraphs("", paragraph)
    if ranked.searched:
        say_paragraphs("", lab.searched_words(ranked))
    if ranked.n_left_out:
        say(f"\n{ranked.n_left_out:,} held-out passages stand in the training text too and were left out.")
    if export:
        say(f"\nwrote {len(ranked.training) + len(ranked.held_out):,} passages to {export}")


def _counts(ranked: "Examined") -> str:
    """How many passages of how many documents are looked at."""
    from memlab.render.scale import counted

    parts = [
        f"{len(some):,} {name} passages of {counted(ranked.n_documents[part], 'document')}"
        for part, name, some in (("training", "training", ranked.training), ("validation", "held-out", ranked.held_out))
    ]
    return f"Step {ranked.step:,} of {ranked.run}: {', '.join(parts)}"


def _table(some: "list[Memorised]") -> str:
    from memlab.render.tables import Column, table

    columns = [
        Column("score", importance=9),
        Column("exact", "tokens right", importance=5),
        Column("loss", "nats/token", importance=6),
        Column("bits", importance=6),
        Column("times", importance=4),
        Column("row", importance=3),
        Column("document", "from", importance=2, shortest=_WORDS),
        Column("prompt", importance=7, shortest=_WORDS),
        Column("continuation", "goes on", importance=8, shortest=_WORDS),
    ]
    rows = []
    for passage in some:
        share = {name: f"{getattr(passage, name):.0%}" for name in ("score", "exact")}
        rows.append({**vars(passage), **share, "prompt": "…" + passage.prompt[-48:], "continuation": passage.continuation[:64]})
    now = look()
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _figures(figures: dict[str, list[dict[str, Any]]]) -> str:
    """A line a figure, training beside held-out."""
    from memlab.render.estimate import estimate_words
    from memlab.render.tables import Column, table

    rows: dict[str, dict[str, Any]] = {}
    for some in figures.values():
        for figure in some:
            part = "training" if figure["part"] == "both" else figure["part"]
            rows.setdefault(figure["name"], {"measure": figure["name"]})[part] = estimate_words(figure["estimate"], figure["unit"])
    columns = [
        Column("measure", importance=9, shortest=_WORDS),
        Column("training", importance=8),
        Column("validation", "held-out", importance=7),
    ]
    now = look()
    return table(list(rows.values()), columns, now.width, color=now.color, ascii=now.ascii)


def _bits(ranked: "Examined") -> list[str]:
    """What the bits are against, what was lost per token, and the capacity that they fill."""
    against = ranked.against
    if against is None:
        return [f"Nothing is said in bits: {ranked.why_not}."]
    return [f"Bits are counted against {against.words}.", *_losses(against), *_capacity(ranked)]


def _losses(against: "Against") -> list[str]:
    """Nats per token of the model and of its reference; what cannot occur is said apart."""
    from memlab.render.scale import decimal

    told = []
    for part, name in (("training", "training"), ("validation", "held-out")):
        mine, its = against.model_nats[part], against.reference_nats[part]
        if mine is not None and its is not None:
            told.append(f"{name} text {decimal(mine)} with the model, {decimal(its)} with the reference")
    words = ["Nats per token: " + "; ".join(told) + "."] if told else []
    if against.is_below_entropy:
        words.append("The training text takes less than its entropy: no knowledge of its distribution gets there, only memorisation.")
    if n := sum(against.n_impossible.values()):
        words.append(f"{n:,} passages cannot occur under the reference (canaries, say) and are counted in no bits.")
    return words


def _capacity(ranked: "Examined") -> list[str]:
    """The bits per parameter, without what held-out text comes to, beside the capacity as published."""
    from memlab.measures.memorisation.bits import BEYOND, PER_PARAMETER
    from memlab.render.estimate import bits_words
    from memlab.theory.capacity import BITS_PER_PARAMETER, capacity_bits

    by_name = {(figure["name"], figure["part"]): figure["estimate"] for figure in ranked.figures.get("bits", [])}
    training, control = (by_name.get((PER_PARAMETER, part)) for part in ("training", "validation"))
    if training is None:
        return []
    n, of = len(ranked.training), ranked.against.n_passages
    sample = (
        "counted over all of them" if n == of else f"scaled from {n:,} passages to all {of:,}; a text that is there k times counts once"
    )
    full = capacity_bits(ranked.n_params_total)
    source = f"as published (Morris et al. 2025; {bits_words(full)} bits in all)"
    held = by_name.get((BEYOND, "both"), training)
    each = f"for each of all {ranked.n_params_total:,} parameters"
    if held["low"] > 0:
        share = f"{held['value'] / BITS_PER_PARAMETER:.1%} of the {BITS_PER_PARAMETER}"
        told = f"Memorised: {_with_interval(held)} {each}, {share} that such models were seen to hold {source}."
    else:
        told = f"Whether any is memorised cannot be told: beyond that it comes to {_with_interval(held)} {each}. "
        told += f"Such models were seen to hold {BITS_PER_PARAMETER} {source}."
    return [f"In all: {sample}. {_control_words(training, control, held)} {told}"]


def _control_words(training: dict[str, Any], control: dict[str, Any] | None, held: dict[str, Any]) -> str:
    """What held-out text says of the bits per parameter."""
    from memlab.render.estimate import bits_words

    if control is None:
        return "There is no held-out text to compare with."
    if held["low"] > 0 and control["value"] <= _SMALL * training["value"]:
        return "Held-out text comes to almost nothing, as it should."
    words = f"As much held-out text comes to {bits_words(control['value'])} bits per parameter, by chance and by what the reference lacks"
    if held["low"] > 0:
        return f"{words}: only what training text has beyond that is memorised."
    return f"{words}; training text is not told apart from it."


def _with_interval(estimate: dict[str, Any]) -> str:
    """A number of bits, with its interval where it is uncertain."""
    from memlab.render.estimate import bits_words, estimate_words

    certain = estimate["low"] == estimate["value"] == estimate["high"]
    return f"{bits_words(estimate['value'])} bits" if certain else estimate_words(estimate, "bits")


def count_of_passages(words: str) -> int | None:
    """How many `--passages` are; None for all. Raises UsageError."""
    if words == "all":
        return None
    if not words.isdecimal() or int(words) < 2:
        raise UsageError(f"--passages is '{words}'; it must be a number from 2 on, or all")
    return int(words)
