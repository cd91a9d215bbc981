"""A run as somebody looks on: followed while it is written, by plain values that any front end can draw."""

import math
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from memlab.errors import RunError
from memlab.progress import pace
from memlab.render.series import Floor, Marker, Series
from memlab.rundir import RunDir, events, state

Axis = Literal["steps", "tokens", "seconds"]
AXES: dict[str, str] = {"steps": "step", "tokens": "tokens", "seconds": "seconds"}


class RunView:
    """Follows one run directory. `poll()` reads what is new; everything else answers from what was read.

    With kinds, events of these kinds suffice, and others may be missing. With `log=False` the first events are left to the first `poll()`.
    """

    def __init__(self, run: RunDir, kinds: Collection[str] | None = None, log: bool = True) -> None:
        self.run = run
        self.rows: list[events.Row] = []
        self.state: state.State | None = None
        self.status: state.Status = "starting"
        self.provenance: dict[str, Any] = {}
        self._follower = events.Follower(run.events_path, kinds)
        if log:
            self.poll()
        else:
            self.state, self.status = run.standing()
            self.provenance = _provenance(run)

    def poll(self) -> bool:
        """Read what has come since the last call; whether anything has. Raises RunError naming the file where one is corrupt."""
        before = (self.state, self.status)
        self.state, self.status = self.run.standing()  # before the rows, so that a final status comes with all of them
        new = [row for row in self._follower.poll() if _is_whole(row)]
        if new:
            self.rows = events.settle([*self.rows, *new])
        changed = bool(new) or before != (self.state, self.status)
        if changed:
            self.provenance = _provenance(self.run)
        return changed

    @property
    def is_active(self) -> bool:
        return self.status in state.ACTIVE

    @property
    def has_facts(self) -> bool:
        """Whether the trainer has recorded what the run is: sizes, data, floors."""
        return "data" in self.provenance

    @property
    def timed(self) -> list[events.Row]:
        """The rows that say how far training was, and when."""
        return [row for row in self.rows if row.get("tokens") is not None and row.get("seconds") is not None]

    @property
    def evaluations(self) -> list[events.Row]:
        return [row for row in self.rows if row["kind"] == "eval"]

    @property
    def training(self) -> list[events.Row]:
        return [row for row in self.rows if row["kind"] == "train"]

    @property
    def measured(self) -> list[events.Row]:
        return [row for row in self.rows if row["kind"] == "measured"]

    @property
    def step(self) -> int:
        return max([row["step"] for row in self.rows] + [self.state.step if self.state else 0])

    @property
    def steps(self) -> int:
        return self.state.steps if self.state else 0

    def best(self) -> events.Row | None:
        """The evaluation with the lowest validation loss."""
        finite = [row for row in self.evaluations if row["validation_loss"] is not None]
        return min(finite, key=lambda row: row["validation_loss"], default=None)

    def series(self, axis: Axis = "steps") -> list[Series]:
        """Training loss (mean over the steps between two rows) and validation loss, in nats per token."""
        key = AXES[axis]
        return [
            Series("training", *_columns(self.training, key, "loss"), role="train"),
            Series("validation", *_columns(self.evaluations, key, "validation_loss"), role="validation"),
        ]

    def floors(self) -> list[Floor]:
        """The floors that the trainer has recorded."""
        return [Floor(floor_name(floor["name"]), floor["loss"]) for floor in self.provenance.get("floors", [])]

    def markers(self, axis: Axis = "steps", checkpoints: bool = False) -> list[Marker]:
        """Events worth a mark: the best validation loss, resumed, not finite, and the checkpoints where they are asked for."""
        key, best = AXES[axis], self.best()
        marks = [Marker(best[key], "best")] if best and best["step"] not in (0, self.evaluations[-1]["step"]) else []
        names = {"nonfinite": "not finite", "resumed": "resumed", **({"checkpoint": "checkpoint"} if checkpoints else {})}
        return marks + [Marker(row[key], names[row["kind"]]) for row in self.rows if row["kind"] in names and row["step"]]

    def tokens_per_second(self) -> float | None:
        """Of the last rows of training."""
        rates = [row["tokens_per_second"] for row in self.training[-5:]]
        return sum(rates) / len(rates) if rates else None

    def seconds_left(self) -> float | None:
        """At the pace of the second half of this attempt so far, evaluations and checkpoints included; None while that is not known."""
        attempt = self.rows[-1].get("attempt") if self.rows else None
        done = [(row["seconds"], row["step"]) for row in self.timed if row.get("attempt") == attempt]
        if self.status != "running" or not self.steps or not done:
            return None
        each = pace(done)
        return None if each is None else max(0.0, each * (self.steps - self.step))

    def problem(self) -> str:
        """Why the run is not going on, in a sentence; empty where nothing is wrong."""
        if self.status == "failed" and self.state:
            return self.state.error
        if self.status == "lost" and self.state is None:
            return f"it was never started; `memlab resume {self.run.word}` starts it, or says how where it is for several machines"
        if self.status == "lost" and state.is_copy(self.run.state_path, self.state):
            return f"a copy of a run that was being trained; `memlab resume {self.run.word}` goes on with it from its last checkpoint"
        if self.status == "lost" and self.state.host != socket.gethostname():
            return (
                f"nothing has been heard of the trainer on {self.state.host} for a minute: it is gone, or this copies a run that goes "
                f"on there; `memlab resume {self.run.word}` goes on here from the last checkpoint, {self.run.log_path} is its log"
            )
        if self.status == "lost":
            return (
                "the trainer is gone without a word (killed, perhaps for memory, or the machine went down); "
                f"`memlab resume {self.run.word}` goes on from the last checkpoint, {self.run.log_path} is its log"
            )
        return ""


def floor_name(name: str) -> str:
    """As it is called beside a curve: what is no floor of learning ("1, as stated") is not called one."""
    return name if "stated" in name else f"{name} floor"


@dataclass(frozen=True)
class Work:
    """A long piece of work before training: what, how far, and how long it still takes at its pace so far."""

    doing: str
    done: int
    total: int | None
    unit: str
    seconds_left: float | None


def work_of(view: RunView) -> Work | None:
    """What a starting trainer is busy with."""
    work = view.state.work if view.state and view.is_active else None
    if not work:
        return None
    passed = time.time() - work["since"]
    left = passed * (work["total"] - work["done"]) / work["done"] if work["total"] and work["done"] else None
    return Work(work["doing"], work["done"], work["total"], work["unit"], left)


def open_view(run: RunDir) -> RunView:
    """A view of a run; raises RunError where it is not a run that this version can read."""
    run.original()
    return RunView(run)


def _columns(rows: list[events.Row], x: str, y: str) -> tuple[list[float], list[float]]:
    return [float(row[x]) for row in rows], [math.nan if row[y] is None else float(row[y]) for row in rows]


# The figures of each kind of row that is drawn. A loss may be None, which was not finite.
_NUMBERS = {
    "started": ("tokens", "seconds"),
    "resumed": ("tokens", "seconds"),
    "train": ("tokens", "seconds", "tokens_per_second"),
    "eval": ("tokens", "seconds", "train_confident", "validation_confident"),
    "checkpoint": ("tokens", "seconds"),
    "nonfinite": ("tokens", "seconds"),
    "measured": ("tokens", "seconds"),
}
_LOSSES = {"train": ("loss",), "eval": ("train_loss", "validation_loss")}


def _is_whole(row: events.Row) -> bool:
    """Whether a row has the figures of its kind. A log that was edited or damaged may hold others: they are passed over."""
    kind = row["kind"]
    losses = [row.get(key, "") for key in _LOSSES.get(kind, ())]
    if kind == "measured" and not isinstance(row.get("figures"), list):
        return False
    numbers = [row.get(key) for key in _NUMBERS.get(kind, ())] + [loss for loss in losses if loss is not None]
    return all(map(events.is_number, numbers))


def _provenance(run: RunDir) -> dict[str, Any]:
    """The run's provenance. Raises RunError where it lacks figures that a trainer writes all at once."""
    table = run.provenance()
    try:
        if "data" in table:
            model, data, floors = table["model"], table["data"], table["floors"]
            figures = [model["n_params"], model["n_params_total"], data["n_tokens"], data["available_tokens"], data["tokens_per_epoch"]]
            shares = [data["repeats"][key] for key in ("span", "repeated_in_training", "validation_in_training", "sampled")]
            words = [data["corpus"], data["content"], *(floor[key] for floor in floors for key in ("name", "how"))]
            numbers = [*figures, *shares, *(floor["loss"] for floor in floors)]
            if not (all(map(events.is_number, numbers)) and min(figures) > 0 and all(isinstance(word, str) for word in words)):
                raise ValueError("a figure of the model, the data or the floors is not one")
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise RunError(f"{run.provenance_path} is not a run's provenance: {error}") from None
    return table
