"""A trainer's work: open data and model where the run stands, decide what to compute on, train to the end of the plan."""

import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from typing import Any

import torch
from transformers import PreTrainedModel

from memlab import __version__, config, models
from memlab.data.corpus import open_corpus, open_recorded
from memlab.data.repeats import repeats_of
from memlab.data.rows import RunData, open_rows
from memlab.homedir import find_home
from memlab.rundir.ownership import Membership, Ownership
from memlab.training import checkpoints, device, floors
from memlab.training.attention import choose_attention
from memlab.training.checkpoints import Progress
from memlab.training.commit import commit
from memlab.training.device import Compute
from memlab.training.estimate import measure, needs_chunks
from memlab.training.loop import Plan, Trainer, make_optimizer
from memlab.training.schedule import steps_of_budget
from memlab.training.stopping import StopRequested, StopSwitch
from memlab.training.world import World

_UPDATE_SECONDS = 0.5  # between two reports of how far a piece of work is
_COMPUTE_SETTINGS = ("device", "devices", "precision", "threads", "compile")


def train(own: Ownership | Membership, experiment: config.Experiment, switch: StopSwitch, world: World) -> None:
    """Train a claimed run from where it stands to the end of its plan. Raises StopRequested where somebody asked for that."""
    work = _Work(own, switch.check if world.leads else lambda: None)
    with world.first():
        data = open_data(own, experiment, work)
    work("preparing the model", 0, None, "")
    folder = own.run.checkpoints
    step = world.share(lambda: max(checkpoints.resumable(folder), default=None))
    torch.manual_seed(experiment.train.seed)
    model = models.build(experiment.model, data.corpus.vocab_size) if step is None else checkpoints.load_model(folder, step)
    decided = world.share(lambda: [asdict(part) for part in _decide(own, experiment, data, model, step or 0)])
    compute, plan = device.for_process(Compute(**decided[0]), world.local_rank), Plan(**decided[1])
    device.apply(compute)
    choose_attention(model, compute, experiment.model.context)
    model.to(compute.device).train()
    optimizer = make_optimizer(model, experiment.train, compute.device)
    progress = Progress()
    if step is not None:
        progress = checkpoints.load_progress(folder, step)
        checkpoints.load_optimizer(folder, step, model, optimizer)
    world.share(lambda: _begin(own, experiment, data, model, progress, step, work))
    own.update(status="running", work=None, step=progress.step, steps=plan.steps)
    trainer = Trainer(model, optimizer, data, experiment.train, plan, compute, own, progress, _stop_together(switch, world), world)
    try:
        trainer.run()
    except StopRequested:  # in all processes at the same step
        world.leave()
        raise
    world.leave()
    own.provenance(peak_memory_bytes=device.peak_memory(compute.device))


def _stop_together(switch: StopSwitch, world: World) -> Callable[[], None]:
    """A check that raises StopRequested in all processes at the same step, whichever of them was asked."""

    def check() -> None:
        if world.any(switch.asked()):
            raise StopRequested

    return check


def _begin(
    own: Ownership,
    experiment: config.Experiment,
    data: RunData,
    model: PreTrainedModel,
    progress: Progress,
    step: int | None,
    work: "_Work",
) -> None:
    """What the first process does before the first step: remove what lies beyond `step`, and record what the run is and that it begins."""
    if step is not None:
        checkpoints.go_back_to(own.run.checkpoints, step)
    if "data" not in own.run.provenance():
        work("counting repeats and floors", 0, None, "")
        _record_facts(own, experiment, data, model, lambda: work("counting repeats and floors", 0, None, ""))
    work("starting", 0, None, "")
    _record_start(own, progress, from_step=-1 if step is None else step)


def _record_start(own: Ownership, progress: Progress, from_step: int) -> None:
    """Readers drop what earlier attempts did beyond `from_step`; -1: all of it."""
    kind = "started" if own.attempt == 1 else "resumed"
    own.event(kind, step=progress.step, tokens=progress.tokens, seconds=progress.seconds, from_step=from_step)


class _Work:
    """Reports pieces of work to whoever looks on, as often as one likes, and stops between them where that was asked."""

    def __init__(self, own: Ownership | Membership, check_stop: Callable[[], None]) -> None:
        self._own, self._check_stop = own, check_stop
        self._doing, self._since, self._reported = "", 0.0, 0.0

    def __call__(self, doing: str, done: int, total: int | None, unit: str) -> None:
        self._check_stop()
        if doing != self._doing:
            self._doing, self._since, self._reported = doing, time.time(), 0.0
        if time.monotonic() - self._reported > _UPDATE_SECONDS:
            self._reported = time.monotonic()
            self._own.update(work={"doing": doing, "done": done, "total": total, "unit": unit, "since": self._since})


def open_data(own: Ownership | Membership, experiment: config.Experiment, work: _Work) -> RunData:
    """The run's corpus, built if this is the first attempt, and its rows."""
    is_known = bool(own.run.provenance().get("data"))
    corpus = open_recorded(find_home(), own.run) if is_known else open_corpus(find_home(), experiment.data, work)
    return open_rows(corpus, experiment.data, experiment.model.context)


def _decide(own: Ownership, experiment: config.Experiment, data: RunData, model: PreTrainedModel, done: int) -> tuple[Compute, Plan]:
    """What to compute on, and the budget in steps: decided by the first attempt and kept, so that a resumed run goes on exactly.

    Decided anew where the settings that decide it have changed, or the device is not there any more. `done` steps are behind us.
    """
    train, decided = experiment.train, own.run.provenance().get("decided")
    if decided and not decided["steps"]:  # nothing was trained that would have to go on as it was
        decided = None
    asked = {name: getattr(train, name) for name in (*_COMPUTE_SETTINGS, *config.BUDGETS)}
    keep = _is_settled(decided, asked, _COMPUTE_SETTINGS) and device.is_available(decided["device"])
    recorded = {field.name: decided[field.name] for field in fields(Compute)} if keep else {}
    compute = Compute(**recorded) if keep else device.decide(train, model.config.hidden_size)
    if _is_settled(decided, asked, config.BUDGETS):
        steps = decided["steps"]
    else:
        per_step = measure(experiment, data, compute).seconds_per_step(train) if train.minutes else None
        steps = max(done, steps_of_budget(train, data.train.tokens_per_row, data.train.n_predicted, per_step))
    if not keep:
        chunked = needs_chunks(model, experiment, compute)
        compute = replace(device.with_compilation(compute, train, steps), chunked=chunked)
    plan = Plan(steps, train.decay_steps or (decided["decay_steps"] if decided else steps))
    own.provenance(decided={**asdict(compute), **asdict(plan), "asked": asked})
    return compute, plan


def _is_settled(decided: dict | None, asked: dict[str, Any], names: Iterable[str]) -> bool:
    return decided is not None and all(decided["asked"][name] == asked[name] for name in names)


def _record_facts(
    own: Ownership, experiment: config.Experiment, data: RunData, model: PreTrainedModel, between: Callable[[], None]
) -> None:
    """What the run is: sizes, data, floors and versions; written once, before the first step."""
    n_params, total = models.count_parameters(model)
    own.provenance(
        versions={
            "memlab": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "numpy")},
        },
        commit=commit(),
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
            "cut_rows": data.train.n_cut,
            "tokens_per_row": data.train.tokens_per_row,
            "tokens_per_epoch": data.train.n_predicted,
            "validation_rows": len(data.validation),
            "splits": data.corpus.splits(),
            "repeats": asdict(repeats_of(data, experiment.data.rows, experiment.model.context, between)),
        },
        floors=floors.floors_of(experiment.data, data, experiment.train.eval_rows),
    )
