"""Greedy continuations: what a model goes on with after a prompt, always with the token that it holds most likely, many prompts at once."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

_TOKENS = 1 << 14  # prompt tokens of a batch


def continue_greedily(
    model: PreTrainedModel, prompts: Sequence[np.ndarray], n_tokens: Sequence[int], progress: Callable[[int], None] = lambda done: None
) -> list[np.ndarray]:
    """The continuation of each prompt (k,) by as many tokens as asked for, int64. Nothing ends it early, not the end-of-text token.

    Prompts of one length go together. Keys and values of the tokens before are kept where the model can; then a step costs one token.
    `progress` is called with the prompts done and may raise, to stop.
    """
    found: list[np.ndarray] = [np.empty(0, np.int64)] * len(prompts)
    lengths = np.array([len(prompt) for prompt in prompts])
    done = 0
    for length in np.unique(lengths):
        for numbers in _batches(np.flatnonzero(lengths == length), int(length)):
            longest = max(n_tokens[number] for number in numbers)
            block = torch.from_numpy(np.stack([prompts[number] for number in numbers])).to(model.device)
            continued = _decode(model, block, longest)
            for number, row in zip(numbers, continued, strict=True):
                found[number] = row[: n_tokens[number]]
            done += len(numbers)
            progress(done)
    return found


def _batches(numbers: np.ndarray, length: int) -> list[np.ndarray]:
    at_once = max(1, _TOKENS // max(1, length))
    return [numbers[start : start + at_once] for start in range(0, len(numbers), at_once)]


@torch.inference_mode()
def _decode(model: PreTrainedModel, ids: Tensor, n_tokens: int) -> np.ndarray:
    """ids (B, k) -> (B, n_tokens). A model that keeps nothing is given the whole text at every step."""
    length, cache = ids.shape[1], None
    for _ in range(n_tokens):
        output = model(input_ids=ids if cache is None else ids[:, -1:], past_key_values=cache, use_cache=True)
        cache = getattr(output, "past_key_values", None)
        ids = torch.cat([ids, output.logits[:, -1].argmax(1, keepdim=True)], 1)
    return ids[:, length:].cpu().numpy()
