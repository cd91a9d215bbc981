"""Prompts: beginnings of training and of held-out rows, and what truly follows them, to ask a model for continuations.

A window stands as it does in training, from its first token on: a model with absolute positions knows its text by heart only there. Text
that stands in the training text elsewhere too is left out of both parts.
"""

from dataclasses import dataclass

import numpy as np

from memlab.data.parts import Part
from memlab.data.repeats import document_occurrences, occurrences
from memlab.data.rows import DocumentRows, RunData, Stream
from memlab.errors import DataError, UsageError
from memlab.memory.store import sample_rows

_SPAN = 32  # tokens before the continuation that, with it, must not stand elsewhere
_AS_MANY = 2  # times the prompts asked for are drawn, since some are left out


@dataclass(frozen=True)
class Prompts:
    """n prompts `ids` (n, k) of one length, the tokens that truly follow, `truth` (n, m), the numbers of their `rows` and the `documents`
    that these begin in, (n,) each."""

    ids: np.ndarray
    truth: np.ndarray
    rows: np.ndarray
    documents: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Drawn:
    """Prompts of a part in groups of one length; `n_repeated` of `n_drawn` were left out since they stand in training elsewhere too."""

    part: Part
    groups: list[Prompts]
    n_drawn: int
    n_repeated: int

    def __len__(self) -> int:
        return sum(map(len, self.groups))


def draw_prompts(data: RunData, context: int, part: Part, n: int, n_tokens: int, end: int, seed: int = 0) -> Drawn:
    """At most n prompts of a part, drawn by the seed: the first half of a window or document, followed by at most `n_tokens` tokens.

    A document that ends sooner is continued by `end`, the end-of-text token, over and over. Raises UsageError where half a window is
    shorter than `n_tokens`, DataError where nothing is left.
    """
    rows = data.rows(part)
    times = 1 if part == "training" else 0
    if isinstance(rows, DocumentRows):
        numbers = sample_rows(len(rows), _AS_MANY * n, seed)
        fresh = numbers[document_occurrences(data.train, rows, numbers) <= times]
        return _drawn(part, lambda kept: _of_documents(rows, kept, context, n_tokens, end), numbers, fresh, n, seed)
    length = context // 2
    if n_tokens > context - length:
        raise UsageError(f"--tokens is {n_tokens}; windows of {context} tokens leave {context - length} after a prompt of {length}")
    numbers = sample_rows((len(rows.stream) - 1) // context, _AS_MANY * n, seed)
    first = max(0, length - _SPAN)
    spans = _windows(rows.stream, numbers, context, first, length + n_tokens)
    fresh = numbers[occurrences(data.train.stream, spans) <= times]
    return _drawn(part, lambda kept: _of_windows(rows.stream, kept, context, length, n_tokens), numbers, fresh, n, seed)


def _drawn(part: Part, groups_of, numbers: np.ndarray, fresh: np.ndarray, n: int, seed: int) -> Drawn:
    if len(fresh) == 0:
        raise DataError(f"all of the {part} text stands in the training text elsewhere too; nothing is left to compare")
    kept = np.sort(np.random.default_rng(seed).permutation(fresh)[:n])
    return Drawn(part, groups_of(kept), len(numbers), len(numbers) - len(fresh))


def _of_windows(stream: Stream, rows: np.ndarray, context: int, length: int, n_tokens: int) -> list[Prompts]:
    tokens = _windows(stream, rows, context, 0, length + n_tokens)
    return [Prompts(tokens[:, :length], tokens[:, length:], rows, stream.locate(rows * context)[0])]


def _windows(stream: Stream, rows: np.ndarray, context: int, first: int, last: int) -> np.ndarray:
    """The tokens `first` to `last` of some windows: (n, last - first)."""
    return np.stack([stream[row * context + first : row * context + last] for row in rows.tolist()])


def _of_documents(documents: DocumentRows, rows: np.ndarray, context: int, n_tokens: int, end: int) -> list[Prompts]:
    """By length: a beginning-of-text token and the first half of the tokens. No more is continued than the model has positions for."""
    lengths = (documents.lengths[rows] + 1) // 2
    groups = []
    for length in np.unique(lengths).tolist():
        some = rows[lengths == length]
        inputs, targets = documents.take(some)
        truth = np.full((len(some), min(n_tokens, context - length + 1)), end, np.int64)
        follows = targets[:, length - 1 : length - 1 + truth.shape[1]]
        truth[:, : follows.shape[1]] = np.where(follows >= 0, follows, end)  # what is padded is not predicted
        groups.append(Prompts(inputs[:, :length], truth, some, documents.numbers(some)))
    return groups
