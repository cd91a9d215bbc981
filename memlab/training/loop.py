"""The training loop: steps, evaluations and checkpoints, each at its place, stoppable between any two of them."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from transformers import PreTrainedModel

from memlab.config import Train
from memlab.data import batches
from memlab.data.rows import IGNORED, RunData
from memlab.errors import TrainingError
from memlab.rundir.ownership import Ownership
from memlab.training import checkpoints
from memlab.training.checkpoints import Progress
from memlab.training.device import Compute
from memlab.training.evaluate import evaluate, fixed_rows, token_losses
from memlab.training.schedule import learning_rate


class StopRequested(Exception):  # noqa: N818 - not an error: somebody asked
    """Raised where a signal or a STOP file asks the trainer to save and leave."""


@dataclass(frozen=True)
class Plan:
    """The budget in steps, and where the learning rate's decay ends."""

    steps: int
    decay_steps: int


def make_optimizer(model: PreTrainedModel, train: Train, device: str) -> AdamW:
    """AdamW with weight decay on matrices and embeddings only, not on biases and norms."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in weights if weight.dim() >= 2], "weight_decay": train.weight_decay},
        {"params": [weight for weight in weights if weight.dim() < 2], "weight_decay": 0.0},
    ]
    fused = True if device.startswith("cuda") else None
    return AdamW(groups, lr=train.lr, betas=(train.beta1, train.beta2), eps=train.eps, fused=fused)


def train_step(
    model: PreTrainedModel, optimizer: AdamW, inputs: np.ndarray, targets: np.ndarray, train: Train, compute: Compute
) -> tuple[Tensor, Tensor]:
    """One step on rows (B, T), in `train.accumulate` parts: its loss and the norm of its gradient, both left on the device.

    The loss is normalised by the predicted tokens of the whole batch, so that the parts add up to it.
    """
    n_predicted = int((targets != IGNORED).sum())
    loss = torch.zeros((), device=compute.device)
    for part in np.array_split(np.arange(len(inputs)), train.accumulate):
        ids, wanted = to_device(inputs[part], compute), to_device(targets[part], compute)
        with compute.autocast():
            share = token_losses(model, ids, wanted).sum() / n_predicted
        share.backward()
        loss += share.detach()
    norm = clip_grad_norm_(model.parameters(), train.clip or math.inf)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss, norm


def to_device(array: np.ndarray, compute: Compute) -> Tensor:
    """Asynchronously through pinned memory on CUDA."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(compute.device, non_blocking=True) if compute.device.startswith("cuda") else tensor.to(compute.device)


class Trainer:
    """One run from where its progress stands to the end of its plan."""

    def __init__(
        self,
        model: PreTrainedModel,
        optimizer: AdamW,
        data: RunData,
        train: Train,
        plan: Plan,
        compute: Compute,
        own: Ownership,
        progress: Progress,
        check_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self.model, self.optimizer, self.data, self.train = model, optimizer, data, train
        self.plan, self.compute, self.own, self.progress, self.check_stop = plan, compute, own, progress, check_stop
        self.folder = own.run.checkpoints
        self.computing_seconds = 0.0  # in forward, backward, optimiser and evaluation, as far as the host waits for them
        self._forward = torch.compile(model, dynamic=True) if compute.compile else model
        self._tensors: list[tuple[Tensor, Tensor]] = []  # loss and gradient norm of the steps since the last look
        self._evaluated = {row["step"] for row in own.run.events() if row["kind"] == "eval"}
        self._started = time.perf_counter() - progress.seconds
        self._row_started = time.perf_counter()
        self._row_tokens = 0

    def run(self) -> None:
        """Train to the end of the plan. Raises StopRequested after saving, TrainingError at a loss that is not finite."""
        try:
            while True:
                self._evaluate_if_due()
                self._save_if_due()
                if self.progress.step >= self.plan.steps:
                    return
                self.check_stop()
                self._step()
                if self.progress.step % self.train.log_every == 0 or self.progress.step == self.plan.steps:
                    self._log()
        except StopRequested:
            self._save()
            raise

    def _step(self) -> None:
        step, train = self.progress.step, self.train
        inputs, targets = self.data.train.take(batches.rows(train.seed, step, train.batch, len(self.data.train), self.data.order))
        started = time.perf_counter()
        torch.manual_seed(_dropout_seed(train.seed, step))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, train, self.plan.decay_steps)
        self._tensors.append(train_step(self._forward, self.optimizer, inputs, targets, train, self.compute))
        self.computing_seconds += time.perf_counter() - started
        n_predicted = int((targets != IGNORED).sum())
        self.progress.step += 1
        self.progress.tokens += n_predicted
        self._row_tokens += n_predicted

    def _log(self) -> None:
        """A row of training loss: the mean over the steps since the last row, whichever attempts they ran in."""
        norms = self._look()
        now = time.perf_counter()
        progress = self.progress
        self.own.event(
            "train",
            step=progress.step,
            tokens=progress.tokens,
            seconds=self._seconds(),
            loss=progress.loss_sum / progress.loss_count,
            lr=learning_rate(progress.step - 1, self.train, self.plan.decay_steps),
            grad_norm=norms[-1],
            tokens_per_second=self._row_tokens / (now - self._row_started),
        )
        progress.loss_sum, progress.loss_count = 0.0, 0
        self._row_started, self._row_tokens = now, 0
        self.own.update(step=progress.step)

    def _look(self) -> list[float]:
        """Bring the losses since the last look to the host and add them up. Raises TrainingError at one that is not finite."""
        if not self._tensors:
            return [math.nan]
        losses, norms = (torch.stack(column).tolist() for column in zip(*self._tensors, strict=True))
        first = self.progress.step - len(losses) + 1
        self._tensors = []
        for step, loss, norm in zip(range(first, first + len(losses)), losses, norms, strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                self._fail_not_finite(step, "loss" if not math.isfinite(loss) else "norm of the gradient")
            self.progress.loss_sum += loss
            self.progress.loss_count += 1
        return norms

    def _fail_not_finite(self, step: int, what: str) -> None:
        self.own.event("nonfinite", step=step, tokens=self.progress.tokens, seconds=self._seconds(), what=what)
        good = checkpoints.resumable(self.folder)[-1]
        raise TrainingError(
            f"the {what} is not finite at step {step:,}; the last good checkpoint is step {good:,}. "
            f"Resume from it with a changed setting, for example: memlab resume {self.own.run.name} --set train.lr={self.train.lr / 3:.2g}"
        )

    def _evaluate_if_due(self) -> None:
        step, train = self.progress.step, self.train
        due = step % train.eval_every == 0 or step == self.plan.steps
        if not due or step in self._evaluated:
            return
        self._look()
        started = time.perf_counter()
        train_rows, held_out = (
            evaluate(self.model, rows, fixed_rows(rows, train.eval_rows), self.compute, self._micro_batch, self.check_stop)
            for rows in (self.data.train, self.data.validation)
        )
        self.computing_seconds += time.perf_counter() - started
        self._row_started += time.perf_counter() - started  # the next row's speed is that of training alone
        self.own.event(
            "eval",
            step=step,
            tokens=self.progress.tokens,
            seconds=self._seconds(),
            train_loss=train_rows.loss,
            validation_loss=held_out.loss,
            train_confident=train_rows.confident,
            validation_confident=held_out.confident,
        )
        self._evaluated.add(step)
        if not (math.isfinite(train_rows.loss) and math.isfinite(held_out.loss)):
            self._fail_not_finite(step, "loss of the evaluation")
        if held_out.loss < self.progress.best_loss:
            self.progress.best_step, self.progress.best_loss = step, held_out.loss

    def _save_if_due(self) -> None:
        step = self.progress.step
        spaced = step & (step - 1) == 0 or step % self.train.checkpoint_every == 0
        if spaced or step == self.progress.best_step or step == self.plan.steps:
            self._save()

    def _save(self) -> None:
        self._look()  # a checkpoint is good: everything before it was finite
        self.progress.seconds = self._seconds()
        step = self.progress.step
        if not checkpoints.path_of(self.folder, step).exists():
            checkpoints.save(self.folder, self.model, self.optimizer, self.data.corpus.tokenizer, self.progress)
            best = step == self.progress.best_step
            self.own.event("checkpoint", step=step, tokens=self.progress.tokens, seconds=self.progress.seconds, best=best)
        self.own.update(step=step)
        checkpoints.thin(self.folder, self.train.checkpoint_every, self.progress.best_step)

    @property
    def _micro_batch(self) -> int:
        return self.train.batch // self.train.accumulate

    def _seconds(self) -> float:
        return time.perf_counter() - self._started


def _dropout_seed(seed: int, step: int) -> int:
    return int(batches.mix(np.array([step], np.uint64), seed ^ 0xD0)[0] >> np.uint64(1))
