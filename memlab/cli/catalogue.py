"""presets, sources, families: what there is to choose from."""

import textwrap
from typing import Annotated, Any

import typer

from memlab import config, registry
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json
from memlab.home import presets_of


def presets(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Show this one resolved, with what it takes on this device.")] = None,
    settings: Annotated[bool, typer.Option("--settings", help="List every setting with its default and meaning.")] = False,
    size: Annotated[str | None, typer.Option(help="With NAME: this size instead.")] = None,
    fraction: Annotated[str | None, typer.Option(help="With NAME: this fraction instead.")] = None,
    data_dir: Annotated[str | None, typer.Option("--data-dir", metavar="PATH", help="With NAME: a copy on disk of its data set.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="With NAME: change a setting.")] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="With NAME: measure it also where its text has to be fetched first.")] = False,
    json: Json = False,
) -> None:
    """List the presets; or show one resolved, with N, D, and time and memory on this device."""
    from memlab.lab.listing import preset_rows

    if settings:
        rows = config.describe_settings()
        _show(rows, ["setting", "default", "meaning"], json)
    elif name is None:
        rows = preset_rows(presets_of(context.obj))
        _show(rows, ["name", "experiment", "data", "size", "budget"], json)
    else:
        from memlab.cli.train import DATA_DIR, resolve

        flags = {"data.fraction": fraction and config.parse_fraction(fraction), "model.size": size, DATA_DIR: data_dir}
        _show_preset(context.obj, resolve(context.obj, name, changes, flags)[0], name, fetch, json)


def sources(
    name: Annotated[str | None, typer.Argument(help="Show the settings of this one.")] = None,
    json: Json = False,
) -> None:
    """List the sources of text; or the settings of one."""
    _plugins("source", name, json)


def families(
    name: Annotated[str | None, typer.Argument(help="Show the sizes of this one.")] = None,
    json: Json = False,
) -> None:
    """List the families of models; or the sizes of one."""
    _plugins("family", name, json)


def _plugins(kind: registry.Kind, name: str | None, json: bool) -> None:
    from memlab.lab.listing import plugin_rows

    if name is None:
        rows = plugin_rows(kind)
        shown = [{**row, "sizes": row["any_size"] or ", ".join(row["sizes"])} for row in rows] if kind == "family" else rows
        _show(rows if json else shown, ["name", "summary", *(["sizes"] if kind == "family" else [])], json)
        return
    described = registry.describe(kind, name)
    if kind == "family":
        rows = [{"size": size, **_plain(values, json)} for size, values in described.constants["SIZES"].items()]
    else:
        options = registry.load(kind, name).Options
        rows = config.describe_options(options, f"data.{kind}_options.")
    if not json:
        say(described.summary + "\n")
        if kind == "family" and "ANY_SIZE" in described.constants:
            say(f"model.size is {described.constants['ANY_SIZE']}.")
            return
    _show(rows, list(rows[0]) if rows else [], json)


def _plain(values: dict[str, Any], json: bool) -> dict[str, Any]:
    """The numbers that a size has layer by layer, side by side for people."""
    return {key: " ".join(map(str, value)) if isinstance(value, tuple) and not json else value for key, value in values.items()}


def _show(rows: list[dict[str, Any]], columns: list[str], json: bool) -> None:
    from memlab.render.tables import Column, table

    if json:
        say_json(rows)
        return
    now = look()
    wide = {"experiment", "summary", "meaning", "sizes"}
    shown = [Column(key, shortest=24 if key in wide else None, importance=len(columns) - number) for number, key in enumerate(columns)]
    draw(table(rows, shown, now.width, color=now.color, ascii=now.ascii))


def _show_preset(home: Any, experiment: config.Experiment, name: str, fetch: bool, json: bool) -> None:
    from memlab.cli.progress import working
    from memlab.lab.describe import changed_settings, plan_facts
    from memlab.lab.planning import is_elsewhere, outline, plan
    from memlab.render.tables import keyvalues

    now = look()
    if not json:  # before the plan, which takes a while
        for words in (experiment.experiment, experiment.expect and f"Expect: {experiment.expect}"):
            if words:
                say(textwrap.fill(words, max(20, now.width)) + "\n")
        draw(keyvalues(changed_settings(experiment), now.width, color=now.color, ascii=now.ascii) + "\n")
    with working() as progress:
        skip = is_elsewhere(experiment.data) and not fetch
        found = (outline if skip else plan)(experiment, home, progress)
    if json:
        say_json({"name": name, "settings": config.to_dict(experiment), "plan": found})
        return
    draw(keyvalues(plan_facts(found), now.width, color=now.color, ascii=now.ascii))
    if skip:
        words = f"Time, memory and the rest are not measured: the text is fetched by `memlab train {name}`, or now with --fetch; "
        say("\n" + textwrap.fill(f"{words}--data-dir names a copy on disk.", max(20, now.width)))
