"""What a run takes on this device, measured on its own first steps. Importing this module loads no torch."""

import contextlib
import gc
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memlab import config
from memlab.progress import Progress, quiet

_PROBE_SECONDS = 3.0
_MEASURING = ("measuring a few steps on this device", 0, None, "")
_BYTES_PER_PARAMETER = 16  # weight, gradient and AdamW's two averages, 4 bytes each
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
    powers = {1 << power for power in range(steps.bit_length()) if 1 << power <= steps}
    return sorted({*range(0, steps + 1, train.checkpoint_every), *powers, steps})


def least_memory(n_params_total: int) -> int:
    """Bytes without which no step can be done: weights, gradients and AdamW's state; what a step computes comes on top."""
    return _BYTES_PER_PARAMETER * n_params_total


def measure(experiment: config.Experiment, data: Any, compute: Any, progress: Progress = quiet) -> Costs:
    """Time the first steps of a fresh model on the run's own rows, an evaluation and a checkpoint, in one process.

    Of a step that is computed in parts one part is timed, and counted as often. `progress` is told before each and may raise, to stop.
    """
    from memlab import models
    from memlab.training import device
    from memlab.training.attention import choose_attention
    from memlab.training.evaluate import evaluate, fixed_rows
    from memlab.training.loop import make_optimizer

    train = experiment.train
    model = models.build(experiment.model, data.corpus.vocab_size).to(compute.device).train()
    compute = replace(compute, chunked=needs_chunks(model, experiment, compute))
    choose_attention(model, compute, experiment.model.context)
    optimizer = make_optimizer(model, train, compute.device)
    parts = train.parts_of_each(train.devices * train.nodes)
    rows_of_part = max(1, train.batch // (parts * train.devices * train.nodes))
    part = replace(train, batch=rows_of_part, accumulate=1, devices=1, nodes=1)
    step_seconds = parts * _time_steps(model, optimizer, part, data, compute, progress)
    started = time.perf_counter()
    indices = fixed_rows(data.validation, min(train.eval_rows, 4 * rows_of_part))
    evaluate(model, data.validation, indices, compute, rows_of_part, between=lambda: progress(*_MEASURING))
    rows = sum(len(fixed_rows(part, train.eval_rows)) for part in (data.train, data.validation))
    evaluation_seconds = (time.perf_counter() - started) * rows / len(indices)
    progress(*_MEASURING)
    checkpoint = _time_checkpoint(model, optimizer, data)
    return Costs(step_seconds, evaluation_seconds, *checkpoint, device.peak_memory(compute.device))


def needs_chunks(model: Any, experiment: config.Experiment, compute: Any) -> bool:
    """Whether the logits of one part of a batch would not fit whole, and can be had in pieces."""
    from memlab import models
    from memlab.training import device
    from memlab.training.losses import bytes_of_logits

    train = experiment.train
    logits = bytes_of_logits(train.batch // train.accumulate, experiment.model.context, model.config.vocab_size)
    return device.would_not_fit(compute, logits) and models.has_plain_output(model)


def forget_peak_memory(device_name: str) -> None:
    """Let `device.peak_memory` count from now on, where the system can do that: for a process that measures more than once."""
    import torch

    from memlab.training import allocator

    gc.collect()
    allocator.return_freed_memory()
    if device_name.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device_name)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Linux: resets the peak of the resident memory


def _time_steps(model: Any, optimizer: Any, train: config.Train, data: Any, compute: Any, progress: Progress) -> float:
    from memlab.data import batches
    from memlab.training.loop import train_step
    from memlab.training.losses import TokenLosses

    losses, seconds = TokenLosses(model, compute.chunked), []
    while len(seconds) < _WARM_UP_STEPS + 1 or sum(seconds) < _PROBE_SECONDS:
        progress(*_MEASURING)
        started = time.perf_counter()
        inputs, targets = data.train.take(batches.rows(train.seed, len(seconds), train.batch, len(data.train), data.order))
        loss, _ = train_step(losses, optimizer, inputs, targets, train, compute)
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
