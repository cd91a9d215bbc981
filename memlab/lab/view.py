"""A run as somebody looks on: followed while it is written, by plain values that any front end can draw."""

import time
from dataclasses import dataclass
from typing import Any, Literal

from memlab.render.series import Floor, Marker, Series
from memlab.rundir import RunDir, events, state

Axis = Literal["steps", "tokens", "seconds"]
AXES: dict[str, str] = {"steps": "step", "tokens": "tokens", "seconds": "seconds"}


class RunView:
    """Follows one run directory. `poll()` reads what is new; everything else answers from what was read."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.rows: list[events.Row] = []
        self.state: state.State | None = None
        self.status: state.Status = "starting"
        self._follower = events.Follower(run.events_path)
        self._provenance: dict[str, Any] = {}
        self.poll()

    def poll(self) -> bool:
        """Read what has come since the last call; whether anything has."""
        before = (self.state, self.status)
        self.state = self.run.state()
        self.status = self.run.status()  # before the rows, so that a final status comes with all of them
        new = self._follower.poll()
        if new:
            self.rows = events.settle([*self.rows, *new])
        return bool(new) or before != (self.state, self.status)

    @property
    def is_active(self) -> bool:
        return self.status in state.ACTIVE

    @property
    def provenance(self) -> dict[str, Any]:
        """How the run was obtained; read again until the trainer has written its facts."""
        if "data" not in self._provenance or self.is_active:
            self._provenance = self.run.provenance()
        return self._provenance

    @property
    def evaluations(self) -> list[events.Row]:
        return [row for row in self.rows if row["kind"] == "eval"]

    @property
    def training(self) -> list[events.Row]:
        return [row for row in self.rows if row["kind"] == "train"]

    @property
    def step(self) -> int:
        return max([row["step"] for row in self.rows] + [self.state.step if self.state else 0], default=0)

    @property
    def steps(self) -> int:
        return self.state.steps if self.state else 0

    def best(self) -> events.Row | None:
        """The evaluation with the lowest validation loss."""
        finite = [row for row in self.evaluations if row.get("validation_loss") is not None]
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
        return [
            Floor(f"{floor['name']} floor" if floor["name"] in ("entropy", "memorisation") else floor["name"], floor["loss"])
            for floor in self.provenance.get("floors", [])
        ]

    def markers(self, axis: Axis = "steps") -> list[Marker]:
        """Events worth a mark: the best validation loss, resumed, not finite."""
        key, best = AXES[axis], self.best()
        marks = [Marker(best[key], "best")] if best and best["step"] not in (0, self.evaluations[-1]["step"]) else []
        for row in self.rows:
            if row["kind"] == "nonfinite" or (row["kind"] == "resumed" and row["step"]):
                marks.append(Marker(row.get(key) or 0, {"nonfinite": "not finite", "resumed": "resumed"}[row["kind"]]))
        return marks

    def tokens_per_second(self) -> float | None:
        """Of the last rows of training."""
        rates = [row["tokens_per_second"] for row in self.training[-5:] if row.get("tokens_per_second")]
        return sum(rates) / len(rates) if rates else None

    def seconds_left(self) -> float | None:
        """At the pace of this attempt so far, evaluations and checkpoints included; None while that is not known."""
        started = next((row for row in reversed(self.rows) if row["kind"] in ("started", "resumed")), None)
        timed = [row for row in self.rows if row.get("seconds") is not None and started and row["attempt"] == started["attempt"]]
        if not self.is_active or len(timed) < 2 or timed[-1]["step"] <= timed[0]["step"] or not self.steps:
            return None
        pace = (timed[-1]["seconds"] - timed[0]["seconds"]) / (timed[-1]["step"] - timed[0]["step"])
        return max(0.0, pace * (self.steps - self.step))

    def problem(self) -> str:
        """Why the run is not going on, in a sentence; empty where nothing is wrong."""
        name = self.run.name
        if self.status == "failed" and self.state:
            return self.state.error
        if self.status == "lost":
            return f"the trainer is gone without a word (killed, perhaps for memory, or the machine went down); `memlab resume {name}` goes on from the last checkpoint"
        return ""


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
    work = view.state.work if view.state else None
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
    kept = [(row[x], row.get(y)) for row in rows if row.get(x) is not None]
    return [float(at) for at, _ in kept], [float("nan") if value is None else float(value) for _, value in kept]
