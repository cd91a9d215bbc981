"""Excerpts: passages of training and of held-out text that memorisation is measured on, each cut into a prompt and its continuation."""

from dataclasses import dataclass, fields

import numpy as np

from memlab.data.parts import Part
from memlab.data.repeats import document_occurrences, occurrences
from memlab.data.rows import DocumentRows, RunData, WindowRows
from memlab.errors import DataError

LENGTH = 50  # tokens of a prompt and of its continuation, where rows are long enough (Carlini et al. 2022)


@dataclass(frozen=True, eq=False)
class Excerpts:
    """n rows of a part: `inputs` and `targets` (n, T) int64, padded; row i of them is row `rows[i]` of the part.

    The continuation are the targets from `starts[i]` up to `stops[i]`; the prompt is what the model is given before. `documents` and
    `offsets` say where the row begins. `times` is how often the continuation's text stands in the training text: 1 for training text
    that is there once, 0 for held-out text that is not.
    """

    part: Part
    rows: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    documents: np.ndarray
    offsets: np.ndarray
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def some(self, chosen: np.ndarray) -> "Excerpts":
        """Those at some indices, or where a mask (n,) is true."""
        return Excerpts(self.part, *(getattr(self, field.name)[chosen] for field in fields(self)[1:]))

    @property
    def prompts(self) -> list[np.ndarray]:
        """What the model is given: (k,) each, a beginning-of-text token counted."""
        return [row[: start + 1] for row, start in zip(self.inputs, self.starts, strict=True)]

    @property
    def continuations(self) -> list[np.ndarray]:
        """The true tokens after each prompt: (m,)."""
        return [row[start:stop] for row, start, stop in zip(self.targets, self.starts, self.stops, strict=True)]

    @property
    def are_in_continuations(self) -> np.ndarray:
        """Which targets belong to a continuation: (n, T) bool."""
        places = np.arange(self.targets.shape[1])
        return (places >= self.starts[:, None]) & (places < self.stops[:, None])


def take_excerpts(data: RunData, context: int, part: Part, n: int | None = None, seed: int = 0) -> Excerpts:
    """At most n rows of a part, drawn by the seed; all of them for None. Ascending in the order of the text.

    Of a window the first half is the prompt and the rest its continuation, at most 50 tokens each, taken together from its end; of a
    document likewise. Windows are laid end to end, also where a run draws them at random.
    Raises DataError where a row is too short to be cut.
    """
    rows = data.rows(part)
    if not isinstance(rows, DocumentRows):
        rows = WindowRows(rows.stream, context, context)
    chosen = np.arange(len(rows)) if n is None else np.sort(np.random.default_rng(seed).permutation(len(rows))[:n])
    if isinstance(rows, DocumentRows):
        chosen = chosen[rows.lengths[chosen] >= 2]
    elif context < 2:
        chosen = chosen[:0]
    if len(chosen) == 0:
        raise DataError(f"no row of the {part} text has two tokens, so that none can be continued; take a larger model.context")
    inputs, targets = rows.take(chosen)
    stops = rows.lengths[chosen] if isinstance(rows, DocumentRows) else np.full(len(chosen), context)
    starts = stops - np.minimum(LENGTH, stops - stops // 2)
    places = np.array([rows.origin(int(row)) for row in chosen])
    times = _times(data, rows, chosen, targets, int(starts[0]))
    return Excerpts(part, chosen, inputs, targets, starts, stops, places[:, 0], places[:, 1], times)


def _times(data: RunData, rows: DocumentRows | WindowRows, chosen: np.ndarray, targets: np.ndarray, start: int) -> np.ndarray:
    """How often the whole document, or the continuation of a window, stands in the training text."""
    if isinstance(rows, DocumentRows):
        return document_occurrences(data.train, rows, chosen)
    return occurrences(data.train.stream, targets[:, start:])
