"""Runs, presets, sources and families as rows of plain values, the same for the command line and the app."""

from pathlib import Path
from typing import Any

from memlab import config, registry
from memlab.errors import MemlabError
from memlab.home import runs_of
from memlab.lab.view import RunView
from memlab.render.scale import short
from memlab.rundir import RunDir

LISTED_KINDS = ("eval", "resumed")  # the events that a row is made of


def run_rows(home: Path) -> list[dict[str, Any]]:
    """One row a run, oldest first; a run that cannot be read says why."""
    return [run_row(run) for run in runs_of(home)]


def run_row(run: RunDir) -> dict[str, Any]:
    """State, sizes and losses of a run, as far as they are known yet; of one that cannot be read, why."""
    try:
        return row_of(RunView(run, LISTED_KINDS), run.original())
    except MemlabError as error:
        return unreadable_row(run, error)


def unreadable_row(run: RunDir, error: MemlabError) -> dict[str, Any]:
    """The row of a run that cannot be read, with the reason."""
    return {"name": run.name, "state": "unreadable", "problem": str(error), "path": str(run.path)}


def row_of(view: RunView, experiment: config.Experiment) -> dict[str, Any]:
    """The row of a run as far as the view has read it; the view needs events of LISTED_KINDS only."""
    run = view.run
    model, data = (view.provenance.get(part, {}) for part in ("model", "data"))
    last, best = (view.evaluations[-1] if view.evaluations else {}), view.best() or {}
    return {
        "name": run.name,
        "state": view.status,
        "source": experiment.data.source,
        "fraction": data["n_tokens"] / data["available_tokens"] if data else None,
        "family": experiment.model.family,
        "size": experiment.model.size,
        "n_params": model.get("n_params"),
        "n_params_total": model.get("n_params_total"),
        "n_tokens": data.get("n_tokens"),
        "n_over_d_squared": model["n_params"] / data["n_tokens"] ** 2 if data else None,
        "step": view.step,
        "steps": view.steps if view.has_facts else None,
        "train_loss": last.get("train_loss"),
        "validation_loss": last.get("validation_loss"),
        "best_validation_loss": best.get("validation_loss"),
        "losses": [row["validation_loss"] for row in view.evaluations],
        "problem": view.problem(),
        "path": str(run.path),
    }


def preset_rows(mine: Path | None = None) -> list[dict[str, Any]]:
    """One row a preset: those that come with memlab, and the user's own in the folder `mine`."""
    rows = []
    for name in registry.preset_names(mine):
        experiment = config.read(registry.preset_path(name, mine))
        rows.append(
            {
                "name": name,
                "source": experiment.data.source,
                "data": f"{short(experiment.data.tokens)} tokens" if experiment.data.tokens else f"{100 * experiment.data.fraction:g} %",
                "family": experiment.model.family,
                "size": experiment.model.size,
                "budget": budget_words(experiment.train),
                "experiment": experiment.experiment,
                "expect": experiment.expect,
            }
        )
    return rows


def plugin_rows(kind: registry.Kind) -> list[dict[str, Any]]:
    """One row a plug-in, from its own words, without importing it. A family has sizes, or says what any size is."""
    rows = []
    for name in registry.names(kind):
        described = registry.describe(kind, name)
        sizes = {"sizes": described.constants.get("SIZES"), "any_size": described.constants.get("ANY_SIZE")}
        rows.append({"name": name, "summary": described.summary, **(sizes if kind == "family" else {})})
    return rows


def budget_words(train: config.Train) -> str:
    """The budget as it was given: `700 steps`."""
    given = [f"{getattr(train, name):,g} {name.removeprefix('n_')}" for name in config.BUDGETS if getattr(train, name) is not None]
    return given[0] if given else "no budget"
