"""Predictions token by token: what a model holds of every token of a text, given the true tokens before it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from memlab.data.rows import IGNORED

_LOGITS = 1 << 25  # numbers of a batch's logits: 128 MB in float32


@dataclass(frozen=True, eq=False)
class Predicted:
    """Of n rows with T tokens each: `targets`, `guesses` (the argmax), `ranks` (0: none is held likelier) and `log_probabilities`, (n, T).

    Where a row is padded its target is IGNORED, its rank -1 and its log-probability NaN. Natural logarithms.
    """

    targets: np.ndarray
    guesses: np.ndarray
    ranks: np.ndarray
    log_probabilities: np.ndarray

    @property
    def are_predicted(self) -> np.ndarray:
        """Which are tokens of the text: (n, T) bool."""
        return self.targets != IGNORED

    @property
    def are_right(self) -> np.ndarray:
        """Which tokens the model holds most likely: (n, T) bool, False where there is none."""
        return self.guesses == self.targets


def predict(
    model: PreTrainedModel, inputs: np.ndarray, targets: np.ndarray, progress: Callable[[int], None] = lambda done: None
) -> Predicted:
    """One pass with the true text before each token: inputs, targets (n, T) int64. In float32, whatever the run trained in.

    Computed in batches, of which the results alone are kept. `progress` is called with the rows done and may raise, to stop.
    """
    at_once = max(1, _LOGITS // (inputs.shape[1] * model.config.get_text_config().vocab_size))
    parts = []
    for start in range(0, len(inputs), at_once):
        rows = slice(start, start + at_once)
        wanted = torch.from_numpy(targets[rows]).to(model.device)
        with torch.inference_mode():
            parts.append(_read(model(input_ids=torch.from_numpy(inputs[rows]).to(model.device)).logits.float(), wanted))
        progress(min(len(inputs), start + at_once))
    guesses, ranks, logs = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Predicted(targets, guesses, ranks, logs)


def _read(logits: Tensor, targets: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """logits (B, T, V), targets (B, T) -> the argmax, the rank of the target, its log-probability: (B, T) each."""
    there = targets != IGNORED
    own = logits.gather(2, targets.clamp(min=0)[..., None])  # (B, T, 1)
    logs = torch.where(there, own[..., 0] - logits.logsumexp(2), torch.nan)
    ranks = torch.where(there, (logits > own).sum(2), -1)
    return logits.argmax(2).cpu().numpy(), ranks.cpu().numpy(), logs.cpu().numpy()
