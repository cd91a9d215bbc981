"""Queries: positions of training and of held-out text to ask the memory at, so that neither finds itself and the two compare.

Windows of training text are shifted against those whose states are stored: a token is then met after another beginning, or in another
window. A document has one beginning only: its own patterns do not count for it. Text that stands in the training text elsewhere too is left
out of both parts.
"""

from dataclasses import dataclass

import numpy as np

from memlab.data.parts import Part
from memlab.data.repeats import document_occurrences, occurrences
from memlab.data.rows import DocumentRows, RunData
from memlab.errors import DataError
from memlab.measures.places import DocumentPlaces, Late, Places, WindowPlaces
from memlab.memory.store import sample_rows

_SPAN = 32  # tokens up to a query, of which a repetition elsewhere is looked for
_AS_MANY = 2  # times the queries asked for are drawn, since some are left out


@dataclass(frozen=True)
class Queries:
    """Some `numbers` of the `places` of a part; `n_repeated` of `n_drawn` were left out because their text stands in training elsewhere."""

    part: Part
    places: Places
    numbers: np.ndarray
    n_drawn: int
    n_repeated: int

    def __len__(self) -> int:
        return len(self.numbers)


def shift_of(context: int) -> int:
    """By how many tokens windows of queries are shifted against those of the patterns."""
    return context // 4 + 1


def draw_queries(data: RunData, context: int, part: Part, n: int, seed: int = 0) -> Queries:
    """At most n positions in the second halves of a part's rows, drawn by the seed.

    Of windows, training queries are shifted; held-out ones have as many tokens before them. Raises DataError where nothing is left.
    """
    places, times = query_places(data, context, part), 1 if part == "training" else 0
    drawn = sample_rows(len(places), _AS_MANY * n, seed)
    if len(drawn) == 0:
        raise DataError(f"the {part} text has no row of two tokens to ask the memory with; take a larger model.context")
    fresh = drawn[_occurrences(data, places, drawn) <= times]
    if len(fresh) == 0:
        raise DataError(f"all of the {part} text stands in the training text elsewhere too; nothing is left to compare")
    kept = np.sort(np.random.default_rng(seed).permutation(fresh)[:n])
    return Queries(part, places, kept, len(drawn), len(drawn) - len(fresh))


def query_places(data: RunData, context: int, part: Part) -> Places:
    """The places that queries of a part are drawn from."""
    rows = data.rows(part)
    if isinstance(rows, DocumentRows):
        return DocumentPlaces(rows, Late(0))
    shift = shift_of(context)
    return WindowPlaces(rows.stream, context, Late(shift), shift if part == "training" else 0)


def own_rows(documents: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """The patterns of each query's own document: documents (n,), those of the patterns (P,) -> row numbers (n, E), filled up with -1."""
    order = np.argsort(patterns, kind="stable")
    first, end = (np.searchsorted(patterns[order], documents, side=side) for side in ("left", "right"))
    numbers = first[:, None] + np.arange(max(1, int((end - first).max(initial=0))))
    return np.where(numbers < end[:, None], order[np.minimum(numbers, len(order) - 1)], -1)


def _occurrences(data: RunData, places: Places, numbers: np.ndarray) -> np.ndarray:
    """How often the text up to each place stands in the training text: the document it is in, or the span of tokens that ends there."""
    if isinstance(places, DocumentPlaces):
        return document_occurrences(data.train, places.rows, places.locate(numbers)[0])
    span = min(_SPAN, places.context // 2)
    inputs, which, where = places.take(numbers)
    spans = inputs[which[:, None], where.positions[:, None] + np.arange(1 - span, 1)]
    return occurrences(data.train.stream, spans)
