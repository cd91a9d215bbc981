"""A new run as a form: what is typed in its fields, the experiment that this means, the command line that says the same, and why not."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from memlab import config, models, registry
from memlab.errors import ConfigError, MemlabError, UsageError
from memlab.home import new_run_path
from memlab.homedir import find_home
from memlab.lab.amounts import parse_amount, percent, plain_number, tokens_of
from memlab.lab.choices import sizes_of
from memlab.lab.starting import check, settle

# The settings that have a field of their own. A message that names one of them belongs beside it.
SETTINGS = {
    "source": ("data.source", "data.source_options"),
    "amount": ("data.fraction", "data.tokens"),
    "family": ("model.family",),
    "size": ("model.size", "model.options"),
    "budget": tuple(f"train.{name}" for name in config.BUDGETS),
    "seed": ("train.seed",),
    "device": ("train.device",),
}
_OPTIONS = ("data.source_options", "model.options")  # sections: their settings are given one by one, in free lines


@dataclass(frozen=True)
class Form:
    """The fields as they are typed. `settings` are free lines, each `section.key=value`."""

    preset: str
    source: str
    amount: str
    family: str
    size: str
    budget: str  # which of config.BUDGETS
    budget_amount: str
    seed: str = "0"
    device: str = "auto"
    name: str = ""
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Meaning:
    """What a form means: the experiment, and the changes to its preset; or `problems`, a sentence for each field that is wrong.

    The problem of free line i belongs to the field `settings.i`, what belongs to no field to the field ``.
    """

    experiment: config.Experiment | None
    changes: dict[str, Any]
    problems: dict[str, str] = field(default_factory=dict)


def filled(preset: str, experiment: config.Experiment) -> Form:
    """The form as a preset fills it."""
    data, model, train = experiment.data, experiment.model, experiment.train
    budget = next((name for name in config.BUDGETS if getattr(train, name) is not None), config.BUDGETS[0])
    given = getattr(train, budget)
    return Form(
        preset=preset,
        source=data.source,
        amount=f"{data.tokens:,} tokens" if data.tokens else percent(data.fraction, " "),
        family=model.family,
        size=model.size,
        budget=budget,
        budget_amount="" if given is None else plain_number(given),
        seed=str(train.seed),
        device=train.device,
    )


def with_family(form: Form, family: str) -> Form:
    """Another family, with the size of the same name where it has that, else its first."""
    sizes = list(sizes_of(family))
    return replace(form, family=family, size=form.size if form.size in sizes or not sizes else sizes[0])


def meaning(form: Form, preset: config.Experiment, home: Path) -> Meaning:
    """The experiment that a form asks for. What is wrong with it is said field by field; nothing is started for that."""
    changes: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, read in _READERS.items():
        try:
            found = read(form, preset)
            config.changed(preset, found)
            changes |= found
        except MemlabError as error:
            problems[name] = str(error)
    for number, line in enumerate(form.settings):
        try:
            changes |= _read_line(line, changes, preset)
        except MemlabError as error:
            problems[f"settings.{number}"] = str(error)
    _check_name(form, home, problems)
    experiment = None
    if not problems:
        try:
            experiment = config.changed(preset, changes)
            check(experiment)
            if experiment.train.nodes > 1:
                raise UsageError(
                    "train.nodes is for the command line, which prints what to start on each machine; see `memlab train --help`"
                )
            settle(home, experiment)
        except MemlabError as error:
            problems[field_of(str(error), form)] = str(error)
            experiment = None
    return Meaning(experiment, changes, problems)


def field_of(message: str, form: Form) -> str:
    """The field that a message belongs to, by the setting that it names first."""
    names = {setting: name for name, settings in SETTINGS.items() for setting in settings}
    names |= {f"family '{form.family}'": "size"}
    names |= {line.partition("=")[0].strip(): f"settings.{number}" for number, line in enumerate(form.settings) if line.strip()}
    names |= {f"'{line.partition('=')[2].strip()}'": f"settings.{number}" for number, line in enumerate(form.settings) if "=" in line}
    places = {setting: re.search(rf"(?<![\w.]){re.escape(setting)}(?!\w)", message) for setting in names if setting}
    first = min(((place.start(), -len(setting), setting) for setting, place in places.items() if place), default=(0, 0, ""))[2]
    if first in _OPTIONS:  # the free line that sets one of them, if there is one
        inside = [name for setting, name in names.items() if setting.startswith(f"{first}.")]
        return inside[0] if inside else names[first]
    return names.get(first, "")


def command(form: Form, found: Meaning, home: Path) -> list[str]:
    """The command line that starts the same run, in words; only what differs from the preset."""
    flags = {"data.fraction": "--fraction", "model.size": "--size", "train.seed": "--seed", "train.device": "--device"}
    words = ["memlab", *(["--home", str(home)] if home != find_home() else []), "train", form.preset]
    free = config.parse_assignments(line for line in form.settings if line.strip())
    own = {name: value for name, value in found.changes.items() if name not in free}
    for setting, flag in flags.items():
        if setting in own:
            words += [flag, percent(own[setting]) if setting == "data.fraction" else str(own[setting])]
    for setting, value in own.items():
        if setting not in flags:
            words += ["--set", f"{setting}={plain_number(value) if isinstance(value, float) else value}"]
    for line in form.settings:
        if line.strip():
            words += ["--set", line.strip()]
    return [*words, *(["--name", form.name] if form.name else [])]


def command_line(form: Form, found: Meaning, home: Path) -> str:
    """`command` as it can be pasted into a shell."""
    return shlex.join(command(form, found, home))


def text_of(form: Form) -> str:
    """What decides which text a run reads, as far as a form shows it."""
    return repr((form.preset, form.source, [line.strip() for line in form.settings if line.strip().startswith("data.")]))


def renamed(experiment: config.Experiment, preset: str, changes: Mapping[str, Any]) -> config.Experiment:
    """An experiment as a preset of its own: it says which one it comes from, and expects nothing that was said of that one."""
    words = ", ".join(f"{setting} {value}" for setting, value in changes.items())
    return replace(experiment, experiment=f"{preset} with {words}", expect="") if words else experiment


def _source(form: Form, preset: config.Experiment) -> dict[str, Any]:
    return {} if form.source == preset.data.source else {"data.source": form.source}


def _amount(form: Form, preset: config.Experiment) -> dict[str, Any]:
    """`1 %`, `0.01`, `all`, or so many tokens: `8,192 tokens`, `10k tokens`."""
    n_tokens = tokens_of(form.amount)
    if n_tokens:
        return {} if n_tokens == preset.data.tokens else {"data.tokens": n_tokens}
    try:
        fraction = config.parse_fraction(form.amount)
    except ConfigError as error:
        raise ConfigError(f"{error}; or so many tokens: 8192 tokens") from None
    return {} if fraction == preset.data.fraction and not preset.data.tokens else {"data.fraction": fraction}


def _family(form: Form, preset: config.Experiment) -> dict[str, Any]:
    return {} if form.family == preset.model.family else {"model.family": form.family}


def _size(form: Form, preset: config.Experiment) -> dict[str, Any]:
    size = form.size.strip()
    if not size:
        raise ConfigError(f"model.size is missing: {registry.describe('family', form.family).constants.get('ANY_SIZE', 'choose one')}")
    models.size_of(config.Model(family=form.family, size=size))
    return {} if size == preset.model.size else {"model.size": size}


def _budget(form: Form, preset: config.Experiment) -> dict[str, Any]:
    name = f"train.{form.budget}"
    amount = parse_amount(name, form.budget_amount, "1000 or 10k", whole=form.budget == "steps")
    return {} if amount == getattr(preset.train, form.budget) else {name: amount}


def _seed(form: Form, preset: config.Experiment) -> dict[str, Any]:
    seed = parse_amount("train.seed", form.seed, "0", whole=True)
    return {} if seed == preset.train.seed else {"train.seed": seed}


def _device(form: Form, preset: config.Experiment) -> dict[str, Any]:
    device = form.device.strip()
    if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]+)?", device):
        raise ConfigError(f"train.device is '{device}'; it must be auto, cpu, mps, cuda or cuda:N")
    return {} if device == preset.train.device else {"train.device": device}


_READERS = {
    "source": _source,
    "amount": _amount,
    "family": _family,
    "size": _size,
    "budget": _budget,
    "seed": _seed,
    "device": _device,
}


def _read_line(line: str, changes: Mapping[str, Any], preset: config.Experiment) -> dict[str, Any]:
    """A free line. A setting that has a field is changed there: two places that differ would be one too many."""
    if not line.strip():
        return {}
    found = config.parse_assignments([line])
    name = next(iter(found))
    for owner, settings in SETTINGS.items():
        if name in settings and name not in _OPTIONS:
            raise ConfigError(f"{name} has its own field, '{owner}'; change it there")
    if name in changes:
        raise ConfigError(f"{name} is set twice")
    try:
        config.changed(preset, found)
    except ConfigError as error:
        if str(error).startswith(("no setting", f"'{name}'")):  # others depend on what else is changed
            raise
    return found


def _check_name(form: Form, home: Path, problems: dict[str, str]) -> None:
    if form.name:
        try:
            new_run_path(home, form.preset, form.name)
        except UsageError as error:
            problems["name"] = str(error)
