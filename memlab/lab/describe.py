"""An experiment and what it will take, as names and values to print."""

from typing import Any

from memlab import config
from memlab.render.scale import count, decimal, duration, nbytes, percent, short


def resolved_settings(experiment: config.Experiment) -> list[tuple[str, str]]:
    """Every setting that differs from its default, so that what is left out is known."""
    defaults = {row["setting"]: row["default"] for row in config.describe_settings()}
    table = config.to_dict(experiment)
    rows = [(name, table[name.split(".")[0]][name.split(".")[1]]) for name in defaults]
    return [
        (name, str(value))
        for name, value in rows
        if value not in (defaults[name], list(defaults[name]) if isinstance(defaults[name], tuple) else None)
    ]


def plan_facts(experiment: config.Experiment, plan: dict[str, Any]) -> list[tuple[str, str]]:
    """N, D, floors, and time, memory and disk on this device, as `training.estimate.plan` measured them."""
    compute, costs = plan["compute"], plan["costs"]
    return [
        ("N", f"{count(plan['n_params'])} parameters in attention and feed-forward; {count(plan['n_params_total'])} in all"),
        (
            "D",
            f"{count(plan['n_tokens'])} tokens, {percent(plan['n_tokens'] / plan['available_tokens'])} of {count(plan['available_tokens'])}",
        ),
        ("tokens per parameter", f"{decimal(plan['n_tokens'] / plan['n_params'])}   (N/D² {plan['n_params'] / plan['n_tokens'] ** 2:.2e})"),
        ("budget", f"{count(plan['steps'])} steps, {short(plan['tokens_seen'])} tokens, {decimal(plan['epochs'])} epochs"),
        *((f"floor: {floor['name']}", f"{decimal(floor['loss'])}  {floor['how']}") for floor in plan["floors"]),
        ("device", f"{compute['device']} ({compute['device_name']}), {compute['precision']}, {compute['threads']} threads"),
        (
            "time",
            f"about {duration(plan['seconds'])}: {duration(costs['step_seconds'])} a step, {duration(costs['evaluation_seconds'])} an evaluation (just measured)",
        ),
        ("memory", f"about {nbytes(costs['memory_bytes'])}"),
        ("disk", f"about {nbytes(plan['disk_bytes'])} of checkpoints"),
    ]
