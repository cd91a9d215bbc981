"""An experiment and what it will take, as names and values to print."""

from typing import Any

from memlab import config
from memlab.lab.view import floor_name
from memlab.render.scale import count, decimal, duration, nbytes, percent, short


def changed_settings(experiment: config.Experiment) -> list[tuple[str, str]]:
    """Every setting that differs from its default, so that what is left out is known."""
    table = config.to_dict(experiment)
    rows = []
    for known in config.describe_settings():
        section, _, key = known["setting"].partition(".")
        value, default = table[section][key], known["default"]
        if value != default and not (not value and not default):  # an empty list is an empty tuple
            rows.append((known["setting"], _words(value)))
    return rows


def plan_facts(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """N, D, floors, and time, memory and disk on this device, as `training.estimate.plan` measured them."""
    compute, costs, n_params, n_tokens = plan["compute"], plan["costs"], plan["n_params"], plan["n_tokens"]
    share = percent(n_tokens / plan["available_tokens"])
    pace = f"{duration(costs['step_seconds'])} a step, {duration(costs['evaluation_seconds'])} an evaluation (just measured)"
    busy = f"; other programs were running (load {plan['load']:.1f}), so it may be less" if plan["load"] > 0.5 * compute["threads"] else ""
    threads = f"{compute['threads']} thread{'s' if compute['threads'] > 1 else ''}"
    return [
        ("N", f"{count(n_params)} parameters in attention and feed-forward; {count(plan['n_params_total'])} in all"),
        ("D", f"{count(n_tokens)} tokens, {share} of {count(plan['available_tokens'])}"),
        ("tokens per parameter", f"{decimal(n_tokens / n_params)}   (N/D² {n_params / n_tokens**2:.2e})"),
        ("budget", f"{count(plan['steps'])} steps, {short(plan['tokens_seen'])} tokens, {decimal(plan['epochs'])} epochs"),
        *((floor_name(floor["name"]), f"{decimal(floor['loss'])}  {floor['how']}") for floor in plan["floors"]),
        ("device", f"{compute['device']} ({compute['device_name']}), {compute['precision']}, {threads}"),
        ("time", f"about {duration(plan['seconds'])}: {pace}{busy}"),
        ("memory", f"about {nbytes(costs['memory_bytes'])}"),
        ("disk", f"about {nbytes(plan['disk_bytes'])} of checkpoints"),
    ]


def _words(value: Any) -> str:
    return ", ".join(f"{key} = {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
