"""Chunks: windows of text for a model that is no run's, in the tokens of its own tokenizer, and the states of a layer in them.

Documents follow each other with a separator between them and are cut into chunks of one length; each chunk begins and ends with what the
tokenizer puts around a text (nothing for GPT-2, [CLS] and [SEP] for BERT).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from memlab.data.document import Document
from memlab.errors import DataError
from memlab.measures.hidden import hidden_states
from memlab.measures.places import Positions
from memlab.memory.store import sample_rows
from memlab.progress import Progress, quiet

_CHARACTERS = 1 << 20  # tokenised at once
_TOKENS = 1 << 12  # of a batch


@dataclass(frozen=True)
class Chunks:
    """`ids` (n, T), each with `before` tokens that are no text in front of `length` tokens of text."""

    ids: np.ndarray
    before: int
    length: int

    def __len__(self) -> int:
        return len(self.ids)


def cut_chunks(
    documents: Iterable[Document], tokenizer: PreTrainedTokenizerFast, context: int, n: int, progress: Progress = quiet
) -> Chunks:
    """The first n chunks of `context` tokens of some documents, or as many as there are. Raises DataError where there is none."""
    before, after = _around(tokenizer)
    length = context - len(before) - len(after)
    if length < 1:
        raise DataError(f"chunks of {context} tokens have no room for text beside {len(before) + len(after)} special tokens")
    tokens = _stream(documents, tokenizer, n * length, progress)
    rows = len(tokens) // length
    if rows == 0:
        raise DataError(f"the text has {len(tokens):,} tokens, fewer than one chunk of {length}; give more text or a smaller --context")
    text = tokens[: rows * length].reshape(rows, length)
    return Chunks(np.concatenate([np.tile(before, (rows, 1)), text, np.tile(after, (rows, 1))], 1).astype(np.int32), len(before), length)


def chunk_states(
    model: PreTrainedModel, chunks: Chunks, positions: Positions, layer: str, n: int, seed: int, progress: Progress = quiet
) -> tuple[Tensor, int]:
    """At most n states of a layer at some positions of the chunks' text, drawn by the seed: (n, C) float32 on the host; out of how many.

    Every chunk runs whole, with a mask of ones, for in an encoder a token looks ahead too.
    """
    each = int(positions.count(np.array(chunks.length)))
    numbers = sample_rows(len(chunks) * each, n, seed)
    if len(numbers) == 0:
        raise DataError(f"chunks of {chunks.length} tokens have none of these positions; take a smaller step, last, or all")
    rows, within = np.divmod(numbers, each)
    at = chunks.before + positions.at(within, np.full_like(within, chunks.length))
    wanted, which = np.unique(rows, return_inverse=True)
    size, parts = max(1, _TOKENS // chunks.ids.shape[1]), []
    for start in range(0, len(wanted), size):
        ids = torch.from_numpy(chunks.ids[wanted[start : start + size]].astype(np.int64)).to(model.device)
        states = hidden_states(model, ids, [layer], torch.ones_like(ids))[layer]
        here = (which >= start) & (which < start + size)
        index = (torch.from_numpy(part).to(states.device) for part in (which[here] - start, at[here]))
        parts.append(states[tuple(index)].cpu())
        progress("computing states", min(start + size, len(wanted)), len(wanted), "chunks")
    return torch.cat(parts), len(chunks) * each


def _around(tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a", add_special_tokens=True)["input_ids"]
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return whole[:start], whole[start + len(bare) :]
    return [], []


def _stream(documents: Iterable[Document], tokenizer: PreTrainedTokenizerFast, n: int, progress: Progress) -> np.ndarray:
    """At most n tokens of the documents, one after the other, each followed by the end-of-text token, or what separates texts."""
    end = next((token for token in (tokenizer.eos_token_id, tokenizer.sep_token_id) if token is not None), None)
    parts, have, batch, size = [], 0, [], 0

    def add() -> int:
        found = tokenizer(batch, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
        tokens = [token for ids in found for token in (*ids, *([] if end is None else [end]))]
        parts.append(np.array(tokens, np.int32))
        progress("tokenising text", min(have + len(tokens), n), n, "tokens")
        batch.clear()
        return len(tokens)

    for document in documents:
        batch.append(document.text)
        size += len(document.text)
        if size >= _CHARACTERS:
            have, size = have + add(), 0
            if have >= n:
                break
    if batch:
        have += add()
    return np.concatenate([np.empty(0, np.int32), *parts])[:n]
