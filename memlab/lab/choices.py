"""What a new run can be made of, by name and with what it is: presets, plug-ins, sizes, budgets."""

from pathlib import Path
from typing import Any

from memlab import config, registry
from memlab.errors import MemlabError
from memlab.home import presets_of


def read_preset(home: Path, name: str) -> config.Experiment:
    """The preset of this name, shipped or the user's own, or a TOML file by path."""
    return config.read(registry.preset_path(name, presets_of(home)))


def preset_choices(home: Path) -> list[tuple[str, str]]:
    """Every preset by name, with what it is; of one that cannot be read, why."""
    choices = []
    for name in registry.preset_names(presets_of(home)):
        try:
            words = read_preset(home, name).experiment
        except MemlabError as error:
            words = str(error)
        choices.append((name, words))
    return choices


def plugin_choices(kind: registry.Kind) -> list[tuple[str, str]]:
    """Every source, tokenizer or family by name, with what it says of itself."""
    return [(name, registry.describe(kind, name).summary) for name in registry.names(kind)]


def size_choices(family: str) -> list[tuple[str, str]]:
    """The named sizes of a family with what they are made of; none where it takes any model."""
    plain = {name: {key: value for key, value in size.items() if not isinstance(value, tuple)} for name, size in sizes_of(family).items()}
    return [(name, ", ".join(f"{key} {value}" for key, value in size.items())) for name, size in plain.items()]


def sizes_of(family: str) -> dict[str, dict[str, Any]]:
    """The named sizes of a family; none where it takes any model."""
    return registry.describe("family", family).constants.get("SIZES", {})


def budget_choices() -> list[tuple[str, str]]:
    """The kinds of budget with their meanings."""
    meanings = {row["setting"]: row["meaning"] for row in config.describe_settings()}
    return [(name, meanings[f"train.{name}"]) for name in config.BUDGETS]
