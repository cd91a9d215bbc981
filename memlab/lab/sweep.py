"""A sweep: the runs of a grid trained to their end, and how they stand.

Every cell is an ordinary run under HOME/sweeps/NAME. What is finished is left alone, what was stopped or killed goes on.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memlab.errors import MemlabError, RunError, UsageError
from memlab.files import read_json, write_json
from memlab.lab.grids import Cell, Sweep, folder_of, keep
from memlab.lab.jobs import are_alike
from memlab.lab.jobs import seconds_of as time_of
from memlab.lab.queue import Job, train_all
from memlab.lab.view import RunView
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir
from memlab.theory import matched
from memlab.theory.capacity import bits

WAITING = "waiting"  # the state of a cell whose run has not been begun


@dataclass(frozen=True)
class CellFacts:
    """How a cell stands. Losses in nats per token at the last evaluation; None where nothing is known yet.

    memorised, control: share of training and of held-out tokens with p > 0.9. bits_per_parameter: what the model knows of its training
    text beyond what it would know of unseen text, D · (reference - training loss) / ln 2 over all parameters, where the reference is the
    entropy floor, which is of held-out text, or where that is unknown the cell's own best validation loss. square: E7's mean square, of
    training losses that are means over `train.log_every` steps each; None where the `later` iterations after the validation minimum are
    missing.
    """

    name: str
    path: str
    size: str
    amount: float | int
    seed: int
    state: str
    step: int = 0
    steps: int = 0
    n_params: int | None = None
    n_params_total: int | None = None
    n_tokens: int | None = None
    train_loss: float | None = None
    validation_loss: float | None = None
    best_validation_loss: float | None = None
    best_step: int | None = None
    gap: float | None = None
    memorised: float | None = None
    control: float | None = None
    bits_per_parameter: float | None = None
    square: float | None = None
    floors: dict[str, float] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Standing:
    """A sweep as it stands. `information`: the bits of each amount of data, where they have been counted: bits, exact, how."""

    sweep: Sweep
    cells: list[CellFacts]
    information: dict[float | int, dict[str, Any]]

    @property
    def n_finished(self) -> int:
        return sum(cell.state == "finished" for cell in self.cells)

    def of(self, size: str, amount: float | int) -> list[CellFacts]:
        """The cells of all seeds at one place of the map."""
        return [cell for cell in self.cells if (cell.size, cell.amount) == (size, amount)]


class Follower:
    """Reads a sweep again and again, of each run only what is new."""

    def __init__(self, home: Path, sweep: Sweep) -> None:
        self.home, self.sweep = home, sweep
        self._views: dict[str, RunView] = {}
        self._facts: dict[str, CellFacts] = {}

    def poll(self) -> Standing:
        """How the sweep stands now."""
        cells = [self._look(cell) for cell in self.sweep.cells()]
        return Standing(self.sweep, cells, _information(self.home, self.sweep))

    def _look(self, cell: Cell) -> CellFacts:
        run = RunDir(folder_of(self.home, self.sweep.name) / cell.name)
        plain = CellFacts(cell.name, str(run.path), cell.size, cell.amount, cell.seed, WAITING)
        try:
            if cell.name not in self._views:
                if not run.config_path.exists():
                    return plain
                self._views[cell.name] = RunView(run)
            elif not self._views[cell.name].poll():
                return self._facts[cell.name]
            self._facts[cell.name] = _facts(plain, self._views[cell.name], self.sweep.grid.later)
        except MemlabError as error:
            self._facts[cell.name] = dataclasses.replace(plain, state="unreadable", problem=str(error))
        return self._facts[cell.name]


def jobs_of(home: Path, sweep: Sweep) -> list[Job]:
    """The runs of a sweep. Raises UsageError for one that is there already with other settings: it would not belong to this grid."""
    jobs = [Job(RunDir(folder_of(home, sweep.name) / cell.name), sweep.experiment(cell)) for cell in sweep.cells()]
    for job in jobs:
        if job.run.config_path.exists() and not are_alike(job.run.original(), job.experiment):
            raise UsageError(
                f"{job.run.path} was trained with other settings than this grid's; rename the grid's file, or remove {job.run.path.parent}"
            )
    return jobs


def seconds_of(home: Path, sweep: Sweep, jobs: Sequence[Job], progress: Progress = quiet) -> float | None:
    """How long all that is not finished takes one after the other on this device, by measuring some steps of each kind of cell.

    Where the budget is in steps the amounts of data of a size take equally long. None where the text has to be fetched first.
    """
    by_kind: dict[str, list[Job]] = {}
    for cell, job in zip(sweep.cells(), jobs, strict=True):
        if not job.is_done:
            by_kind.setdefault(cell.size if sweep.base.train.steps else f"{cell.size} {cell.amount}", []).append(job)
    kinds = [some[0] for some in by_kind.values()]
    seconds = time_of(home, kinds, progress)
    each = [one * len(some) for one, some in zip(seconds, by_kind.values(), strict=True) if one is not None]
    return sum(each) if len(each) == len(kinds) else None


def prepare(home: Path, sweep: Sweep, progress: Progress = quiet) -> list[Job]:
    """Make the corpora, count the bits of every amount, and write down what the sweep is; its runs. Raises what `jobs_of` does."""
    from memlab.data.corpus import open_corpus
    from memlab.data.rows import open_rows
    from memlab.training.information import information_of

    jobs = jobs_of(home, sweep)
    found = []
    for amount in sweep.amounts:
        one = sweep.experiment(Cell(sweep.sizes[0], amount, sweep.seeds[0]))
        data = open_rows(open_corpus(home, one.data, progress), one.data, one.model.context)
        found.append({"amount": amount, "n_tokens": data.selection.n_tokens, **dataclasses.asdict(information_of(one.data, data))})
    keep(home, sweep)
    write_json(folder_of(home, sweep.name) / "information.json", found)
    return jobs


def train(home: Path, jobs: Sequence[Job], at_once: int = 1, progress: Progress = quiet) -> None:
    """Train the runs that are not finished. One that fails is left behind, and the others go on; its state says why."""
    left = list(jobs)
    while left:
        try:
            train_all(home, left, at_once, progress)
            return
        except MemlabError:
            failed = [job for job in left if job.run.config_path.exists() and job.run.status() == "failed"]
            if not failed:
                raise
            left = [job for job in left if job not in failed]


def _facts(plain: CellFacts, view: RunView, later: int) -> CellFacts:
    model, data = (view.provenance[part] if view.has_facts else {} for part in ("model", "data"))
    found: dict[str, Any] = {"state": view.status, "step": view.step, "steps": view.steps, "problem": view.problem()}
    found |= {name: model.get(name) for name in ("n_params", "n_params_total")} | {"n_tokens": data.get("n_tokens")}
    found["floors"] = {floor["name"]: floor["loss"] for floor in view.provenance["floors"]} if model else {}
    best = view.best()
    if best:
        last = view.evaluations[-1]
        training, validation = last["train_loss"], last["validation_loss"]
        found |= {"train_loss": training, "validation_loss": validation}
        found |= {"memorised": last["train_confident"], "control": last["validation_confident"]}
        found |= {"best_validation_loss": best["validation_loss"], "best_step": best["step"], "square": _square(view, later)}
        if training is not None and validation is not None:
            found["gap"] = validation - training
        if training is not None and model:
            reference = found["floors"].get("entropy", best["validation_loss"])
            found["bits_per_parameter"] = bits((reference - training) * data["tokens_per_epoch"]) / model["n_params_total"]
    return dataclasses.replace(plain, **found)


def _square(view: RunView, later: int) -> float | None:
    losses = [(row["step"], row["loss"]) for row in view.training if row["loss"] is not None]
    validation = [(row["step"], row["validation_loss"]) for row in view.evaluations if row["validation_loss"] is not None]
    return matched.mean_square(losses, validation, later)[1] if losses else None


def _information(home: Path, sweep: Sweep) -> dict[float | int, dict[str, Any]]:
    try:
        found = read_json(folder_of(home, sweep.name) / "information.json")
        return {
            one["amount"]: {**one, "bits": float(one["bits"]), "n_tokens": int(one["n_tokens"]), "how": str(one["how"])} for one in found
        }
    except (RunError, TypeError, KeyError, ValueError):  # not counted yet, or damaged: the next `prepare` writes it
        return {}
