"""plan: which size of model for which amount of data, by every rule there is."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memlab import config
from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from memlab.lab.sizing import Sizing

_TALLEST = 24
_FITTED = 1e6  # parameters, from which on the scaling laws have been fitted to anything
_LABELS = {"x_label": "D (tokens)", "y_label": "N (parameters)"}


def plan(
    context: typer.Context,
    tokens: Annotated[str | None, typer.Option(help="D: 90M, 1.5B, 12k.")] = None,
    params: Annotated[str | None, typer.Option(help="N, such as 124M; each rule takes it as the parameters that it counts.")] = None,
    source: Annotated[str | None, typer.Option(help="In place of --tokens: a source of text, whose bits are counted.")] = None,
    fraction: Annotated[str, typer.Option(help="With --source: how much of it, such as 1%.")] = "all",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="With --source: another setting, such as data.tokenizer=byte.")
    ] = None,
    probe: Annotated[bool, typer.Option("--probe", help="Measure time and memory of the nearest preset on this device.")] = False,
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Which size of model for which data: N = O(D²), Chinchilla, Kaplan and capacity in bits, and what to expect of each."""
    from dataclasses import asdict

    from memlab.lab import sizing as lab
    from memlab.lab.describe import plan_facts

    n_params, n_tokens, held = _amount("--params", params), _amount("--tokens", tokens), None
    if source is not None:
        if tokens is not None:
            raise UsageError("--tokens and --source both say how much data; give one of them")
        n_tokens, held = _count(context.obj, source, fraction, settings or [])
    found = lab.sizing(context.obj, n_params, n_tokens, held)
    probed = _probe(context.obj, found) if probe and found.nearest else None
    if json:
        say_json({**asdict(found), "probed": probed})
    else:
        _show(found)
        if probed is not None:
            from memlab.render.tables import keyvalues

            now = look()
            say(f"\n{found.nearest.name} on this device")
            draw(keyvalues(plan_facts(probed), now.width, color=now.color, ascii=now.ascii))
    if png or svg:
        from memlab.render import image

        drawn = lab.series_of(found)
        write_pictures(lambda kind: image.curves(drawn, kind=kind, log_x=True, log_y=True, **_LABELS), png, svg, quiet=json)


def _amount(name: str, words: str | None) -> float | None:
    """`90M`, `1.5B`, `12k`, `8,192`."""
    from memlab.lab.amounts import parse_amount

    if words is None:
        return None
    try:
        found = parse_amount(name, words, "90M or 1.5B", whole=False)
    except ConfigError as error:
        raise UsageError(str(error)) from None
    if not found > 0:
        raise UsageError(f"{name} is {words}; it must be above 0")
    return found


def _count(home: "Path", source: str, fraction: str, settings: list[str]) -> tuple[int, Any]:
    from memlab.cli.progress import reporting
    from memlab.lab import sizing as lab
    from memlab.lab.planning import is_elsewhere
    from memlab.lab.starting import settle

    changes = {"data.source": source, "data.fraction": config.parse_fraction(fraction), **config.parse_assignments(settings)}
    experiment = settle(home, config.changed(config.Experiment(), changes), sys.stdin.buffer)
    if is_elsewhere(experiment.data):
        raise UsageError(f"source '{source}' would have to be fetched first; give its size with --tokens, or a copy of it with --set")
    with reporting() as progress:
        return lab.data_of(home, experiment.data, experiment.model.context, progress)


def _probe(home: "Path", found: "Sizing") -> dict[str, Any]:
    """What `memlab presets NAME` says of the nearest preset."""
    from memlab import registry
    from memlab.cli.progress import working
    from memlab.home import presets_of
    from memlab.lab.planning import is_elsewhere, outline
    from memlab.lab.planning import plan as measured

    experiment = config.read(registry.preset_path(found.nearest.name, presets_of(home)))
    with working() as progress:
        return (outline if is_elsewhere(experiment.data) else measured)(experiment, home, progress)


def _show(found: "Sizing") -> None:
    from memlab.lab import sizing as lab
    from memlab.render import curves

    now = look()
    height = max(1, min(now.height - 1, _TALLEST))
    options = {"width": now.width, "height": height, "color": now.color, "ascii": now.ascii, **_LABELS}
    draw(curves.plot(lab.series_of(found), log_x=True, log_y=True, **options))
    draw("\n" + _table(found))
    say("")
    say_paragraphs(*_notes(found))


def _table(found: "Sizing") -> str:
    from memlab.render.scale import decimal, short
    from memlab.render.tables import Column, table
    from memlab.theory.sizes import tokens_per_parameter

    rows = [
        {
            "rule": one.rule,
            "N": short(one.n_params),
            "D": short(one.n_tokens),
            "each": decimal(tokens_per_parameter(one.n_tokens, one.n_params)),
            "kaplan": decimal(one.kaplan),
            "chinchilla": decimal(one.chinchilla),
            "training": decimal(one.training),
            "regime": one.regime,
        }
        for one in found.choices
    ]
    columns = [
        Column("rule", importance=9),
        Column("N", right=True, importance=8),
        Column("D", right=True, importance=7),
        Column("each", "D/N", right=True, importance=3),
        Column("kaplan", "Kaplan", right=True, importance=2),
        Column("chinchilla", "Chinchilla", right=True, importance=4),
        Column("training", "training", right=True, importance=1),
        Column("regime", "can memorise", importance=6, shortest=14),
    ]
    now = look()
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _notes(found: "Sizing") -> list[str]:
    from memlab.render.scale import decimal, nbytes, short
    from memlab.theory import scaling
    from memlab.training.estimate import least_memory

    held, nearest = found.held, found.nearest
    notes = [
        f"Data: {'' if held.exact else 'at most '}{decimal(held.bits_per_token)} bits a token, {held.how}.",
        "N: the paper and Kaplan count attention and feed-forward only, Chinchilla (Pearce and Song 2024) and the capacity (Morris et al. "
        "2025) all parameters, embeddings too. By the first two a model has embeddings beside its N, and can hold more than its row says.",
        "N = O(D²) carries on the ratio 8.63e-10 that the paper measured between 40 and 80 million parameters; as stated the loss is then "
        "ln Z + 1/Z = 1, whatever the data. Kaplan: the loss is at most 2 % above that on endless data.",
        "Kaplan, Chinchilla: the loss on unseen web text by each law; training: what learning by heart alone reaches at best, with nothing "
        f"that generalises{'' if held.exact else '; the bits are an upper bound, and so is this'}. "
        f"Chinchilla's E is {scaling.CHINCHILLA_E:g}; the paper quotes {scaling.CHINCHILLA_E_AS_QUOTED:g}, which takes 0.08 off.",
    ]
    if min(one.n_params for one in found.choices) < _FITTED:
        notes.append("Both laws were fitted to larger models than some of these: below a million parameters their losses mean little.")
    if found.optimum:
        compute = scaling.compute_of(found.n_params, found.n_tokens)
        n_params, n_tokens = found.optimum
        best = f"N = {short(n_params)}, D = {short(n_tokens)}"
        notes.append(f"One pass takes 6·N·D = {compute:.2e} FLOP, with which Chinchilla's fit would take {best}.")
    if found.n_params:
        notes.append(f"Training takes at least {nbytes(least_memory(round(found.n_params)))} of memory for weights, gradients and AdamW.")
    if nearest:
        size = f"N {short(nearest.n_params)} without embeddings" + (f", D {short(nearest.n_tokens)}" if nearest.n_tokens else "")
        command = f"memlab presets {shlex.quote(nearest.name)}"
        notes.append(f"Nearest preset: {nearest.name} ({size}); `{command}` measures it on this device, as --probe does.")
    return notes
