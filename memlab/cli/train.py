"""demo, train, resume, stop: everything that starts or ends a trainer."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from memlab import config, registry
from memlab.cli.terminal import say
from memlab.errors import RunError, UsageError
from memlab.home import find_run, new_run_path, presets_of
from memlab.lab.starting import check, reference_of, require_text, settle
from memlab.rundir import RunDir

DATA_DIR = "data.source_options.data_dir"

Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. train.lr=1e-4 (`memlab presets --settings`).")
]
DataDir = Annotated[str | None, typer.Option("--data-dir", metavar="PATH", help="A copy on disk of the source's data set.")]
Name = Annotated[str | None, typer.Option(help="Name of the run; by default the preset's with a number.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, mps, cuda or cuda:N.", show_default="auto")]
Devices = Annotated[int | None, typer.Option(help="So many devices of this machine train together.", show_default="1")]
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
    experiment, text = resolve(context.obj, "demo", settings, {"train.seed": seed, "train.device": device})
    _start(context.obj, "demo", text, experiment, name, detach=False)


def train(
    context: typer.Context,
    preset: Annotated[
        str | None, typer.Argument(metavar="PRESET", help="A preset (`memlab presets`) or the path of a TOML file.", show_default=False)
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="RUN", help="In place of a preset: the settings of this run, on text that it does not see.")
    ] = None,
    fraction: Annotated[str | None, typer.Option(help="How much of the training text: 0.1%, 1%, 0.01 or all.")] = None,
    size: Annotated[str | None, typer.Option(help="A named size of the model's family, e.g. micro (`memlab families`).")] = None,
    data_dir: DataDir = None,
    settings: Set = None,
    name: Name = None,
    seed: Seed = None,
    device: Device = None,
    devices: Devices = None,
    nodes: Annotated[
        int | None, typer.Option(help="So many machines train together: prints what to start on each.", show_default="1")
    ] = None,
    detach: Detach = False,
) -> None:
    """Train a preset in a process of its own, and watch it. Ctrl-C leaves the run going."""
    flags = {
        "data.fraction": fraction and config.parse_fraction(fraction),
        "model.size": size,
        DATA_DIR: data_dir,
        "train.seed": seed,
        "train.device": device,
        "train.devices": devices,
        "train.nodes": nodes,
    }
    if preset is None and reference is None:
        raise UsageError("Missing argument 'PRESET': name a preset (`memlab presets`), or a run with --reference")
    if reference is None:
        experiment, text = resolve(context.obj, preset, settings, flags)
        _start(context.obj, Path(preset.removesuffix(".toml")).name, text, experiment, name, detach)
        return
    if preset is not None:
        raise UsageError(
            f"there is a preset, '{preset}', and --reference {reference}; a reference has the settings of its run: leave one out"
        )
    run = find_run(context.obj, reference)
    experiment, text = resolve_reference(context.obj, run, settings, flags)
    _start(context.obj, f"{run.name}-reference", text, experiment, name, detach)


def resume(
    context: typer.Context,
    run: Run = "last",
    steps: Annotated[
        int | None,
        typer.Option(help="The whole budget in steps; more than before extends a finished run, at the learning rate that it ended with."),
    ] = None,
    devices: Annotated[int | None, typer.Option(help="So many devices of this machine train together.", show_default="as before")] = None,
    settings: Set = None,
    detach: Detach = False,
) -> None:
    """Go on from the last checkpoint, exactly as if it had never stopped; or extend a finished run."""
    from memlab.training import launch

    found = find_run(context.obj, run)
    flags = {"train.steps": steps, "train.devices": devices}
    changes = config.parse_assignments(settings or []) | _given(flags)
    if found.experiment().train.nodes > 1:
        _say_lines(context.obj, found, changes)
        return
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
            f"run '{found.name}' has not left after {wait:g} s; it saves at its next step, `memlab watch {found.word}` shows when"
        )
    state, status = found.state(), found.status()
    say(
        f"{found.name} is {status} at step {state.step:,} of {state.steps:,}"
        + (f"; `memlab resume {found.word}` goes on" if status != "finished" else "")
    )


def resolve(home: Path, preset: str, settings: list[str] | None, flags: dict[str, Any]) -> tuple[config.Experiment, str]:
    """The preset with settings and flags applied (None: not given), checked as far as that goes without torch; and its text as given."""
    path = registry.preset_path(preset, presets_of(home))
    preset_alone = config.read(path)
    experiment = config.changed(preset_alone, config.parse_assignments(settings or []) | _given(flags))
    if flags.get(DATA_DIR) is not None:
        _require_a_place_for_a_copy(experiment.data.source)
    try:
        check(experiment)
    except UsageError as error:
        raise type(error)(f"{_origin(str(error), preset_alone, path)}{error}") from None
    return settle(home, experiment, sys.stdin.buffer), path.read_text(encoding="utf-8")


def _origin(problem: str, preset: config.Experiment, path: Path) -> str:
    """The preset's file as the beginning of a message, where the problem is its own and none of a flag."""
    try:
        check(preset)
    except UsageError as error:
        return f"{path}: " if str(error) == problem else ""
    return ""


def resolve_reference(home: Path, run: RunDir, settings: list[str] | None, flags: dict[str, Any]) -> tuple[config.Experiment, str]:
    """The reference of a run with settings and flags applied, checked as far as that goes without torch; and the run's preset as given."""
    experiment = config.changed(reference_of(run, home), config.parse_assignments(settings or []) | _given(flags))
    check(experiment)
    preset = run.path / "experiment.toml"
    return settle(home, experiment), preset.read_text(encoding="utf-8") if preset.exists() else ""


def _require_a_place_for_a_copy(source: str) -> None:
    """Raise where a source does not come from elsewhere."""
    option = DATA_DIR.rpartition(".")[2]
    if not hasattr(registry.load("source", source).Options, option):
        known = [name for name in registry.names("source") if hasattr(registry.load("source", name).Options, option)]
        raise UsageError(f"source '{source}' has no data set to copy: leave --data-dir out, or take a preset of {' or '.join(known)}")


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _start(home: Path, base: str, text: str, experiment: config.Experiment, name: str | None, detach: bool) -> None:
    from memlab.training import launch

    run = RunDir(new_run_path(home, base, name))
    require_text(experiment)
    if experiment.train.nodes > 1:
        _say_lines(home, launch.make(run.path, text, experiment), {})
        return
    status = _begin(run, lambda: launch.start(run.path, home, text, experiment), detach)
    if status == UsageError.exit_status and not any(run.checkpoints.iterdir()):
        shutil.rmtree(run.path)  # a wrong request that only the trainer could see: nothing to keep, and the name is free again
    raise typer.Exit(status)


def _say_lines(home: Path, run: RunDir, changes: dict[str, Any]) -> None:
    """What to start on each machine for a run on several: that is all that can be done from one of them."""
    from memlab.training.torchrun import lines

    if changes:
        raise UsageError(f"run '{run.name}' is for several machines: its settings cannot be changed when it is resumed; start a new one")
    train = run.experiment().train
    say(f"{run.name} in {run.path}\nStart one line on each machine; all of them must see this directory and {home / 'corpora'}.")
    for number, line in enumerate(lines(run.path, home, train), start=1):
        say(f"\n# machine {number}{' (this one: the others must reach it by its name)' if number == 1 else ''}\n{line}")
    say(f"\n  memlab watch {run.word}\n  memlab stop {run.word}\nThe same lines resume it.")


def _begin(run: RunDir, begin: Callable[[], object], detach: bool) -> int:
    """Start a trainer and show its run, or say how to; the exit status."""
    from memlab.cli import watch

    if not detach:
        return watch.attend(run, begin)
    begin()
    say(f"{run.name} is training in its own process.\n  memlab watch {run.word}\n  memlab stop {run.word}\n  {run.path}")
    return 0
