"""presets, sources, families: what there is to choose from."""

from typing import Annotated, Any

import typer

from memlab import config, registry
from memlab.cli.runs import Json
from memlab.cli.terminal import draw, look, say, say_json


def presets(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Show this one resolved, with what it takes on this device.")] = None,
    settings: Annotated[bool, typer.Option("--settings", help="List every setting with its default and meaning.")] = False,
    size: Annotated[str | None, typer.Option(help="With NAME: this size instead.")] = None,
    fraction: Annotated[str | None, typer.Option(help="With NAME: this fraction instead.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="With NAME: change a setting.")] = None,
    json: Json = False,
) -> None:
    """List the presets; or show one resolved, with N, D, and time and memory on this device."""
    from memlab.lab.listing import preset_rows

    if settings:
        rows = config.describe_settings()
        _show(rows, ["setting", "default", "meaning"], json)
    elif name is None:
        rows = preset_rows()
        _show(rows, ["name", "data", "size", "budget", "experiment"], json)
    else:
        from memlab.cli.train import resolve

        _show_preset(context.obj, resolve(context.obj, name, fraction, size, None, None, changes)[0], name, json)


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
        shown = [{**row, "sizes": ", ".join(row["sizes"])} for row in rows] if kind == "family" else rows
        _show(rows if json else shown, ["name", "summary", *(["sizes"] if kind == "family" else [])], json)
        return
    described = registry.describe(kind, name)
    if kind == "family":
        rows = [{"size": size, **values} for size, values in described.constants["SIZES"].items()]
    else:
        options = registry.load(kind, name).Options
        rows = config.describe_options(options, f"data.{kind}_options.")
    if not json:
        say(described.summary + "\n")
    _show(rows, list(rows[0]) if rows else [], json)


def _show(rows: list[dict[str, Any]], columns: list[str], json: bool) -> None:
    from memlab.render.tables import Column, table

    if json:
        say_json(rows)
        return
    now = look()
    wide = {"experiment", "summary", "meaning", "sizes"}
    shown = [Column(key, shortest=24 if key in wide else None, importance=len(columns) - number) for number, key in enumerate(columns)]
    draw(table(rows, shown, now.width, color=now.color, ascii=now.ascii))


def _show_preset(home: Any, experiment: config.Experiment, name: str, json: bool) -> None:
    from memlab.cli.progress import working
    from memlab.lab.planning import plan
    from memlab.render.tables import keyvalues

    with working() as progress:
        found = plan(experiment, home, progress)
    if json:
        say_json({"name": name, "settings": config.to_dict(experiment), "plan": found})
        return
    from memlab.lab.describe import changed_settings, plan_facts

    now = look()
    for words in (experiment.experiment, experiment.expect and f"Expect: {experiment.expect}"):
        if words:
            say(words + "\n")
    draw(keyvalues(changed_settings(experiment), now.width, color=now.color, ascii=now.ascii) + "\n")
    draw(keyvalues(plan_facts(found), now.width, color=now.color, ascii=now.ascii))
