"""Losses on fixed rows: the same ones at every evaluation, of training and of validation text alike."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from memlab.data.rows import IGNORED, Rows
from memlab.training.device import Compute
from memlab.training.losses import TokenLosses
from memlab.training.world import ALONE, World

CONFIDENT = 0.9


@dataclass(frozen=True)
class Evaluation:
    """`loss` in nats per predicted token; `confident` is the share of predicted tokens with p > 0.9."""

    loss: float
    confident: float


def fixed_rows(rows: Rows, count: int) -> np.ndarray:
    """`count` rows evenly spread over all of them; all where there are no more."""
    return np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(np.int64))


@torch.inference_mode()
def evaluate(
    model: PreTrainedModel,
    rows: Rows,
    indices: np.ndarray,
    compute: Compute,
    batch: int,
    between: Callable[[], None] = lambda: None,
    world: World = ALONE,
) -> Evaluation:
    """The mean loss over the rows at `indices`, of which each process takes its share of every batch.

    `between` is called before each batch and may raise, to stop in the middle.
    """
    was_training = model.training
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64)
    try:
        for start in range(0, len(indices), batch):
            between()
            chosen = indices[start : start + batch]
            mine = chosen[world.part(len(chosen))]
            if len(mine):
                sums += _sums(model, *rows.take(mine), compute)
    finally:
        model.train(was_training)
    loss, confident, count = world.total(sums).tolist()
    return Evaluation(loss / count, confident / count)


def _sums(model: PreTrainedModel, inputs: np.ndarray, targets: np.ndarray, compute: Compute) -> Tensor:
    """The loss, the confident ones and the number of the predicted tokens of some rows."""
    wanted = compute.tensor(targets)
    with compute.autocast():
        losses = TokenLosses(model, compute.chunked)(compute.tensor(inputs), wanted)
    predicted = losses[wanted != IGNORED].cpu()  # MPS has no float64
    confident = (predicted < -math.log(CONFIDENT)).sum()
    return torch.stack([predicted.double().sum(), confident.double(), torch.tensor(float(predicted.numel()), dtype=torch.float64)])
