"""Several runs side by side: their figures in one table, and the settings in which they differ."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memlab import config
from memlab.errors import UsageError
from memlab.lab.listing import row_of
from memlab.lab.view import RunView, open_view
from memlab.rundir import RunDir

AGAINST = "counted against"  # what bits are bits against; runs with different references do not compare
Table = dict[str, list[Any]]  # by what it is, one value a run; None where a run has none


def views_of(runs: Sequence[RunDir]) -> list[RunView]:
    """Raises what `require_several` raises, RunError for a run that cannot be read."""
    require_several(runs)
    return [open_view(run) for run in runs]


def require_several(runs: Sequence[RunDir]) -> None:
    """Raise UsageError for fewer than two runs or the same one twice; they need not be there yet."""
    if len(runs) < 2:
        raise UsageError(f"one run cannot be compared; name another beside '{runs[0].name}'" if runs else "name the runs to compare")
    twice = {run.path.resolve() for run in runs if sum(run.path.resolve() == other.path.resolve() for other in runs) > 1}
    if twice:
        raise UsageError(f"{min(map(str, twice))} is named twice; name each run once")


def facts_of(views: Sequence[RunView]) -> Table:
    """Sizes, budgets and losses: the last and the best validation loss, the gap, tokens with p > 0.9 of training and held-out text."""
    rows = [row_of(view, view.run.original()) for view in views]
    table: Table = {
        name: [row.get(key) for row in rows]
        for name, key in (
            ("state", "state"),
            ("fraction", "fraction"),
            ("N", "n_params"),
            ("all parameters", "n_params_total"),
            ("D", "n_tokens"),
            ("N/D²", "n_over_d_squared"),
            ("step", "step"),
            ("training loss", "train_loss"),
            ("validation loss", "validation_loss"),
            ("best validation loss", "best_validation_loss"),
        )
    }
    table["gap"] = [
        None if None in (validation, training) else validation - training
        for validation, training in zip(table["validation loss"], table["training loss"], strict=True)
    ]
    for name, key in (("training tokens, p > 0.9", "train_confident"), ("held-out tokens, p > 0.9", "validation_confident")):
        table[name] = [view.evaluations[-1][key] if view.evaluations else None for view in views]
    return table


def measures_of(views: Sequence[RunView], home: Path, names: Sequence[str], progress: Any) -> Table:
    """What measures say of each run's last checkpoint: estimates by figure, None for a run that has no such figure. Needs torch."""
    from memlab.lab.memorized import measure

    table: Table = {}
    for number, view in enumerate(views):
        for figure in (figure for figures in measure(view.run, home, measures=names, progress=progress).values() for figure in figures):
            part = {"training": "training", "validation": "held-out"}.get(figure["part"])
            name = figure["name"] + (f", {part}" if part else "")
            table.setdefault(name, [None] * len(views))[number] = {**figure["estimate"], "unit": figure["unit"]}
            if "against" in figure:
                table.setdefault(AGAINST, [None] * len(views))[number] = figure["against"]
    return table


def differences(views: Sequence[RunView]) -> Table:
    """The settings that are not the same in all runs, by name, as they stand; and their corpora where their text differs all the same."""
    flat = [config.flat(config.to_dict(view.run.experiment())) for view in views]
    names = sorted({name for table in flat for name in table} - {"experiment", "expect"})
    found = {name: [table.get(name) for table in flat] for name in names}
    found["corpus"] = [view.provenance.get("data", {}).get("corpus") for view in views]
    return {name: values for name, values in found.items() if len(set(map(repr, values))) > 1}
