"""A small memory of whole rows: all positions of some training rows, and queries of these very rows and of held-out text to ask it with.

Where patterns are drawn one by one from a large text, next to nothing of any passage is among them. Of whole rows everything is, so that
training text is text that this memory holds, however small a part of the run's text it is.
"""

import numpy as np

from memlab.data.rows import RunData
from memlab.errors import DataError
from memlab.measures.drawn import Drawn
from memlab.measures.patterns import pattern_places
from memlab.measures.places import Places
from memlab.measures.queries import Queries, draw_queries, query_places
from memlab.memory.store import sample_rows


def draw_whole_rows(data: RunData, context: int, n_patterns: int, n_queries: int, seed: int = 0, including: int | None = None) -> Drawn:
    """Rows drawn by the seed, as many as have at most `n_patterns` positions together, the row `including` among them; one in any case.

    Training queries are of these rows, from another beginning on (windows); a document's own patterns must not count for them
    (`own_rows`). Held-out ones are as of `draw_queries`. Raises DataError where there are no queries.
    """
    places = pattern_places(data, context, "all")
    rows = np.random.default_rng(seed).permutation(_row_of(places, len(places) - 1) + 1)
    if including is not None:
        rows = np.concatenate([[including], rows[rows != including]])
    first, end = _numbers(places, rows), _numbers(places, rows + 1)
    kept = max(1, int((np.cumsum(end - first) <= n_patterns).sum()))
    rows, first, end = rows[:kept], first[:kept], end[:kept]
    numbers = np.sort(np.concatenate([np.arange(*ends) for ends in zip(first, end, strict=True)]))
    numbers = numbers[sample_rows(len(numbers), n_patterns, seed)]
    training = _queries(data, context, rows, n_queries, seed)
    return Drawn(places, numbers, training, draw_queries(data, context, "validation", n_queries, seed))


def _queries(data: RunData, context: int, rows: np.ndarray, n: int, seed: int) -> Queries:
    places = query_places(data, context, "training")
    ends = zip(_numbers(places, rows), _numbers(places, rows + 1), strict=True)
    numbers = np.sort(np.concatenate([np.arange(first, end) for first, end in ends]))
    if len(numbers) == 0:
        raise DataError("the training rows drawn are too short to ask the memory with; take a larger model.context")
    return Queries("training", places, numbers[sample_rows(len(numbers), n, seed)], min(n, len(numbers)), 0)


def _numbers(places: Places, rows: np.ndarray) -> np.ndarray:
    """The first place in each row, or in the next that has one: (n,) -> (n,), by halving, since places are in the order of their rows."""
    low, high = np.zeros(len(rows), np.int64), np.full(len(rows), len(places))
    while (low < high).any():
        middle = (low + high) // 2
        is_before = (low < high) & (places.locate(np.minimum(middle, len(places) - 1))[0] < rows)
        low, high = np.where(is_before, middle + 1, low), np.where(is_before, high, np.minimum(middle, high))
    return low


def _row_of(places: Places, number: int) -> int:
    return int(places.locate(np.array([number]))[0][0])
