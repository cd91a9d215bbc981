"""Greedy continuations: what a model goes on with after a prompt, always with the token that it holds most likely, many prompts at once."""

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

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
            continued = greedy(model, block, longest).cpu().numpy()
            for number, row in zip(numbers, continued, strict=True):
                found[number] = row[: n_tokens[number]]
            done += len(numbers)
            progress(done)
    return found


def _batches(numbers: np.ndarray, length: int) -> list[np.ndarray]:
    at_once = max(1, _TOKENS // max(1, length))
    return [numbers[start : start + at_once] for start in range(0, len(numbers), at_once)]


def greedy(
    model: PreTrainedModel,
    ids: Tensor,
    n_tokens: int,
    end: int | None = None,
    reading: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Tensor:
    """The greedy continuation (B, n_tokens) of prompts of one length (B, k). After `end` a row repeats it; None: there is no end.

    `reading()` surrounds each pass that sees the prompt: one, or all where the model keeps no keys and values.
    """
    few = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
    tokens, given, cache, length = ids, ids, None, ids.shape[1]
    over = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    with torch.inference_mode():
        for _ in range(n_tokens):
            with reading() if cache is None else nullcontext():
                output = model(input_ids=given, past_key_values=cache, use_cache=True, **few)
            following = output.logits[:, -1].argmax(-1)
            if end is not None:
                following = torch.where(over, end, following)
                over |= following == end
            tokens = torch.cat([tokens, following[:, None]], 1)
            cache = getattr(output, "past_key_values", None)
            given = tokens if cache is None else following[:, None]
    return tokens[:, length:]
