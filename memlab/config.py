"""An experiment and its parts: frozen dataclasses, read from strict TOML, changed with `section.key=value`."""

import dataclasses
import datetime
import sys
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from memlab.errors import ConfigError, did_you_mean

LEAST_CONTEXT = 2  # tokens in a row, so that it has a prompt and a continuation
BUDGETS = ("steps", "n_tokens", "epochs", "minutes")


def setting(default: Any, meaning: str) -> Any:
    """A dataclass field with its one-line meaning, which `memlab presets --settings` prints."""
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata={"meaning": meaning})
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Insertion:
    """Canaries: documents planted into the training stream at seeded places, so that their memorisation is known."""

    text: str = setting("", "the text to plant; empty: random tokens")
    length: int = setting(32, "tokens of a random canary")
    count: int = setting(1, "how many different random canaries")
    times: int = setting(1, "how often each is planted")

    def __post_init__(self) -> None:
        _at_least("data.insertions.length", self.length, 1)
        _at_least("data.insertions.count", self.count, 1)
        _at_least("data.insertions.times", self.times, 1)
        if self.text and self.count != 1:
            raise ConfigError(
                f"data.insertions.count is {self.count} beside a given text; a text is planted once per `times`: leave count at 1"
            )


@dataclass(frozen=True)
class Data:
    """Which text, cut into tokens how, and how much of it is trained on."""

    source: str = setting("installed_docs", "where the text comes from (`memlab sources`)")
    source_options: dict[str, Any] = setting({}, "settings of the source (`memlab sources NAME`)")
    tokenizer: str = setting("bpe", "how text becomes tokens: word, byte, bpe, gpt2 or pretrained")
    tokenizer_options: dict[str, Any] = setting({}, "settings of the tokenizer, for example vocabulary")
    rows: Literal["windows", "documents"] = setting("windows", "a row is a window of the token stream, or one document, padded")
    fraction: float = setting(1.0, "share of the training part in (0, 1], a prefix: of its tokens, or of its documents where a row is one")
    tokens: int = setting(0, "the same in tokens; 0: `fraction` decides, as it does when it is given on the command line")
    validation: float = setting(0.05, "share of the documents held out before any fraction is taken")
    order: Literal["epochs", "random"] = setting("epochs", "a seeded permutation of the rows per epoch, or rows at random")
    subset_share: float = setting(1.0, "share of the documents of one of several disjoint parts (0.5: half-splits)")
    subset_part: int = setting(0, "which of the disjoint parts, from 0")
    subset_seed: int = setting(0, "seed of the division into parts")
    skip: int = setting(0, "documents left out at the beginning of the part, before any fraction is taken")
    reference_of: str = setting("", "the run that this one is a reference of: trained on text that it does not see")
    insertions: tuple[Insertion, ...] = setting((), "canaries planted into the training stream")
    seed: int = setting(0, "seed of the held-out part and of the canaries")

    def __post_init__(self) -> None:
        _share("data.fraction", self.fraction)
        _share("data.subset_share", self.subset_share)
        for name in ("tokens", "skip", "seed"):
            _at_least(f"data.{name}", getattr(self, name), 0)
        if not 0 < self.validation < 1:
            raise ConfigError(f"data.validation is {self.validation:g}; it must lie in (0, 1): every curve needs its held-out control")
        last = n_parts(self) - 1
        if not 0 <= self.subset_part <= last:
            raise ConfigError(f"data.subset_part is {self.subset_part}; a share of {self.subset_share:g} leaves parts 0 to {last}")


@dataclass(frozen=True)
class Model:
    """Which family of models, how large, and how many tokens it sees at once."""

    family: str = setting("gpt2", "the architecture (`memlab families`)")
    size: str = setting("micro", "a named size of the family; of pretrained, a model's name or directory")
    context: int = setting(128, "tokens in a row, T")
    options: dict[str, Any] = setting({}, "changes to the named size, for example n_layer or dropout")

    def __post_init__(self) -> None:
        _at_least("model.context", self.context, LEAST_CONTEXT)


@dataclass(frozen=True)
class Train:
    """The budget, the optimiser and what is recorded. Give exactly one of steps, n_tokens, epochs and minutes; the others are None."""

    steps: int | None = setting(None, "budget in optimiser steps; 0: only evaluate the model as it begins, to inspect it")
    n_tokens: float | None = setting(None, "budget in tokens seen")
    epochs: float | None = setting(None, "budget in passes over the training rows")
    minutes: float | None = setting(None, "budget in minutes; a probe of this device turns it into steps before the first one")
    batch: int = setting(32, "rows per optimiser step, over all processes")
    accumulate: int = setting(1, "parts that a batch is computed in to save memory, one after the other or divided among devices")
    lr: float = setting(1e-3, "peak learning rate")
    min_lr: float = setting(0.0, "learning rate at the end of the decay")
    warmup: int = setting(100, "steps of linear warm-up")
    schedule: Literal["cosine", "linear", "constant"] = setting("cosine", "how the learning rate decays after the warm-up")
    decay_steps: int = setting(0, "step at which the decay ends; 0: the budget of the first attempt")
    weight_decay: float = setting(0.1, "AdamW's decay, on matrices only")
    beta1: float = setting(0.9, "AdamW β₁")
    beta2: float = setting(0.95, "AdamW β₂")
    eps: float = setting(1e-8, "AdamW ε")
    clip: float = setting(1.0, "largest norm of the gradient; 0: no clipping")
    seed: int = setting(0, "seed of weights, data order and dropout")
    device: str = setting("auto", "auto, cpu, mps, cuda or cuda:N")
    devices: int = setting(1, "devices of a machine that train together, each in a process of its own")
    nodes: int = setting(1, "machines that train together")
    precision: Literal["auto", "fp32", "bf16"] = setting("auto", "bf16: autocast over fp32 weights; auto: where a probe says that it pays")
    compile: Literal["auto", "on", "off"] = setting("auto", "torch.compile; auto: for long runs on CUDA")
    threads: int = setting(0, "CPU threads; 0: the physical cores")
    allocator: Literal["auto", "system"] = setting("auto", "auto: keep freed memory (Linux, glibc): faster steps, about 1 GB more memory")
    log_every: int = setting(10, "steps between rows of training loss (their mean)")
    eval_every: int = setting(100, "steps between evaluations")
    eval_rows: int = setting(256, "rows evaluated, the same ones each time, of training and of validation text")
    checkpoint_every: int = setting(500, "steps between checkpoints beside those at 0, 1, 2, 4, 8, …")
    measures: str = setting("", "measures of memorisation at each checkpoint: all, or names such as exact,extraction")
    measure_rows: int = setting(64, "passages of training and of held-out text that they look at, the same ones each time")

    def __post_init__(self) -> None:
        for name in ("batch", "accumulate", "devices", "nodes", "log_every", "eval_every", "eval_rows", "checkpoint_every", "measure_rows"):
            _at_least(f"train.{name}", getattr(self, name), 1)
        for name in ("warmup", "decay_steps", "threads", "clip", "min_lr", "weight_decay", "eps", "seed"):
            _at_least(f"train.{name}", getattr(self, name), 0)
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"train.{name} is {getattr(self, name):g}; it must lie in [0, 1)")
        if self.lr <= 0:
            raise ConfigError(f"train.lr is {self.lr:g}; it must be above 0")
        _check_budgets(self)
        if self.batch % self.accumulate:
            raise ConfigError(f"train.accumulate is {self.accumulate}; it must divide train.batch, which is {self.batch}")
        processes = self.devices * self.nodes
        least = processes * self.parts_of_each(processes)
        if self.batch < least:
            parts = f"{processes} processes with train.accumulate {self.accumulate}"
            raise ConfigError(f"train.batch is {self.batch}, too few rows for {parts}; give at least {least}")
        if processes > 1 and self.device not in ("auto", "cpu", "cuda"):
            raise ConfigError(f"train.device is '{self.device}', but {processes} processes have a device each; use auto, cuda or cpu")

    def parts_of_each(self, processes: int) -> int:
        """In how many parts each of so many processes computes its share of a batch, so that a part has as many rows as for one alone."""
        return -(-self.accumulate // processes)


@dataclass(frozen=True)
class Experiment:
    """Everything that decides a run. `experiment` and `expect` say in a line each which it is and what should come out."""

    experiment: str = setting("", "which experiment this is")
    expect: str = setting("", "what to expect of it")
    data: Data = field(default_factory=Data, metadata={"meaning": "the text"})
    model: Model = field(default_factory=Model, metadata={"meaning": "the model"})
    train: Train = field(default_factory=Train, metadata={"meaning": "the training"})


def load(text: str, origin: str) -> Experiment:
    """An experiment from TOML. Raises ConfigError naming `origin` for bad TOML, unknown keys, wrong types and values out of range."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin} is not valid TOML: {error}") from None
    try:
        return from_dict(table)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None


def read(path: Path) -> Experiment:
    """An experiment from a TOML file."""
    try:
        return load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None


def from_dict(table: Mapping[str, Any]) -> Experiment:
    """The inverse of `to_dict`, strict: an unknown key is an error that names the nearest right one."""
    return _build(Experiment, table, "")


def to_dict(experiment: Experiment) -> dict[str, Any]:
    """Plain tables, lists, numbers and strings, defaults included."""
    return dataclasses.asdict(experiment)


def changed(experiment: Experiment, changes: Mapping[str, Any]) -> Experiment:
    """The experiment with each `section.key` set to its value.

    Giving one budget replaces another, a fraction replaces data.tokens, and another source or tokenizer leaves the options of the last.
    Raises ConfigError, as `from_dict` does, and for a whole section: it would silently set everything else in it to the defaults.
    """
    table = to_dict(experiment)
    names = {name.removeprefix("train.") for name in changes if name.startswith("train.") and changes[name] is not None}
    for budget in BUDGETS if names & set(BUDGETS) else ():
        table["train"][budget] = None
    if "data.fraction" in changes:
        table["data"]["tokens"] = 0
    for plugin in ("source", "tokenizer"):
        if changes.get(f"data.{plugin}", table["data"][plugin]) != table["data"][plugin]:
            table["data"][f"{plugin}_options"] = {}
    for name, value in changes.items():
        if isinstance(table.get(name), dict):
            raise ConfigError(f"'{name}' is a section; change its settings one by one, each as {name}.key=value")
        *parents, key = name.split(".")
        target = table
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise ConfigError(f"no setting '{name}'{did_you_mean(name, names_of_settings())}")
        target[key] = value
    return from_dict(table)


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """`["train.lr=1e-4", "data.source=files"]` -> values: what TOML understands is taken as TOML, anything else as a string."""
    changes = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"'{assignment}' is not of the form section.key=value, for example train.lr=1e-4")
        setting, given = name.strip(), value.strip()
        changes[setting] = parse_fraction(given) if setting == "data.fraction" else _toml_value(given)
    return changes


def parse_fraction(text: str) -> float:
    """`0.1%`, `1 %`, `0.01`, `1` or `all` -> a share in (0, 1]."""
    word = text.strip().lower()
    try:
        share = 1.0 if word == "all" else float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)
    except ValueError:
        raise ConfigError(f"fraction is '{text}'; write a percentage such as 0.1%, a number in (0, 1] such as 0.01, or all") from None
    if not 0 < share <= 1:
        raise ConfigError(f"fraction is '{text}'; it must lie in (0, 1] (1 and all are everything) or be a percentage up to 100%")
    return share


def n_parts(data: Data) -> int:
    """How many disjoint parts of the documents there are, of subset_share each."""
    return int(1 / data.subset_share + 1e-9)


def require_budget(train: Train) -> None:
    """Raise ConfigError where no budget is given."""
    if all(getattr(train, name) is None for name in BUDGETS):
        raise ConfigError(
            "the budget is missing: give one of train.steps, train.n_tokens, train.epochs and train.minutes, e.g. --set train.steps=1000"
        )


def describe_settings() -> list[dict[str, Any]]:
    """Every setting with its name, default and one-line meaning."""
    sections = (section for section in dataclasses.fields(Experiment) if dataclasses.is_dataclass(section.type))
    return [row for section in sections for row in describe_options(section.type, section.name + ".")]


def describe_options(options: type, prefix: str) -> list[dict[str, Any]]:
    """The settings of one dataclass, of a section or of a plug-in, as `describe_settings`. Each has a default."""
    rows = []
    for item in dataclasses.fields(options):
        default = item.default_factory() if item.default is dataclasses.MISSING else item.default
        rows.append({"setting": prefix + item.name, "default": default, "meaning": item.metadata.get("meaning", "")})
    return rows


def flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """The settings of nested sections by their whole names: {"train": {"lr": 1}} as {"train.lr": 1}. An empty section is a value."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) and value else {f"{before}{key}": value}
    return found


def names_of_settings() -> list[str]:
    return [row["setting"] for row in describe_settings()]


def build_options(options: type, table: Mapping[str, Any], where: str) -> Any:
    """A plug-in's `Options` dataclass from a table, as strictly as the experiment itself."""
    return _build(options, table, where + ".")


def convert(hint: Any, value: Any, name: str) -> Any:
    """`value` as the annotated type, or a ConfigError. Integers pass as floats, whole floats such as 1e5 as integers."""
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else _build(hint, value, name + ".")
    if origin is Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(choices)}")
        return value
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(convert(typing.get_args(hint)[0], item, name) for item in items)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(typing.get_args(hint), value, name)
    plain = origin or hint
    if plain in (int, float):
        return _convert_number(plain, value, name)
    if plain is Any or isinstance(value, plain):
        return value
    raise _wrong_type(name, value, plain)


def _toml_value(text: str) -> Any:
    """The text itself where it is no TOML value, or a date: no setting is one, but a file may be called so."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    several = len(table) > 1  # the text holds line ends and goes on with other keys
    return text if several or isinstance(table["value"], datetime.date | datetime.time) else table["value"]


def _build(kind: type, table: Any, prefix: str) -> Any:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{prefix.rstrip('.') or 'the experiment'} is {table!r}; it must be a table of settings")
    hints = typing.get_type_hints(kind)
    for key in table:
        if key not in hints:
            settings = names_of_settings() if prefix in ("", "data.", "model.", "train.") else []
            known = [*(prefix + name for name in hints), *(name for name in settings if not prefix or name.endswith(f".{key}"))]
            raise ConfigError(f"no setting '{prefix}{key}'{did_you_mean(prefix + key, known)}")
    return kind(**{key: convert(hints[key], value, prefix + key) for key, value in table.items()})


def _convert_union(choices: tuple[Any, ...], value: Any, name: str) -> Any:
    if value is None and types.NoneType in choices:
        return None
    for choice in choices:
        if choice is not types.NoneType:
            try:
                return convert(choice, value, name)
            except ConfigError as error:
                failure = error
    raise failure


def _convert_number(kind: type, value: Any, name: str) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if kind is float and abs(value) <= sys.float_info.max:
            return float(value)
        if kind is int and abs(value) < 2**63 and value == int(value):
            return int(value)
    raise _wrong_type(name, value, kind)


def _wrong_type(name: str, value: Any, kind: type) -> ConfigError:
    words = {
        int: "a whole number below 2^63",
        float: "a finite number",
        str: "a text, in quotes",
        bool: "true or false",
        dict: "a table",
    }
    return ConfigError(f"{name} is {value!r}; it must be {words.get(kind, kind.__name__)}")


def _share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ConfigError(f"{name} is {value:g}; it must lie in (0, 1]")


def _check_budgets(train: Train) -> None:
    """Raise ConfigError for more budgets than one, or one out of range. None at all is `require_budget`'s affair."""
    given = [name for name in BUDGETS if getattr(train, name) is not None]
    if len(given) > 1:
        raise ConfigError(f"the budget is given as {' and '.join('train.' + name for name in given)}; keep one")
    for name in given:
        value = getattr(train, name)
        if name == "steps":
            _at_least("train.steps", value, 0)
        elif not value > 0:
            raise ConfigError(f"train.{name} is {value:g}; it must be above 0")


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise ConfigError(f"{name} is {value:g}; it must be at least {least:g}")
