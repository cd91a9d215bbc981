"""demo, train, resume, stop: everything that starts or ends a trainer."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from memlab import config, registry
from memlab.cli.terminal import say
from memlab.errors import RunError, UsageError
from memlab.home import find_run, new_run_path
from memlab.rundir import RunDir

Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. train.lr=1e-4 (`memlab presets --settings`).")
]
Name = Annotated[str | None, typer.Option(help="Name of the run; by default the preset's with a number.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, mps, cuda or cuda:N.", show_default="auto")]
Seed = Annotated[int | None, typer.Option(help="Seed of weights, data order and dropout.")]
Detach = Annotated[bool, typer.Option("--detach", help="Return at once; `memlab watch` shows the run.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A name, a path, a unique prefix, or last.")]


def demo(
    context: typer.Context,
    name: Name = None,
    seed: Seed = None,
    device: Device = None,
    settings: Set = None,
) -> None:
    """The tour: a small model learns 8,192 tokens by heart while you watch (about a minute)."""
    experiment, text = resolve(context.obj, "demo", None, None, seed, device, settings)
    _start(context.obj, "demo", text, experiment, name, detach=False)


def train(
    context: typer.Context,
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="A preset (`memlab presets`) or the path of a TOML file.")],
    fraction: Annotated[str | None, typer.Option(help="How much of the training text: 0.1%, 1%, 0.01 or all.")] = None,
    size: Annotated[str | None, typer.Option(help="A named size of the model's family, e.g. micro (`memlab families`).")] = None,
    settings: Set = None,
    name: Name = None,
    seed: Seed = None,
    device: Device = None,
    detach: Detach = False,
) -> None:
    """Train a preset in a process of its own, and watch it. Ctrl-C leaves the run going."""
    experiment, text = resolve(context.obj, preset, fraction, size, seed, device, settings)
    _start(context.obj, Path(preset.removesuffix(".toml")).name, text, experiment, name, detach)


def resume(
    context: typer.Context,
    run: Run = "last",
    steps: Annotated[
        int | None,
        typer.Option(help="The whole budget in steps; more than before extends a finished run, at the learning rate that it ended with."),
    ] = None,
    settings: Set = None,
    detach: Detach = False,
) -> None:
    """Go on from the last checkpoint, exactly as if it had never stopped; or extend a finished run."""
    from memlab.training import launch

    found = find_run(context.obj, run)
    changes = config.parse_assignments(settings or [])
    if steps is not None:
        changes["train.steps"] = steps
    raise typer.Exit(_begin(found, lambda: launch.resume(found, context.obj, changes), detach))


def stop(
    context: typer.Context,
    run: Run = "last",
    wait: Annotated[float, typer.Option(help="Seconds to wait until it has saved.")] = 60.0,
) -> None:
    """Ask a trainer to save and leave. `memlab resume` goes on later."""
    from memlab.training import launch

    found = find_run(context.obj, run)
    launch.stop(found)
    if not launch.wait(found, wait):
        raise RunError(
            f"run '{found.name}' has not left after {wait:g} s; it saves at its next step, `memlab watch {found.name}` shows when"
        )
    state, status = found.state(), found.status()
    say(
        f"{found.name} is {status} at step {state.step:,} of {state.steps:,}"
        + (f"; `memlab resume {found.name}` goes on" if status != "finished" else "")
    )


def resolve(
    home: Path, preset: str, fraction: str | None, size: str | None, seed: int | None, device: str | None, settings: list[str] | None
) -> tuple[config.Experiment, str]:
    """The preset with the flags applied, checked as far as that goes without torch; and its text as given."""
    path = registry.preset_path(preset)
    experiment = config.read(path)
    changes: dict[str, Any] = config.parse_assignments(settings or [])
    flags = {"data.fraction": fraction and config.parse_fraction(fraction), "model.size": size, "train.seed": seed, "train.device": device}
    changes |= {key: value for key, value in flags.items() if value is not None}
    experiment = config.changed(experiment, changes)
    check(experiment)
    return _settle_paths(home, experiment), path.read_text(encoding="utf-8")


def check(experiment: config.Experiment) -> None:
    """Raise for names and options that do not exist, before a process is started for nothing."""
    from memlab import models

    models.size_of(experiment.model)
    for kind, name, options, where in (
        ("source", experiment.data.source, experiment.data.source_options, "data.source_options"),
        ("tokenizer", experiment.data.tokenizer, experiment.data.tokenizer_options, "data.tokenizer_options"),
    ):
        config.build_options(registry.load(kind, name).Options, options, where)
    config.require_budget(experiment.train)


def _settle_paths(home: Path, experiment: config.Experiment) -> config.Experiment:
    """Paths of the files source as the trainer will find them: it works elsewhere, and has no standard input to read `-` from."""
    given = experiment.data.source_options.get("path")
    if experiment.data.source != "files" or not given:
        return experiment
    if given == "-":
        from memlab.home import spool

        return config.changed(experiment, {"data.source_options.path": str(spool(home, sys.stdin.buffer))})
    paths = [os.path.abspath(os.path.expanduser(path)) for path in ([given] if isinstance(given, str) else given)]
    for path in paths:
        if not os.path.exists(path):
            raise UsageError(f"data.source_options.path is '{path}', which does not exist")
    return config.changed(experiment, {"data.source_options.path": paths[0] if isinstance(given, str) else paths})


def _start(home: Path, base: str, text: str, experiment: config.Experiment, name: str | None, detach: bool) -> None:
    from memlab.training import launch

    run = RunDir(new_run_path(home, base, name))
    status = _begin(run, lambda: launch.start(run.path, home, text, experiment), detach)
    if status == UsageError.exit_status and not any(run.checkpoints.iterdir()):
        shutil.rmtree(run.path)  # a wrong request that only the trainer could see: nothing to keep, and the name is free again
    raise typer.Exit(status)


def _begin(run: RunDir, begin: Callable[[], object], detach: bool) -> int:
    """Start a trainer and show its run, or say how to; the exit status."""
    from memlab.cli import watch

    if not detach:
        return watch.attend(run, begin)
    begin()
    say(f"{run.name} is training in its own process.\n  memlab watch {run.name}\n  memlab stop {run.name}\n  {run.path}")
    return 0
