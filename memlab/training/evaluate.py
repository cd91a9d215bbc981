"""Losses on fixed rows: the same ones at every evaluation, of training and of validation text alike."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from memlab.data.rows import IGNORED, Rows
from memlab.training.device import Compute

CONFIDENT = 0.9


@dataclass(frozen=True)
class Evaluation:
    """`loss` in nats per predicted token; `confident` is the share of predicted tokens with p > 0.9."""

    loss: float
    confident: float


def fixed_rows(rows: Rows, count: int) -> np.ndarray:
    """`count` rows evenly spread over all of them; all where there are no more."""
    return np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(np.int64))


def token_losses(model: PreTrainedModel, inputs: Tensor, targets: Tensor) -> Tensor:
    """-ln p of each target given its true prefix, 0 where it is padding. inputs, targets (B, T) -> (B, T) float32."""
    logits = model(input_ids=inputs).logits  # (B, T, V)
    losses = functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="none")
    return losses.view_as(targets)


@torch.inference_mode()
def evaluate(
    model: PreTrainedModel, rows: Rows, indices: np.ndarray, compute: Compute, batch: int, between: Callable[[], None] = lambda: None
) -> Evaluation:
    """The mean loss over the rows at `indices`. `between` is called before each batch and may raise, to stop in the middle."""
    was_training = model.training
    model.eval()
    try:
        return _evaluate(model, rows, indices, compute, batch, between)
    finally:
        model.train(was_training)


def _evaluate(
    model: PreTrainedModel, rows: Rows, indices: np.ndarray, compute: Compute, batch: int, between: Callable[[], None]
) -> Evaluation:
    total, confident, count = 0.0, 0, 0
    for start in range(0, len(indices), batch):
        between()
        inputs, targets = (compute.tensor(part) for part in rows.take(indices[start : start + batch]))
        with compute.autocast():
            losses = token_losses(model, inputs, targets)
        predicted = losses[targets != IGNORED].cpu()  # MPS has no float64
        total += predicted.double().sum().item()
        confident += int((predicted < -math.log(CONFIDENT)).sum())
        count += predicted.numel()
    return Evaluation(total / count, confident / count)
