"""What checkpoints are compared by: states at the same places of the text at each, some as patterns, some to ask with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor
from transformers import PreTrainedModel

from memlab.data.building import Progress, quiet
from memlab.data.rows import RunData
from memlab.errors import DataError
from memlab.measures.hidden import layer_names
from memlab.measures.patterns import collect_states, pattern_places
from memlab.measures.places import DocumentPlaces, Places
from memlab.measures.queries import Queries, draw_queries
from memlab.memory.store import sample_rows

_QUERIED = 0.5  # of the training documents are asked about at most, so that others remain as patterns


@dataclass(frozen=True)
class Drawn:
    """The `numbers` of the `places` whose states are the patterns, and as many queries of training text as of held-out text."""

    places: Places
    numbers: np.ndarray
    training: Queries
    validation: Queries

    @property
    def n_patterns(self) -> int:
        return len(self.numbers)

    @property
    def n_queries(self) -> int:
        """Of each part."""
        return len(self.training)

    @property
    def queries(self) -> dict[str, Queries]:
        """Both parts by name."""
        return {"training": self.training, "validation": self.validation}


@dataclass(frozen=True)
class DrawnStates:
    """The states at the places drawn, by layer: `patterns` (P, C), `queries` of each part (B, C), and the row that each query is in (B,).

    Queries of one row are no independent observations.
    """

    patterns: dict[str, Tensor]
    queries: dict[str, dict[str, Tensor]]
    rows: dict[str, np.ndarray]


def draw(data: RunData, context: int, n_patterns: int, n_queries: int, positions: str = "all", seed: int = 0) -> Drawn:
    """At most so many patterns of the training text and queries of each part, drawn by the seed; nothing of it depends on a model.

    A training query must not find itself. Windows of queries are shifted against those of patterns; a document has one beginning only, so
    patterns come from other documents than the training queries, of which at most half are asked about. (Leaving a query's own
    patterns out would do for a search, but not for a descent, in which all queries follow the energy of one memory.)
    Raises UsageError for positions that no row has, DataError where there are no queries.
    """
    places = pattern_places(data, context, positions)
    training = draw_queries(data, context, "training", n_queries, seed)
    if isinstance(places, DocumentPlaces):
        training = _of_some_documents(training, places, seed)
        numbers = _of_other_documents(places, training, n_patterns, seed)
    else:
        numbers = sample_rows(len(places), n_patterns, seed)
    validation = draw_queries(data, context, "validation", n_queries, seed)
    n_common = min(len(training), len(validation))
    return Drawn(places, numbers, _some(training, n_common, seed), _some(validation, n_common, seed))


def states_of(model: PreTrainedModel, drawn: Drawn, names: list[str] | None = None, progress: Progress = quiet) -> DrawnStates:
    """The states of a model at the places drawn, in some layers, all by default, held in memory as float32."""
    names = layer_names(model) if names is None else names
    patterns = collect_states(model, drawn.places, drawn.numbers, names, progress).by_layer
    queries: dict[str, dict[str, Tensor]] = {}
    rows: dict[str, np.ndarray] = {}
    for part, asked in drawn.queries.items():
        found = collect_states(model, asked.places, asked.numbers, names, progress)
        queries[part], rows[part] = found.by_layer, found.where.rows
    return DrawnStates(patterns, queries, rows)


def common_numbers(drawn: Mapping[str, Drawn]) -> tuple[int, int]:
    """How many patterns and how many queries all of several draws have."""
    return min(one.n_patterns for one in drawn.values()), min(one.n_queries for one in drawn.values())


def _some(queries: Queries, n: int, seed: int) -> Queries:
    return replace(queries, numbers=np.sort(np.random.default_rng(seed).permutation(queries.numbers)[:n]))


def _of_some_documents(training: Queries, places: DocumentPlaces, seed: int) -> Queries:
    """The queries of so many documents that others remain."""
    rows, _ = training.places.locate(training.numbers)
    asked = np.random.default_rng(seed).permutation(np.unique(rows))[: int(_QUERIED * len(places.rows))]
    if len(asked) == 0:
        raise DataError("there is one training document only, and patterns must come from others than the queries; take a larger fraction")
    return replace(training, numbers=training.numbers[np.isin(rows, asked)])


def _of_other_documents(places: DocumentPlaces, training: Queries, n: int, seed: int) -> np.ndarray:
    """Places in documents that no query is in: at most n, ascending. As many more are drawn as the queries' documents could take away."""
    asked = np.unique(training.places.locate(training.numbers)[0])
    drawn = sample_rows(len(places), n + int(places.rows.lengths[asked].sum()), seed)
    others = drawn[~np.isin(places.locate(drawn)[0], asked)]
    if len(others) == 0:
        raise DataError("no training document but those of the queries has a place for a pattern; ask with fewer queries")
    return np.sort(np.random.default_rng(seed).permutation(others)[:n])
