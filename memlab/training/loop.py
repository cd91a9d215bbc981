"""The training loop: steps, evaluations and checkpoints, each at its place, stoppable between any two of them."""

import contextlib
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from transformers import PreTrainedModel

from memlab.config import Train
from memlab.data import batches
from memlab.data.rows import IGNORED, RunData
from memlab.errors import TrainingError
from memlab.rundir.ownership import Membership, Ownership
from memlab.training import checkpoints
from memlab.training.checkpoints import Progress
from memlab.training.compilation import compile_losses
from memlab.training.device import Compute
from memlab.training.evaluate import evaluate, fixed_rows
from memlab.training.losses import TokenLosses
from memlab.training.measuring import measure
from memlab.training.schedule import learning_rate
from memlab.training.stopping import StopRequested
from memlab.training.world import ALONE, World

_REPORT_SECONDS = 2.0  # between two reports of a long evaluation


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
    losses: nn.Module, optimizer: AdamW, inputs: np.ndarray, targets: np.ndarray, train: Train, compute: Compute, world: World = ALONE
) -> tuple[Tensor, Tensor]:
    """One step on rows (B, T): this process's share of its loss and the norm of its gradient, both left on the device.

    `losses` is TokenLosses, compiled or distributed or not. Each process takes its share of the rows, in its share of
    `train.accumulate` parts. The loss is normalised by the predicted tokens of the whole batch, so that parts and processes add up to it.
    """
    n_predicted = int((targets != IGNORED).sum())
    loss = torch.zeros((), device=compute.device)
    mine = np.arange(len(inputs))[world.part(len(inputs))]
    parts = train.parts_of_each(world.size)
    for number, part in enumerate(np.array_split(mine, parts), start=1):
        ids, wanted = compute.tensor(inputs[part]), compute.tensor(targets[part])
        more = world.size > 1 and number < parts
        with losses.no_sync() if more else contextlib.nullcontext():
            with compute.autocast():
                share = losses(ids, wanted).sum() / n_predicted
            (share * world.size).backward()  # the gradients of all processes are averaged
        loss += share.detach()
    norm = clip_grad_norm_(losses.parameters(), train.clip or math.inf)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss, norm


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
        own: Ownership | Membership,
        progress: Progress,
        check_stop: Callable[[], None] = lambda: None,
        world: World = ALONE,
    ) -> None:
        self.model, self.optimizer, self.data, self.train = model, optimizer, data, train
        self.plan, self.compute, self.own, self.progress, self.check_stop = plan, compute, own, progress, check_stop
        self.world = world
        self.folder = own.run.checkpoints
        self._losses: nn.Module = TokenLosses(model, compute.chunked)
        self._tensors: list[tuple[Tensor, Tensor]] = []  # loss and gradient norm of the steps since the last look
        rows = world.share(own.run.events)
        self._recorded = {(row["kind"], row["step"]) for row in rows}
        losses = [(row["validation_loss"], row["step"]) for row in rows if row["kind"] == "eval" and row["validation_loss"] is not None]
        self._best = min(losses, default=(math.inf, -1))
        self._started = time.perf_counter() - progress.seconds
        self._stepping_seconds = 0.0  # spent in steps since the last row of training loss
        self._row_tokens = 0

    def run(self) -> None:
        """Train to the end of the plan. Raises StopRequested after saving, TrainingError at a loss that is not finite."""
        try:
            if self.compute.compile:
                self._compile()
            if self.world.size > 1:
                self._losses = DistributedDataParallel(self._losses, gradient_as_bucket_view=True)
                self._losses.broadcast_buffers = False  # they are constants
            while True:
                self._evaluate_if_due()
                self._save_if_due()
                self._measure_if_due()
                if self.progress.step >= self.plan.steps:
                    return
                self.check_stop()
                self._step()
                if self.progress.step % self.train.log_every == 0 or self.progress.step == self.plan.steps:
                    self._log()
        except StopRequested:
            self.own.update(status="stopping")
            self._save()
            raise

    def _compile(self) -> None:
        """Compile the forward pass of training on the next rows; where that fails, an event says why, and training goes on without."""
        inputs, targets = self._rows()
        part = slice(self._rows_at_once())
        self._losses, failure = compile_losses(self._losses, inputs[part], targets[part], self.compute)
        if failure:
            self._record("not compiled", why=failure)

    def _rows(self) -> tuple[np.ndarray, np.ndarray]:
        train = self.train
        order = batches.rows(train.seed, self.progress.step, train.batch, len(self.data.train), self.data.order)
        return self.data.train.take(order)

    def _step(self) -> None:
        started = time.perf_counter()
        step, train = self.progress.step, self.train
        inputs, targets = self._rows()
        torch.manual_seed(_dropout_seed(train.seed, step, self.world.rank))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, train, self.plan.decay_steps)
        self._tensors.append(train_step(self._losses, self.optimizer, inputs, targets, train, self.compute, self.world))
        n_predicted = int((targets != IGNORED).sum())
        self.progress.step += 1
        self.progress.tokens += n_predicted
        self._row_tokens += n_predicted
        self._stepping_seconds += time.perf_counter() - started

    def _log(self) -> None:
        """A row of training loss: the mean over the steps since the last row, whichever attempts they ran in."""
        norms = self._look()
        progress = self.progress
        self.own.event(
            "train",
            step=progress.step,
            tokens=progress.tokens,
            seconds=self._seconds(),
            loss=progress.loss_sum / progress.loss_count,
            lr=learning_rate(progress.step - 1, self.train, self.plan.decay_steps),
            grad_norm=norms[-1],
            tokens_per_second=self._row_tokens / self._stepping_seconds,
        )
        progress.loss_sum, progress.loss_count = 0.0, 0
        self._stepping_seconds, self._row_tokens = 0.0, 0
        self.own.update(step=progress.step, work=None)

    def _look(self) -> list[float]:
        """Bring the losses since the last look to the host and add them up. Raises TrainingError at one that is not finite."""
        if not self._tensors:
            return [math.nan]
        started = time.perf_counter()
        shares, norms = (torch.stack(column) for column in zip(*self._tensors, strict=True))
        losses, norms = self.world.total(shares).tolist(), norms.tolist()
        self._stepping_seconds += time.perf_counter() - started  # on CUDA the host waits for the steps here
        first = self.progress.step - len(losses)
        self._tensors = []
        for weights, (loss, norm) in enumerate(zip(losses, norms, strict=True), start=first):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                self._fail_not_finite(weights, "loss" if not math.isfinite(loss) else "norm of the gradient")
            self.progress.loss_sum += loss
            self.progress.loss_count += 1
        return norms

    def _fail_not_finite(self, step: int, what: str) -> None:
        """Raise TrainingError. The weights after `step` steps gave what is not finite, so checkpoints from there on are of no use."""
        self.own.event("nonfinite", step=step, tokens=self.progress.tokens, seconds=self._seconds(), what=what)
        good = max((earlier for earlier in checkpoints.resumable(self.folder) if earlier < step), default=None)
        if good is None:
            raise TrainingError(f"the {what} is not finite after {step:,} steps, and no earlier checkpoint can be resumed: start a new run")
        if self.world.leads:
            checkpoints.go_back_to(self.folder, good)
        raise TrainingError(
            f"the {what} is not finite after {step:,} steps; the last good checkpoint is step {good:,}. "
            f"Resume from it with a changed setting, for example: memlab resume {self.own.run.word} --set train.lr={self.train.lr / 3:.2g}"
        )

    def _evaluate_if_due(self) -> None:
        step, train = self.progress.step, self.train
        due = step % train.eval_every == 0 or step == self.plan.steps
        if not due or ("eval", step) in self._recorded:
            return
        self._look()
        part = self._rows_at_once() * self.world.size
        chosen = [(rows, fixed_rows(rows, train.eval_rows)) for rows in (self.data.train, self.data.validation)]
        between = self._progress_of_evaluation(sum(math.ceil(len(indices) / part) for _, indices in chosen))
        train_rows, held_out = (evaluate(self.model, rows, indices, self.compute, part, between, self.world) for rows, indices in chosen)
        self._record(
            "eval",
            train_loss=train_rows.loss,
            validation_loss=held_out.loss,
            train_confident=train_rows.confident,
            validation_confident=held_out.confident,
        )
        if not (math.isfinite(train_rows.loss) and math.isfinite(held_out.loss)):
            self._fail_not_finite(step, "loss of the evaluation")
        self._best = min(self._best, (held_out.loss, step))

    def _progress_of_evaluation(self, n_batches: int) -> Callable[[], None]:
        """To be called before each batch: stops where that was asked, and says how far it is where it takes more than a moment."""
        since, reported, done = time.time(), time.monotonic(), itertools.count()

        def between() -> None:
            nonlocal reported
            self.check_stop()
            batch = next(done)
            if time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
                self.own.update(work={"doing": "evaluating", "done": batch, "total": n_batches, "unit": "batches", "since": since})

        return between

    def _save_if_due(self) -> None:
        step = self.progress.step
        if checkpoints.is_due(step, self.train.checkpoint_every) or step in (self._best[1], self.plan.steps):
            self._save()

    def _measure_if_due(self) -> None:
        """The measures that were asked for, of what was just saved; the first process takes them while the others wait at the next step."""
        step = self.progress.step
        if (
            not (self.train.measures and self.world.leads and ("checkpoint", step) in self._recorded)
            or ("measured", step) in self._recorded
        ):
            return
        since = time.time()
        self.own.update(work={"doing": "measuring memorisation", "done": 0, "total": None, "unit": "", "since": since})
        alone = self.check_stop if self.world.size == 1 else lambda: None  # all processes stop at the same step
        self._record("measured", figures=measure(self.model, self.data, self.train, alone))
        self.own.update(work=None)

    def _save(self) -> None:
        """A checkpoint of where training stands, unless it is there: the one that training resumed from, or that a stop made."""
        self._look()  # all steps up to here were finite
        step = self.progress.step
        self.own.update(step=step, work=None)
        if not self.world.leads:
            return
        if not checkpoints.path_of(self.folder, step).exists():
            self.progress.seconds = self._seconds()
            checkpoints.save(self.folder, self.model, self.optimizer, self.data.corpus.tokenizer, self.progress)
        if ("checkpoint", step) not in self._recorded:
            self._record("checkpoint", best=step == self._best[1])
        checkpoints.thin(self.folder, self.train.checkpoint_every, self._best[1])

    def _record(self, kind: str, **fields: Any) -> None:
        """Add a row about the step that training stands at."""
        step = self.progress.step
        self.own.event(kind, step=step, tokens=self.progress.tokens, seconds=self._seconds(), **fields)
        self._recorded.add((kind, step))

    def _rows_at_once(self) -> int:
        """As many as a process computes on together in training."""
        return self.train.batch // (self.train.parts_of_each(self.world.size) * self.world.size)

    def _seconds(self) -> float:
        return time.perf_counter() - self._started


def _dropout_seed(seed: int, step: int, rank: int) -> int:
    return int(batches.mix(np.array([step], np.uint64), seed ^ 0xD0 ^ rank << 8)[0] >> np.uint64(1))
