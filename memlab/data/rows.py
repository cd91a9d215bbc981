"""Rows of tokens: windows of the stream, or whole documents, as model inputs and targets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from memlab import config
from memlab.data import batches
from memlab.data.corpus import Corpus, open_recorded
from memlab.data.parts import Part
from memlab.data.selection import Selection, select
from memlab.errors import DataError
from memlab.rundir import RunDir

IGNORED = -100  # a target that is not predicted, as torch's cross_entropy knows it


class Rows(Protocol):
    """Rows of at most `context` tokens by index.

    `n_predicted` is one epoch in predicted tokens, `tokens_per_row` their mean number in a row, `n_cut` rows are cut.
    """

    context: int
    n_predicted: int
    tokens_per_row: float
    n_cut: int

    def __len__(self) -> int: ...

    def take(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets (B, T) int64; targets that are padding are IGNORED."""
        ...

    def origin(self, index: int) -> tuple[int, int]:
        """The document that a row begins in (-1-k: canary k) and the offset of its first token there."""
        ...


class Stream:
    """The tokens of a selection end to end, read from the memory map piece by piece; nothing is copied ahead.

    `stream[start:stop]` are tokens, int64; `len(stream)` is D.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        if selection.is_prefix():
            self._starts, self._ends = np.zeros(1, np.int64), np.array([selection.n_tokens])  # one piece, as it lies on disk
            self._document_ends = selection.tokens.ends
        else:
            self._starts, stops = selection.spans()
            self._ends = self._document_ends = np.cumsum(stops - self._starts)

    def __len__(self) -> int:
        return self._selection.n_tokens

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        parts = [np.empty(0, np.int64)]
        piece = int(np.searchsorted(self._ends, start, side="right"))
        while start < stop:
            begin = int(self._starts[piece]) + start - _begin(self._ends, piece)
            until = min(stop, int(self._ends[piece]))
            parts.append(self._selection.read(begin, begin + until - start))
            start, piece = until, piece + 1
        return np.concatenate(parts)

    def locate(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The documents at some positions of the stream (-1-k: canary k) and the offsets in them: (n,) -> (n,), (n,), int64."""
        places = np.searchsorted(self._document_ends, positions, side="right")
        return _items(self._selection.documents, places), positions - np.where(places > 0, self._document_ends[places - 1], 0)


class WindowRows:
    """Row i predicts `context` tokens of the stream from position i·stride + 1 on, given the token before them.

    With stride = context every token is predicted once an epoch, except for the first and a rest shorter than a window; stride 1
    is for rows drawn at random: an epoch is then as many tokens as without overlap, not every row.
    """

    n_cut = 0

    def __init__(self, stream: Stream, context: int, stride: int) -> None:
        self.stream, self.context, self._stride = stream, context, stride
        self._n = (len(stream) - 1 - context) // stride + 1
        if self._n < 1:
            raise _too_short(len(stream), context, "tokens", "a larger data.fraction")
        self.n_predicted = (len(stream) - 1) // context * context
        self.tokens_per_row = float(context)

    def __len__(self) -> int:
        return self._n

    def take(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        starts = [int(index) * self._stride for index in indices]
        block = np.stack([self.stream[start : start + self.context + 1] for start in starts])  # (B, T + 1)
        return block[:, :-1], block[:, 1:]

    def origin(self, index: int) -> tuple[int, int]:
        documents, offsets = self.stream.locate(np.array([index * self._stride]))
        return int(documents[0]), int(offsets[0])


class DocumentRows:
    """Row i is document i: a beginning-of-text token, its tokens and the end-of-text token; cut at `context`, padded to the longest."""

    def __init__(self, selection: Selection, context: int, begin: int, pad: int) -> None:
        self._selection, self.context, self._begin, self._pad = selection, context, begin, pad
        self._starts, self._stops = selection.spans()
        whole = self._stops - self._starts
        self.lengths = np.minimum(whole, context)  # predicted tokens of each row
        self.n_predicted = int(self.lengths.sum())
        self.tokens_per_row = self.n_predicted / len(whole)
        self.n_cut = int((whole > context).sum())

    def __len__(self) -> int:
        return len(self._starts)

    def take(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = [self.document(int(index))[: self.context] for index in indices]
        longest = max(map(len, rows))
        inputs = np.full((len(rows), longest), self._pad, np.int64)
        targets = np.full((len(rows), longest), IGNORED, np.int64)
        inputs[:, 0] = self._begin
        for number, row in enumerate(rows):
            inputs[number, 1 : len(row)] = row[:-1]
            targets[number, : len(row)] = row
        return inputs, targets

    def origin(self, index: int) -> tuple[int, int]:
        return int(self._selection.documents[index]), 0

    def numbers(self, indices: np.ndarray) -> np.ndarray:
        """The documents that some rows are (-1-k: canary k): (n,) -> (n,) int64."""
        return _items(self._selection.documents, indices)

    def document(self, index: int) -> np.ndarray:
        """The whole document of a row, with its end-of-text token, int64."""
        return self._selection.read(self._starts[index], self._stops[index])


@dataclass(frozen=True)
class RunData:
    """What a run reads: its corpus, its training rows, and the validation rows, which are the same for every fraction."""

    corpus: Corpus
    selection: Selection
    train: Rows
    validation: Rows
    order: batches.Order

    def rows(self, part: Part) -> Rows:
        return self.train if part == "training" else self.validation


def open_rows(corpus: Corpus, data: config.Data, context: int) -> RunData:
    """The rows that a configuration asks for. Raises DataError where a split is smaller than one row."""
    selection = select(corpus, data)
    held_out = corpus.tokens("validation")
    n_held_out = int(held_out.ends[-1])
    if data.rows == "windows" and n_held_out <= context:
        raise _too_short(n_held_out, context, "held-out tokens", "a larger data.validation")
    everything = Selection(held_out, range(len(held_out)), (), n_held_out, n_held_out)
    return RunData(corpus, selection, _rows(corpus, selection, data, context), _rows(corpus, everything, data, context), data.order)


def recorded_rows(home: Path, run: RunDir) -> RunData:
    """The rows of a run, from the corpus that it has recorded. Raises what `open_recorded` and `open_rows` raise."""
    experiment = run.original()
    return open_rows(open_recorded(home, run), experiment.data, experiment.model.context)


def _rows(corpus: Corpus, selection: Selection, data: config.Data, context: int) -> Rows:
    if data.rows == "windows":
        return WindowRows(Stream(selection), context, stride=1 if data.order == "random" else context)
    tokenizer = corpus.tokenizer
    return DocumentRows(selection, context, tokenizer.bos_token_id, tokenizer.pad_token_id)


def _too_short(n_tokens: int, context: int, what: str, remedy: str) -> DataError:
    least = f", or a model.context of at most {n_tokens - 1:,}" if n_tokens > config.LEAST_CONTEXT else ""
    window = f"one window of {context + 1:,} (model.context {context:,} and one more)"
    return DataError(f"{n_tokens:,} {what} are fewer than {window}; take {remedy}, more text{least}")


def _items(documents: range | np.ndarray, places: np.ndarray) -> np.ndarray:
    """`documents[places]`, int64, also of a range."""
    return documents.start + places * documents.step if isinstance(documents, range) else documents[places].astype(np.int64)


def _begin(ends: np.ndarray, place: int) -> int:
    """Where the piece begins that ends at ends[place]."""
    return int(ends[place - 1]) if place else 0
