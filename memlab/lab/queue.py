"""Several runs brought to their end, some at a time: what is finished is left alone, what was stopped or killed goes on."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memlab import config
from memlab.errors import RunError, UsageError
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

_POLL_SECONDS = 0.2
_STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Job:
    """A run, made from this experiment where it does not exist yet; `toml` is the preset as given, to be kept beside it."""

    run: RunDir
    experiment: config.Experiment
    toml: str = ""

    @property
    def is_done(self) -> bool:
        return self.run.config_path.exists() and self.run.status() == "finished"


def train_all(home: Path, jobs: Sequence[Job], at_once: int = 1, progress: Progress = quiet) -> None:
    """Bring every run to its end, in this order, `at_once` of them at a time. `progress` hears of it several times a second.

    Stopped, by `progress` raising or by Ctrl-C, it has the trainers save and leave; asked for again it goes on with them. A run that
    another command trains is waited for, and left to it. Raises UsageError for at_once below 1, RunError for a run that fails.
    """
    if at_once < 1:
        raise UsageError(f"--jobs is {at_once}; it must be at least 1")
    waiting = [job for job in jobs if not job.is_done]
    running: list[Job] = []
    mine: set[Path] = set()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                if _begin(home, waiting[0], progress):
                    mine.add(waiting[0].run.path)
                running.append(waiting.pop(0))
            running = list(_still_running(running))
            progress(f"training {len(jobs)} models", *_reached(jobs, waiting, running))
            time.sleep(_POLL_SECONDS)
    except BaseException:
        _stop([job.run for job in running if job.run.path in mine])
        raise


def cores() -> int:
    """How many small models train side by side at best: one a core, at most eight."""
    import psutil

    return min(8, psutil.cpu_count(logical=False) or 1)


def _begin(home: Path, job: Job, progress: Progress) -> bool:
    """Start a run, or go on with it; False where somebody trains it already."""
    from memlab.data.corpus import open_corpus
    from memlab.training import launch

    if not job.run.config_path.exists():
        open_corpus(home, job.experiment.data, progress)  # here: two trainers would build the same one at once
        launch.start(job.run.path, home, job.toml, job.experiment)
    elif not job.run.is_active():
        device = job.experiment.train.device
        launch.resume(job.run, home, {} if device == job.run.experiment().train.device else {"train.device": device})
    else:
        return False
    return True


def _still_running(jobs: Sequence[Job]) -> Iterator[Job]:
    """Those that are being trained. Raises RunError for one that ended before its end."""
    for job in jobs:
        status = job.run.status()
        if status in ("starting", "running", "stopping"):
            yield job
        elif status != "finished":
            state = job.run.state()
            why = f": {state.error}" if state and state.error else ""
            raise RunError(f"{job.run.path} ended as {status}{why}; the same command goes on with it, and its log.txt says more")


def _reached(jobs: Sequence[Job], waiting: Sequence[Job], running: Sequence[Job]) -> tuple[int, int, str]:
    """Steps done of all steps where every budget is given in steps, else runs."""
    steps = [job.experiment.train.steps for job in jobs]
    if any(budget is None for budget in steps):
        return len(jobs) - len(waiting) - len(running), len(jobs), "runs"
    total = sum(budget or 0 for budget in steps)
    left = sum(job.experiment.train.steps or 0 for job in waiting)
    for job in running:
        state = job.run.state()
        left += (job.experiment.train.steps or 0) - (state.step if state else 0)
    return total - left, total, "steps"


def _stop(runs: Sequence[RunDir]) -> None:
    """Have trainers save and leave, together."""
    from memlab.training import launch

    for run in runs:
        with contextlib.suppress(UsageError):  # it has just ended
            launch.stop(run)
    for run in runs:
        launch.wait(run, _STOP_SECONDS)
