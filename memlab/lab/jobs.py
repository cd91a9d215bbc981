"""Experiments as runs: found again by their settings, or to be trained; and how long that takes."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memlab import config
from memlab.errors import RunError, UsageError
from memlab.home import new_run_path, runs_of
from memlab.lab.planning import is_elsewhere, plan
from memlab.lab.queue import Job
from memlab.lab.view import open_view
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

_SOONEST = (
    "finished",
    "stopping",
    "running",
    "starting",
    "stopped",
    "lost",
    "failed",
)  # of runs with the same settings, which one is taken
_ALIKE = {"train.seed": 0, "data.subset_seed": 0, "data.subset_part": 0}  # what takes as long whatever these are


@dataclass(frozen=True)
class Asked:
    """An experiment, the name that a run of it is called by, with a number, and its preset as given."""

    name: str
    experiment: config.Experiment
    toml: str = ""


def jobs_of(home: Path, asked: Sequence[Asked]) -> list[Job]:
    """For each the run under the home that has its settings, a finished one first; else one that is yet to be made.

    The device is no such setting. Raises UsageError for an experiment on several machines, which no single command trains.
    """
    there = [(run, experiment) for run in runs_of(home) if (experiment := _experiment(run))]
    jobs: list[Job] = []
    for one in asked:
        if one.experiment.train.nodes > 1:
            raise UsageError(f"{one.name} is for several machines (train.nodes); `memlab train` says how to start it")
        alike = [job for job in (*there, *((job.run, job.experiment) for job in jobs)) if are_alike(job[1], one.experiment)]
        if alike:
            run, experiment = min(reversed(alike), key=lambda found: _rank(found[0]))
            jobs.append(Job(run, experiment))
        else:
            path = new_run_path(home, one.name, None, taken={job.run.path for job in jobs})
            jobs.append(Job(RunDir(path), one.experiment, one.toml))
    return jobs


def are_alike(one: config.Experiment, other: config.Experiment) -> bool:
    """Whether two experiments give the same run, as far as settings decide: they may differ in their words and in the device."""
    return _settings(one) == _settings(other)


def seconds_of(home: Path, jobs: Sequence[Job], progress: Progress = quiet) -> list[float | None]:
    """How long each takes on this device alone, as far as that can be known before: at the pace of its own steps, or by measuring some.

    None where the text has to be fetched first or the model does not fit. Jobs that differ in seeds and parts only take equally long.
    """
    planned: dict[str, float | None] = {}

    def of(job: Job) -> float | None:
        if job.run.config_path.exists():
            return _left(job)
        kind = repr(config.changed(_settings(job.experiment), _ALIKE))
        if kind not in planned:
            planned[kind] = None if is_elsewhere(job.experiment.data) else _planned(home, job, progress)
        return planned[kind]

    return [of(job) for job in jobs]


def _planned(home: Path, job: Job, progress: Progress) -> float | None:
    def tell(work: dict) -> None:
        progress(work["doing"], work["done"], work["total"], work["unit"])

    return plan(job.experiment, home, tell).get("seconds")


def _left(job: Job) -> float | None:
    """Of a run that has begun: what is left at the pace of what is done."""
    if job.is_done:
        return 0.0
    view = open_view(job.run)
    last = view.timed[-1] if view.timed else None
    if not (last and last["step"] and view.steps):
        return None
    return last["seconds"] / last["step"] * (view.steps - last["step"])


def _settings(experiment: config.Experiment) -> config.Experiment:
    return replace(experiment, experiment="", expect="", train=replace(experiment.train, device="auto"))


def _experiment(run: RunDir) -> config.Experiment | None:
    with contextlib.suppress(RunError):  # damaged, or of another version
        return run.experiment()
    return None


def _rank(run: RunDir) -> int:
    return _SOONEST.index(run.status()) if run.config_path.exists() else len(_SOONEST)
