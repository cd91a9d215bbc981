"""The loss of every token, with the logits whole or, where they would not fit, a piece at a time."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from memlab.data.rows import IGNORED

_CHUNK = 4096  # predicted tokens at a time: enough to keep any device busy


class TokenLosses(nn.Module):
    """A model with its loss, as one module: compiled, distributed and called as a whole. `chunked`: the logits a piece at a time."""

    def __init__(self, model: PreTrainedModel, chunked: bool = False) -> None:
        super().__init__()
        self.model, self.chunked = model, chunked

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """-ln p of each target given its true prefix, 0 where it is padding. inputs, targets (B, T) -> (B, T) float32."""
        if not self.chunked:
            logits = self.model(input_ids=inputs).logits  # (B, T, V)
            return _losses(logits.flatten(0, 1), targets.flatten()).view_as(targets)
        states = self.model.base_model(input_ids=inputs).last_hidden_state.flatten(0, 1)  # (B·T, C)
        head = self.model.get_output_embeddings()
        pieces = zip(states.split(_CHUNK), targets.flatten().split(_CHUNK), strict=True)
        losses = [checkpoint(_losses_of_states, head, part, wanted, use_reentrant=False) for part, wanted in pieces]
        return torch.cat(losses).view_as(targets)


def bytes_of_logits(rows: int, context: int, vocab_size: int) -> int:
    """Memory that whole logits take in one forward and backward pass: themselves and their gradient, each as computed and in fp32."""
    return rows * context * vocab_size * 2 * (2 + 4)


def _losses_of_states(head: nn.Module, states: Tensor, targets: Tensor) -> Tensor:
    return _losses(head(states), targets)


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """logits (n, V), targets (n,) -> (n,) float32."""
    return functional.cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="none")
