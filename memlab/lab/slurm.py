"""The runs of a sweep as Slurm jobs, through submitit: the same directories, one job a run."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from memlab.errors import RunError, UsageError
from memlab.lab.queue import Job, train_all
from memlab.progress import Progress, quiet

MINUTES = 240  # of a job, unless timeout_min is given; one that has not ended by then goes on in another

_POLL_SECONDS = 2.0


class Task:
    """What a job does: bring one run to its end. Slurm's time limit has it saved, and queued again."""

    def __init__(self, home: Path, job: Job) -> None:
        self.home, self.job = home, job

    def __call__(self) -> str:
        train_all(self.home, [self.job])
        return self.job.run.name

    def checkpoint(self, *_: Any) -> Any:
        """What submitit asks for before a job has to leave."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def train(
    home: Path,
    jobs: Sequence[Job],
    folder: Path,
    at_once: int = 1,
    options: Mapping[str, Any] | None = None,
    progress: Progress = quiet,
    cluster: Literal["slurm", "local"] = "slurm",
) -> None:
    """Submit every run that is not finished, `at_once` of them at a time, and wait until all have ended.

    `folder` takes submitit's own files; `options` are those of its `update_parameters`, such as slurm_partition. Stopped, by `progress`
    raising or by Ctrl-C, it cancels what it has submitted; trainers save where the cluster gives them the time. The corpora must be there.
    Raises UsageError where submitit is missing or refuses an option, RunError for jobs that fail.
    """
    executor = _executor(folder, at_once, options or {}, cluster)
    waiting = [Task(home, job) for job in jobs if not job.is_done]
    if not waiting:
        return
    with executor.batch():
        submitted = [executor.submit(task) for task in waiting]
    try:
        while not all(one.done() for one in submitted):
            progress(f"training {len(jobs)} models", sum(job.is_done for job in jobs), len(jobs), "runs")
            time.sleep(_POLL_SECONDS)
    except BaseException:
        for one in submitted:
            one.cancel()
        raise
    failed = [task.job.run.name for task, one in zip(waiting, submitted, strict=True) if one.exception() is not None]
    if failed:
        raise RunError(f"{len(failed)} of {len(waiting)} jobs failed ({', '.join(failed[:3])}); {folder} has what they said")


def _executor(folder: Path, at_once: int, options: Mapping[str, Any], cluster: str) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise UsageError("--executor slurm needs submitit, which is not installed; pip install 'memlab[slurm]'") from error
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        executor.update_parameters(timeout_min=MINUTES, name="memlab")
        if cluster == "slurm":
            executor.update_parameters(slurm_array_parallelism=at_once)
        executor.update_parameters(**options)
    except Exception as error:  # submitit raises many kinds, all of them about what was asked
        raise UsageError(f"submitit refuses: {error}") from error
    return executor
