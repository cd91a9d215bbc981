"""Places: which positions of which rows of a text are looked at, numbered from 0 so that a sample of them is a list of numbers."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from memlab.data.rows import DocumentRows, Stream
from memlab.errors import UsageError


class Positions(Protocol):
    """Which positions of a row are meant."""

    def count(self, length: np.ndarray) -> np.ndarray:
        """How many of rows with so many positions: (n,) -> (n,)."""
        ...

    def at(self, number: np.ndarray, length: np.ndarray) -> np.ndarray:
        """The position in its row of the `number`th of them: (n,), (n,) -> (n,)."""
        ...


@dataclass(frozen=True)
class Last:
    """The last position of a row: one a chunk, as the paper stores patterns."""

    def count(self, length: np.ndarray) -> np.ndarray:
        return np.minimum(length, 1)

    def at(self, number: np.ndarray, length: np.ndarray) -> np.ndarray:
        return length - 1


@dataclass(frozen=True)
class Every:
    """Every `step`th position of a row; the first one has step - 1 before it."""

    step: int

    def count(self, length: np.ndarray) -> np.ndarray:
        return length // self.step

    def at(self, number: np.ndarray, length: np.ndarray) -> np.ndarray:
        return (number + 1) * self.step - 1


@dataclass(frozen=True)
class Late:
    """The positions in the second half of a row, without its last `margin`."""

    margin: int

    def count(self, length: np.ndarray) -> np.ndarray:
        return np.maximum(length - self.margin - length // 2, 0)

    def at(self, number: np.ndarray, length: np.ndarray) -> np.ndarray:
        return length // 2 + number


def parse_positions(words: str) -> Positions:
    """`last`, `all` or `every:8`. Raises UsageError for anything else."""
    kind, _, step = words.partition(":")
    if words == "last":
        return Last()
    if words == "all":
        return Every(1)
    if kind == "every" and step.isdecimal() and int(step) >= 1:
        return Every(int(step))
    raise UsageError(f"positions are '{words}'; they must be last (one a row, as in the paper), all, or every:8 (each eighth)")


@dataclass(frozen=True)
class Where:
    """Where n places are: `rows` and `positions` in them, `documents`, `offsets` of the token there and the `next_tokens`, (n,) each.

    An offset of -1 is the beginning-of-text token before a document. Documents below 0 are canaries: -1-k is canary k.
    """

    rows: np.ndarray
    positions: np.ndarray
    documents: np.ndarray
    offsets: np.ndarray
    next_tokens: np.ndarray


class Places(Protocol):
    """Places of a text. `context` is the length of a window, 0 where a row is a document."""

    context: int

    def __len__(self) -> int: ...

    def locate(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and position of each place: (n,), (n,)."""
        ...

    def take(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, Where]:
        """The inputs (B, T) of the B rows in which these ascending places lie, which of the B each is in (n,), and where they are."""
        ...


class WindowPlaces:
    """Of windows of a stream laid end to end, from its token `shift` on, whatever windows a run draws."""

    def __init__(self, stream: Stream, context: int, positions: Positions, shift: int = 0) -> None:
        self.stream, self.context, self.shift, self._choice = stream, context, shift, positions
        self._per_row = int(positions.count(np.array(context)))
        self._n = max(0, (len(stream) - 1 - shift) // context) * self._per_row

    def __len__(self) -> int:
        return self._n

    def locate(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, within = np.divmod(numbers, self._per_row)
        return rows, self._choice.at(within, np.full_like(within, self.context))

    def take(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, Where]:
        rows, positions = self.locate(numbers)
        wanted, which = np.unique(rows, return_inverse=True)
        windows = np.stack([self.stream[start : start + self.context + 1] for start in self._starts(wanted)])  # (B, T + 1)
        documents, offsets = self.stream.locate(self._starts(rows) + positions)
        return windows[:, :-1], which, Where(rows, positions, documents, offsets, windows[which, positions + 1])

    def _starts(self, rows: np.ndarray) -> np.ndarray:
        return rows * self.context + self.shift


class DocumentPlaces:
    """Of documents, each a row that begins with the beginning-of-text token."""

    def __init__(self, rows: DocumentRows, positions: Positions) -> None:
        self.rows, self._choice, self.context = rows, positions, 0
        self._ends = np.cumsum(positions.count(rows.lengths))

    def __len__(self) -> int:
        return int(self._ends[-1])

    def locate(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = np.searchsorted(self._ends, numbers, side="right")
        within = numbers - np.where(rows > 0, self._ends[rows - 1], 0)
        return rows, self._choice.at(within, self.rows.lengths[rows])

    def take(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, Where]:
        rows, positions = self.locate(numbers)
        wanted, which = np.unique(rows, return_inverse=True)
        inputs, targets = self.rows.take(wanted)
        return inputs, which, Where(rows, positions, self.rows.numbers(rows), positions - 1, targets[which, positions])
