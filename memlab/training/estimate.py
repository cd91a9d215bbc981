"""What a run will take on this device, measured on its own first steps in a process of its own.

`python -m memlab.training.estimate` reads an experiment as JSON from standard input and writes JSON lines: work in progress,
then one line with the plan. It runs apart so that its peak memory is that of the trainer, and so that callers need no torch.
"""

import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memlab import config
from memlab.training import allocator

_PROBE_SECONDS = 3.0
_WARM_UP_STEPS = 2


@dataclass(frozen=True)
class Costs:
    """Seconds of one step, evaluation and checkpoint, bytes of a checkpoint, and the peak memory while training."""

    step_seconds: float
    evaluation_seconds: float
    checkpoint_seconds: float
    checkpoint_bytes: int
    memory_bytes: int


def measure(experiment: config.Experiment, data: Any, compute: Any) -> Costs:
    """Time the first steps of a fresh model on the run's own rows, one evaluation and one checkpoint."""
    import torch

    from memlab import models
    from memlab.training.evaluate import evaluate, fixed_rows
    from memlab.training.loop import make_optimizer

    train = experiment.train
    model = models.build(experiment.model, data.corpus.vocab_size).to(compute.device).train()
    optimizer = make_optimizer(model, train, compute.device)
    step_seconds = _time_steps(model, optimizer, experiment, data, compute)
    started = time.perf_counter()
    indices = fixed_rows(data.validation, min(train.eval_rows, 4 * train.batch))
    evaluate(model, data.validation, indices, compute, train.batch // train.accumulate)
    rows = sum(len(fixed_rows(part, train.eval_rows)) for part in (data.train, data.validation))
    evaluation_seconds = (time.perf_counter() - started) * rows / len(indices)
    seconds, n_bytes = _time_checkpoint(model, optimizer, data)
    memory = torch.cuda.max_memory_allocated() if compute.device.startswith("cuda") else peak_memory()
    return Costs(step_seconds, evaluation_seconds, seconds, n_bytes, memory)


def peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def total_seconds(costs: Costs, train: config.Train, steps: int) -> float:
    """Training, evaluations and checkpoints of a whole run (checkpoints of new best losses not counted)."""
    evaluations = steps // train.eval_every + 2
    saves = steps.bit_length() + steps // train.checkpoint_every + 2
    return steps * costs.step_seconds + evaluations * costs.evaluation_seconds + saves * costs.checkpoint_seconds


def _time_steps(model: Any, optimizer: Any, experiment: config.Experiment, data: Any, compute: Any) -> float:
    import torch

    from memlab.data import batches
    from memlab.training.loop import train_step

    train, seconds = experiment.train, []
    while len(seconds) < _WARM_UP_STEPS + 1 or sum(seconds) < _PROBE_SECONDS:
        started = time.perf_counter()
        inputs, targets = data.train.take(batches.rows(train.seed, len(seconds), train.batch, len(data.train), data.order))
        loss, _ = train_step(model, optimizer, inputs, targets, train, compute)
        loss.item()  # waits for the device
        seconds.append(time.perf_counter() - started)
    return float(torch.tensor(seconds[_WARM_UP_STEPS:]).median())


def _time_checkpoint(model: Any, optimizer: Any, data: Any) -> tuple[float, int]:
    from memlab.training import checkpoints

    with tempfile.TemporaryDirectory(dir=data.corpus.path.parent, prefix=".probe-") as folder:
        started = time.perf_counter()
        checkpoints.save(Path(folder), model, optimizer, data.corpus.tokenizer, checkpoints.Progress())
        seconds = time.perf_counter() - started
        return seconds, sum(path.stat().st_size for path in checkpoints.path_of(Path(folder), 0).iterdir())


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
    compute = device.decide(train, models.size_of(experiment.model)["n_embd"], train.steps)
    device.apply(compute)
    costs = measure(experiment, data, compute)
    steps = steps_of_budget(train, len(data.train), data.train.n_predicted, costs.step_seconds)
    return {
        "n_params": n_params,
        "n_params_total": total,
        "n_tokens": data.selection.n_tokens,
        "available_tokens": data.selection.available,
        "vocab_size": data.corpus.vocab_size,
        "rows": len(data.train),
        "steps": steps,
        "tokens_seen": round(steps * train.batch * data.train.n_predicted / len(data.train)),
        "epochs": steps * train.batch / len(data.train),
        "floors": floors.floors_of(experiment.data, data, fixed_rows(data.validation, train.eval_rows)),
        "compute": asdict(compute),
        "costs": asdict(costs),
        "seconds": total_seconds(costs, train, steps),
        "disk_bytes": costs.checkpoint_bytes // 3 * (steps.bit_length() + 10) + 2 * costs.checkpoint_bytes,
    }


def main() -> int:
    """Exit status 2 with one line on standard error where the request is wrong."""
    from memlab.errors import MemlabError
    from memlab.home import find_home

    experiment = config.from_dict(json.load(sys.stdin))
    if experiment.train.allocator == "auto":
        allocator.keep_freed_memory()

    def progress(doing: str, done: int, total: int | None, unit: str) -> None:
        print(json.dumps({"work": {"doing": doing, "done": done, "total": total, "unit": unit}}), flush=True)

    try:
        print(json.dumps({"plan": plan(experiment, find_home(), progress)}), flush=True)
    except MemlabError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
