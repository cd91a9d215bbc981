"""What a run will take on this device, measured on its own first steps in a process of its own.

`python -m memlab.training.estimate` reads an experiment as a line of JSON from standard input and writes lines of JSON: work in progress,
then one line with the plan. It runs apart so that its peak memory is that of the trainer, and so that callers need no torch.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memlab import config
from memlab.training import allocator
from memlab.training.failure import explain

_PROBE_SECONDS = 3.0
_WARM_UP_STEPS = 2


@dataclass(frozen=True)
class Costs:
    """Seconds of one step, evaluation and checkpoint; bytes of a checkpoint's weights and optimiser state; peak memory while training."""

    step_seconds: float
    evaluation_seconds: float
    checkpoint_seconds: float
    weights_bytes: int
    optimizer_bytes: int
    memory_bytes: int

    def seconds_per_step(self, train: config.Train) -> float:
        """With its share of evaluations and checkpoints, over a long run."""
        return self.step_seconds + self.evaluation_seconds / train.eval_every + self.checkpoint_seconds / train.checkpoint_every

    def seconds_of(self, train: config.Train, steps: int) -> float:
        """Training, evaluations and checkpoints of a whole run (checkpoints of new best losses not counted)."""
        evaluations = steps // train.eval_every + 1 + (steps % train.eval_every > 0)
        saves = len(saved_steps(train, steps))
        return steps * self.step_seconds + evaluations * self.evaluation_seconds + saves * self.checkpoint_seconds

    def disk_of(self, train: config.Train, steps: int) -> int:
        """Bytes of the checkpoints that a finished run keeps, with one of the best loss."""
        from memlab.training import checkpoints

        there = checkpoints.kept(saved_steps(train, steps), train.checkpoint_every, best=-1)
        return (len(there) + 1) * self.weights_bytes + min(len(there), checkpoints.RESUMABLE) * self.optimizer_bytes


def saved_steps(train: config.Train, steps: int) -> list[int]:
    """The steps at which a whole run makes a checkpoint whatever its losses are."""
    from memlab.training import checkpoints

    return [step for step in range(steps + 1) if checkpoints.is_due(step, train.checkpoint_every) or step == steps]


def measure(experiment: config.Experiment, data: Any, compute: Any) -> Costs:
    """Time the first steps of a fresh model on the run's own rows, one evaluation and one checkpoint."""
    from memlab import models
    from memlab.training import device
    from memlab.training.evaluate import evaluate, fixed_rows
    from memlab.training.loop import make_optimizer

    train = experiment.train
    model = models.build(experiment.model, data.corpus.vocab_size).to(compute.device).train()
    device.choose_attention(model, compute, experiment.model.context)
    optimizer = make_optimizer(model, train, compute.device)
    step_seconds = _time_steps(model, optimizer, experiment, data, compute)
    started = time.perf_counter()
    indices = fixed_rows(data.validation, min(train.eval_rows, 4 * train.batch))
    evaluate(model, data.validation, indices, compute, train.batch // train.accumulate)
    rows = sum(len(fixed_rows(part, train.eval_rows)) for part in (data.train, data.validation))
    evaluation_seconds = (time.perf_counter() - started) * rows / len(indices)
    checkpoint = _time_checkpoint(model, optimizer, data)
    return Costs(step_seconds, evaluation_seconds, *checkpoint, device.peak_memory(compute.device))


def _time_steps(model: Any, optimizer: Any, experiment: config.Experiment, data: Any, compute: Any) -> float:
    from memlab.data import batches
    from memlab.training.loop import train_step

    train, seconds = experiment.train, []
    while len(seconds) < _WARM_UP_STEPS + 1 or sum(seconds) < _PROBE_SECONDS:
        started = time.perf_counter()
        inputs, targets = data.train.take(batches.rows(train.seed, len(seconds), train.batch, len(data.train), data.order))
        loss, _ = train_step(model, optimizer, inputs, targets, train, compute)
        loss.item()  # waits for the device
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[_WARM_UP_STEPS:])


def _time_checkpoint(model: Any, optimizer: Any, data: Any) -> tuple[float, int, int]:
    """Seconds, and bytes without and of the optimiser's state."""
    from memlab.training import checkpoints

    with tempfile.TemporaryDirectory(dir=data.corpus.path.parent, prefix=".probe-") as folder:
        started = time.perf_counter()
        checkpoints.save(Path(folder), model, optimizer, data.corpus.tokenizer, checkpoints.Progress())
        seconds = time.perf_counter() - started
        sizes = {path.name: path.stat().st_size for path in checkpoints.path_of(Path(folder), 0).iterdir()}
    of_optimizer = sizes.pop(checkpoints.OPTIMIZER)
    return seconds, sum(sizes.values()), of_optimizer


def plan(experiment: config.Experiment, home: Path, progress: Any) -> dict[str, Any]:
    """Everything that can be said before the first step: N, D, steps, epochs, floors, time, memory, disk."""
    from memlab import models
    from memlab.data.corpus import open_corpus
    from memlab.data.rows import open_rows
    from memlab.training import device, floors
    from memlab.training.evaluate import fixed_rows
    from memlab.training.schedule import steps_of_budget

    train = experiment.train
    data = open_rows(open_corpus(home, experiment.data, progress), experiment.data, experiment.model.context)
    n_params, total = models.count_without_weights(experiment.model, data.corpus.vocab_size)
    progress("measuring a few steps on this device", 0, None, "")
    load = os.getloadavg()[0]
    compute = device.decide(train, models.size_of(experiment.model)["n_embd"])
    device.apply(compute)
    costs = measure(experiment, data, compute)
    steps = steps_of_budget(train, data.train.tokens_per_row, data.train.n_predicted, costs.seconds_per_step(train))
    return {
        "n_params": n_params,
        "n_params_total": total,
        "n_tokens": data.selection.n_tokens,
        "available_tokens": data.selection.available,
        "vocab_size": data.corpus.vocab_size,
        "rows": len(data.train),
        "steps": steps,
        "tokens_seen": round(steps * train.batch * data.train.tokens_per_row),
        "epochs": steps * train.batch * data.train.tokens_per_row / data.train.n_predicted,
        "floors": floors.floors_of(experiment.data, data, fixed_rows(data.validation, train.eval_rows)),
        "compute": asdict(device.with_compilation(compute, train, steps)),
        "costs": asdict(costs),
        "seconds": costs.seconds_of(train, steps),
        "load": load,
        "disk_bytes": costs.disk_of(train, steps),
    }


def main() -> int:
    """Exit status 2 with one line on standard error where the request is wrong."""
    from memlab.errors import MemlabError
    from memlab.home import find_home

    experiment = config.from_dict(json.loads(sys.stdin.readline()))
    if experiment.train.allocator == "auto":
        allocator.keep_freed_memory()

    def progress(doing: str, done: int, total: int | None, unit: str) -> None:
        print(json.dumps({"work": {"doing": doing, "done": done, "total": total, "unit": unit}}), flush=True)

    progress("loading torch", 0, None, "")
    try:
        print(json.dumps({"plan": plan(experiment, find_home(), progress)}), flush=True)
    except MemlabError as error:
        known = error
    except Exception as error:
        known = explain(error, experiment)
        if known is None:
            raise
    else:
        return 0
    print(known, file=sys.stderr)
    return known.exit_status


if __name__ == "__main__":
    sys.exit(main())
