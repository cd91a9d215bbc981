"""Several runs trained by one command: named by their presets, how long that takes said before, and a bar until they have ended."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memlab import registry
from memlab.cli.terminal import look
from memlab.cli.train import resolve
from memlab.errors import RunError, UnknownName, UsageError, did_you_mean
from memlab.home import find_run, presets_of, runs_of
from memlab.render.safe import safe
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.lab.queue import Job

Train = Annotated[bool, typer.Option("--train", help="Train each preset that no run has been made of yet; go on with a stopped one.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="With --train: change a setting of the presets.")]


def is_preset(home: Path, word: str) -> bool:
    """Whether a word names a preset or a TOML file."""
    return word.endswith(".toml") or word in registry.preset_names(presets_of(home))


def runs_and_jobs(home: Path, words: Sequence[str], train: bool, settings: list[str] | None) -> "tuple[list[RunDir], list[Job]]":
    """The run of each word, and what is to be trained first: with `train` a word may be a preset, here with other settings.

    Raises UnknownName for a word that is no run, and no preset either; UsageError for settings of nothing that is trained.
    """
    from memlab.lab.jobs import Asked, jobs_of

    if settings and not train:
        raise UsageError("--set changes presets that are trained: add --train")
    if not train:
        return [_found(home, word) for word in words], []
    asked = {
        word: Asked(Path(word.removesuffix(".toml")).name, *resolve(home, word, settings, {})) for word in words if is_preset(home, word)
    }
    jobs = dict(zip(asked, jobs_of(home, list(asked.values())), strict=True))
    return [jobs[word].run if word in jobs else find_run_beside_presets(home, word) for word in words], list(jobs.values())


def _found(home: Path, word: str) -> RunDir:
    """A run that is there. Raises UnknownName; of a preset that nobody has trained it is said how to."""
    try:
        return find_run(home, word)
    except UnknownName:
        if is_preset(home, word):
            raise UnknownName(f"no run '{word}', but a preset: --train trains it") from None
        raise


def find_run_beside_presets(home: Path, word: str) -> RunDir:
    """The run that a word means where it could have been a preset too. Raises UnknownName with the nearest of both."""
    try:
        return find_run(home, word)
    except UnknownName:
        known = [*registry.preset_names(presets_of(home)), *(run.name for run in runs_of(home))]
        raise UnknownName(f"no preset and no run '{word}'{did_you_mean(word, known)}") from None


def train_to_the_end(home: Path, jobs: "Sequence[Job]", at_once: int = 1) -> None:
    """Bring every run to its end. What is said goes to standard error; nothing where all have ended already.

    Raises RunError where a run has been made meanwhile under a name that was free.
    """
    from memlab.cli.progress import reporting
    from memlab.lab.jobs import are_alike, seconds_of
    from memlab.lab.queue import train_all

    left = [job for job in jobs if not job.is_done]
    if not left:
        return
    with reporting() as progress:
        seconds = seconds_of(home, left, progress)
    print(safe(_forecast(left, seconds, at_once), newlines=True, ascii=look().ascii), file=sys.stderr, flush=True)
    with reporting() as progress:
        train_all(home, left, at_once, progress)
    for job in left:
        if not are_alike(job.run.experiment(), job.experiment):
            raise RunError(f"another command has made {job.run.path} meanwhile, with other settings; the same command takes another name")


def _forecast(jobs: "Sequence[Job]", seconds: Sequence[float | None], at_once: int) -> str:
    """What is to be trained and, where that is known, how long each takes and all of them do."""
    from memlab.render.scale import counted, duration

    lines = []
    for job, some in zip(jobs, seconds, strict=True):
        begun = " to the end" if job.run.config_path.exists() else ""
        lines.append(f"  {job.run.name}{begun}" + (f"  about {duration(some)}" if some is not None else ""))
    together = f", {at_once} at a time" if at_once > 1 else ""
    whole = "" if None in seconds or len(jobs) == 1 else f", about {duration(sum(seconds))} one after the other"
    title = f"Training {counted(len(jobs), 'run')}{together}{whole}"
    return "\n".join([title, *lines, "Ctrl-C saves and stops; the same command goes on."])
