"""An experiment and what it will take, as names and values to print."""

from typing import Any

from memlab import config
from memlab.lab.expectation import facts


def changed_settings(experiment: config.Experiment) -> list[tuple[str, str]]:
    """Every setting that differs from its default, so that what is left out is known."""
    table = config.to_dict(experiment)
    rows = []
    for known in config.describe_settings():
        section, _, key = known["setting"].partition(".")
        value, default = table[section][key], known["default"]
        if value != default:
            rows.append((known["setting"], _words(value)))
    return rows


def plan_facts(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """Sizes, memory, floors, and time, memory and disk on this device, as `lab.stages` found them."""
    return [(fact.name, fact.words) for fact in facts(plan) if fact.value]


def _words(value: Any) -> str:
    return ", ".join(f"{key} = {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
