"""A trainer's life: take the directory, prepare data and model, train, and leave a final state whatever happens."""

import platform
import signal
import sys
import time
import traceback
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from memlab import __version__, config, models
from memlab.data.corpus import Corpus, open_corpus, open_recorded
from memlab.data.repeats import repeats_of
from memlab.data.rows import RunData, open_rows
from memlab.errors import MemlabError
from memlab.home import find_home
from memlab.rundir import RunDir
from memlab.rundir.ownership import Ownership
from memlab.training import checkpoints, device, floors
from memlab.training.checkpoints import Progress
from memlab.training.device import Compute
from memlab.training.estimate import measure
from memlab.training.evaluate import fixed_rows
from memlab.training.loop import Plan, StopRequested, Trainer, make_optimizer
from memlab.training.schedule import steps_of_budget

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_LOOK_SECONDS = 0.1  # between looks for a STOP file: it may lie on a network file system
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class StopSwitch:
    """Raises StopRequested at the next `check()` after a signal or a STOP file."""

    def __init__(self, path: Path) -> None:
        self._path, self._asked, self._looked = path, False, 0.0
        for number in _SIGNALS:
            signal.signal(number, self._ask)

    def check(self) -> None:
        now = time.monotonic()
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            self._asked = self._asked or self._path.exists()
        if self._asked:
            raise StopRequested

    def _ask(self, number: int, frame: Any) -> None:
        self._asked = True


def train(run: RunDir, owner: str) -> int:
    """Train a claimed run to its end. Returns the exit status: 0 finished or stopped, else that of the error."""
    own = Ownership(run, owner)
    switch = StopSwitch(run.stop_path)
    try:
        own.update(status="running")
        _train(own, switch)
        own.update(status="finished", work=None)
    except StopRequested:
        own.update(status="stopped", work=None)
    except MemlabError as error:
        return _fail(own, str(error), error.exit_status)
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and not any(words in str(error).lower() for words in _OUT_OF_MEMORY):
            _fail(own, f"internal error: {error}; the traceback is in {run.log_path}", 1)
            raise
        traceback.print_exc()
        return _fail(own, _memory_advice(run.experiment()), 1)
    except Exception as error:
        _fail(own, f"internal error: {type(error).__name__}: {error}; the traceback is in {run.log_path}", 1)
        raise
    finally:
        own.release()
    return 0


def _train(own: Ownership, switch: StopSwitch) -> None:
    run, experiment = own.run, own.run.experiment()
    data = open_data(own, switch, experiment)
    step = _last_good_step(run)
    decided = run.provenance().get("decided")
    torch.manual_seed(experiment.train.seed)
    model = models.build(experiment.model, data.corpus.vocab_size) if step is None else checkpoints.load_model(run.checkpoints, step)
    compute, plan = _decide(own, experiment, data, model, decided)
    device.apply(compute)
    model.to(compute.device).train()
    optimizer = make_optimizer(model, experiment.train, compute.device)
    progress = Progress()
    if step is None:
        _record_facts(own, experiment, data, model)
    else:
        checkpoints.load_optimizer(run.checkpoints, step, model, optimizer)
        progress = checkpoints.load_progress(run.checkpoints, step)
        checkpoints.go_back_to(run.checkpoints, step)
    own.event("resumed" if step is not None else "started", step=progress.step, from_step=progress.step)
    own.update(work=None, step=progress.step, steps=plan.steps)
    Trainer(model, optimizer, data, experiment.train, plan, compute, own, progress, switch.check).run()


def open_data(own: Ownership, switch: StopSwitch, experiment: config.Experiment) -> RunData:
    """The run's corpus, built if this is the first attempt, and its rows."""
    home, recorded = find_home(), own.run.provenance().get("data")
    corpus = open_recorded(home, recorded["corpus"], recorded["content"]) if recorded else _build_corpus(home, own, switch, experiment)
    return open_rows(corpus, experiment.data, experiment.model.context)


def _build_corpus(home: Path, own: Ownership, switch: StopSwitch, experiment: config.Experiment) -> Corpus:
    started: dict[str, float] = {}
    last = 0.0

    def progress(doing: str, done: int, total: int | None, unit: str) -> None:
        nonlocal last
        switch.check()
        since = started.setdefault(doing, time.time())
        if time.monotonic() - last > 0.5:
            last = time.monotonic()
            own.update(work={"doing": doing, "done": done, "total": total, "unit": unit, "since": since})

    return open_corpus(home, experiment.data, progress)


def _last_good_step(run: RunDir) -> int | None:
    found = checkpoints.resumable(run.checkpoints)
    return found[-1] if found else None


def _decide(own: Ownership, experiment: config.Experiment, data: RunData, model: Any, decided: dict | None) -> tuple[Compute, Plan]:
    """Device, precision, threads, budget: decided by the first attempt and kept, unless a changed setting or a missing device asks anew."""
    train = experiment.train
    changes = own.run.provenance()["attempts"][-1]["changes"]
    keep = (
        decided
        and device.is_available(decided["device"])
        and not changes.keys() & {"train.device", "train.precision", "train.threads", "train.compile"}
    )
    if keep:
        compute = Compute(**{name: decided[name] for name in Compute.__dataclass_fields__})
    else:
        compute = device.decide(train, model.config.n_embd, train.steps)
    per_step = (
        measure(experiment, data, compute).step_seconds if train.minutes and not (decided and "train.minutes" not in changes) else None
    )
    if decided and not changes.keys() & {f"train.{name}" for name in config.BUDGETS}:
        plan = Plan(decided["steps"], decided["decay_steps"])
    else:
        steps = steps_of_budget(train, len(data.train), data.train.n_predicted, per_step)
        plan = Plan(steps, train.decay_steps or (decided["decay_steps"] if decided else steps))
    own.provenance(decided={**asdict(compute), **asdict(plan)})
    return compute, plan


def _record_facts(own: Ownership, experiment: config.Experiment, data: RunData, model: Any) -> None:
    """What the run is: sizes, data, floors and versions; written once, before the first step."""
    n_params, total = models.count_parameters(model, experiment.model.family)
    evaluated = fixed_rows(data.validation, experiment.train.eval_rows)
    own.provenance(
        versions={
            "memlab": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "numpy")},
        },
        machine={"system": platform.platform(), "host": platform.node()},
        seed=experiment.train.seed,
        model={"n_params": n_params, "n_params_total": total, "vocab_size": data.corpus.vocab_size},
        data={
            "corpus": data.corpus.path.name,
            "content": data.corpus.fingerprint,
            "n_tokens": data.selection.n_tokens,
            "available_tokens": data.selection.available,
            "documents": len(data.selection.documents),
            "rows": len(data.train),
            "tokens_per_epoch": data.train.n_predicted,
            "validation_rows": len(data.validation),
            "splits": data.corpus.splits(),
            "repeats": asdict(repeats_of(data, experiment.data.rows, experiment.model.context)),
        },
        floors=floors.floors_of(experiment.data, data, evaluated),
    )


def _memory_advice(experiment: config.Experiment) -> str:
    train, model = experiment.train, experiment.model
    return (
        f"out of memory with train.batch {train.batch}, train.accumulate {train.accumulate}, model.context {model.context} and size '{model.size}'; "
        f"raise train.accumulate (it must divide the batch), or take a smaller batch, context or size"
    )


def _fail(own: Ownership, message: str, status: int) -> int:
    print(message, file=sys.stderr)
    own.update(status="failed", error=message, work=None)
    return status
