"""Recovery: whether a model comes back to what it says and where it ends up once its input is disturbed, by noise or by other tokens.

What is random is drawn for each text by (seed, part, number of the text), so that it does not depend on what else is in a batch; a
higher level means more of the same disturbance: the same directions, farther, and the same places with more beside them.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from memlab import models
from memlab.measures import continued
from memlab.measures.hidden import hidden_states

_NUMBERS = 1 << 25  # logits of a batch
_TOKENS = 1 << 12  # of a batch


@dataclass(frozen=True)
class Texts:
    """n texts: `ids` (n, T), of each its first `lengths` (n,) tokens; what stands behind changes nothing. `numbers` (n,) name them."""

    ids: np.ndarray
    lengths: np.ndarray
    numbers: np.ndarray

    def batches(self, vocabulary: int) -> Iterator["tuple[slice, Texts]"]:
        """A few texts at a time, cut to the longest of them, and which they are."""
        longest = int(self.lengths.max(initial=1))
        n = max(1, min(_TOKENS // longest, _NUMBERS // (longest * vocabulary)))
        for start in range(0, len(self.ids), n):
            part = slice(start, start + n)
            yield part, Texts(self.ids[part, : self.lengths[part].max()], self.lengths[part], self.numbers[part])


@dataclass(frozen=True)
class Noise:
    """Noise on the states of a layer at every position: `level` · `unit` long, in a direction drawn evenly from all.

    `layer` is 0 (embeddings, what enters the first block) or a block's number, `width` its C. `seeds` begin every seed.
    """

    layer: str
    unit: float
    width: int
    seeds: tuple[int, ...]

    def apply(self, texts: Texts, level: float) -> tuple[np.ndarray, Tensor | None]:
        """The tokens (n, T) as they are and what is added to the states, (n, T, C) float32; None at level 0."""
        if not level:
            return texts.ids, None
        shape = (texts.ids.shape[1], self.width)
        drawn = np.stack([np.random.default_rng((*self.seeds, number)).standard_normal(shape) for number in texts.numbers.tolist()])
        drawn *= level * self.unit / np.linalg.norm(drawn, axis=2, keepdims=True)
        return texts.ids, torch.from_numpy(drawn.astype(np.float32))


@dataclass(frozen=True)
class Replacement:
    """A share `level` of a text's tokens, rounded up, replaced by others drawn evenly from `vocabulary` (V,); the first `kept` stay."""

    vocabulary: np.ndarray
    kept: int
    seeds: tuple[int, ...]

    layer = None

    def apply(self, texts: Texts, level: float) -> tuple[np.ndarray, None]:
        """The tokens (n, T) with others in their places, and no noise."""
        ids = texts.ids.copy()
        for row, length, number in zip(ids, texts.lengths.tolist(), texts.numbers.tolist(), strict=True):
            generator = np.random.default_rng((*self.seeds, number))
            free = max(0, length - self.kept)
            places = self.kept + generator.permutation(free)
            others = self._others(row[places], generator)
            n = math.ceil(round(level * free, 9))
            row[places[:n]] = others[:n]
        return ids, None

    def _others(self, tokens: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Another token for each, evenly from those that are not it."""
        known = np.searchsorted(self.vocabulary, tokens)
        is_known = self.vocabulary[np.minimum(known, len(self.vocabulary) - 1)] == tokens
        drawn = np.floor(generator.random(len(tokens)) * (len(self.vocabulary) - is_known)).astype(np.int64)
        return self.vocabulary[drawn + (is_known & (drawn >= known))]


Disturbance = Noise | Replacement


def continuations(
    model: PreTrainedModel, texts: Texts, n_tokens: int, disturbance: Disturbance, level: float, end: int | None = None
) -> np.ndarray:
    """What the model says after each text of one length, disturbed at a level: its greedy continuation (n, n_tokens).

    The text alone is disturbed, not what the model adds to it. After `end` a continuation repeats it; None: there is no end.
    """
    found = np.empty((len(texts.ids), n_tokens), np.int64)
    for part, some in texts.batches(model.config.get_text_config().vocab_size):
        ids, noise = disturbance.apply(some, level)
        found[part] = greedy(model, torch.from_numpy(ids).to(model.device), n_tokens, end, disturbance.layer, noise).cpu().numpy()
    return found


def last_states(model: PreTrainedModel, texts: Texts, layer: str, disturbance: Disturbance, level: float) -> Tensor:
    """The states of a layer at the last token of each text, disturbed at a level: (n, C) float32 on the host."""
    found = []
    for _, some in texts.batches(1):
        ids, noise = disturbance.apply(some, level)
        with disturbed(model, disturbance.layer, noise):
            states = hidden_states(model, torch.from_numpy(ids).to(model.device), [layer])[layer]
        at = torch.from_numpy(some.lengths - 1).to(states.device)
        found.append(states[torch.arange(len(at), device=at.device), at].cpu())
    return torch.cat(found)


def greedy(
    model: PreTrainedModel, ids: Tensor, n_tokens: int, end: int | None = None, layer: str | None = None, noise: Tensor | None = None
) -> Tensor:
    """The greedy continuation (B, n_tokens) of prompts (B, k), as `continued.greedy`, with noise on the prompt.

    `noise` (B, k, C) is added to what `layer` leaves at the prompt's positions.
    """
    return continued.greedy(model, ids, n_tokens, end, lambda: disturbed(model, layer, noise))


@contextlib.contextmanager
def disturbed(model: PreTrainedModel, layer: str | None, noise: Tensor | None) -> Iterator[None]:
    """Within it, what a layer leaves (0: what enters the first block) has `noise` (B, k, C) added at its first k positions."""
    if noise is None:
        yield
        return
    blocks = models.blocks(model)

    def added(state: Tensor) -> Tensor:
        state = state.clone()
        state[:, : noise.shape[1]] += noise.to(state)
        return state

    def before(module: torch.nn.Module, arguments: tuple, keywords: dict) -> tuple[tuple, dict]:
        if arguments:
            return (added(arguments[0]), *arguments[1:]), keywords
        return arguments, {**keywords, "hidden_states": added(keywords["hidden_states"])}

    def after(module: torch.nn.Module, arguments: tuple, output: Tensor | tuple) -> Tensor | tuple:
        return (added(output[0]), *output[1:]) if isinstance(output, tuple) else added(output)

    first = layer == "0"
    block = blocks[0 if first else int(layer) - 1]
    hook = block.register_forward_pre_hook(before, with_kwargs=True) if first else block.register_forward_hook(after)
    try:
        yield
    finally:
        hook.remove()
