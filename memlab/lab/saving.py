"""Experiments as presets of the user's own: TOML that a person can read and that means exactly the same."""

import json
import re
from pathlib import Path
from typing import Any

from memlab import config, registry
from memlab.errors import ConfigError, UsageError
from memlab.files import explained, write_atomic
from memlab.home import is_plain_name, presets_of

_ALWAYS = ("source", "family", "size")  # written even where they are the defaults: what a preset is about
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def save_preset(home: Path, name: str, experiment: config.Experiment, overwrite: bool = False) -> Path:
    """Write the experiment as the preset `name` of this home, so that `memlab train NAME` finds it; its path.

    Raises UsageError for a name that cannot be one, that a shipped preset has, or that is taken, unless `overwrite`.
    """
    if problem := name_problem(name):
        raise UsageError(problem)
    path = presets_of(home) / f"{name}.toml"
    if path.exists() and not overwrite:
        raise UsageError(f"there is already a preset '{name}', {path}")
    text = preset_text(experiment)
    with explained(path.parent, "making"):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text)
    return path


def name_problem(name: str) -> str:
    """Why a preset of the user's own cannot be called so; empty where it can."""
    if not is_plain_name(name) or name.endswith(".toml"):
        return f"the preset's name is '{name}'; use letters, digits, '.', '_' and '-', beginning with a letter or digit"
    return f"'{name}' is a preset that comes with memlab; choose another name" if name in registry.preset_names() else ""


def is_taken(home: Path, name: str) -> bool:
    """Whether saving under this name would replace a preset of the user's own."""
    return (presets_of(home) / f"{name}.toml").exists()


def preset_text(experiment: config.Experiment) -> str:
    """The TOML of an experiment: what differs from the defaults, and what it is about. Raises ConfigError for what TOML cannot hold."""
    table, defaults = config.to_dict(experiment), config.to_dict(config.Experiment())
    lines = [
        f"{key} = {_value(table[key])}" for key, default in defaults.items() if not isinstance(default, dict) and table[key] != default
    ]
    for section, known in defaults.items():
        if isinstance(known, dict):
            shown = {key: value for key, value in table[section].items() if value != known[key] or key in _ALWAYS}
            changed = [f"{key} = {_value(value)}" for key, value in shown.items()]
            lines += ["", f"[{section}]", *changed] if changed else []
    text = "\n".join(lines).lstrip("\n") + "\n"
    if config.load(text, "the preset") != experiment:
        raise ConfigError("these settings cannot be written as a preset: they would not be read back as they are")
    return text


def _value(value: Any) -> str:
    """A value as TOML. Strings as JSON writes them, which TOML reads, except for DEL."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ConfigError(f"{value!r} cannot stand in a preset: it is no text in UTF-8") from None
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value) if isinstance(value, bool) else repr(value)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _value(key)
