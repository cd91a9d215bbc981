"""What checkpoints are compared by: states at the same places of the text at each, some as patterns, some to ask with."""

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor
from transformers import PreTrainedModel

from memlab.data.rows import RunData
from memlab.errors import DataError
from memlab.measures.hidden import layer_names
from memlab.measures.patterns import collect_states, pattern_places
from memlab.measures.places import DocumentPlaces, Places, Where, WindowPlaces
from memlab.measures.queries import Queries, draw_queries
from memlab.memory.store import sample_rows
from memlab.progress import Progress, quiet

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
    def sizes(self) -> dict[str, int]:
        """How many patterns, out of how many places, and how many queries of each part."""
        return {"patterns": self.n_patterns, "places": len(self.places), "queries": self.n_queries}

    @property
    def queries(self) -> dict[str, Queries]:
        """Both parts by name."""
        return {"training": self.training, "validation": self.validation}


@dataclass(frozen=True)
class DrawnStates:
    """The states at the places drawn, by layer: `patterns` (P, C), `queries` of each part (B, C).

    `documents` (P,) are those of the patterns, `where` says of each part where its queries are: what is of one document, or in one row, is
    no independent observation.
    """

    patterns: dict[str, Tensor]
    queries: dict[str, dict[str, Tensor]]
    documents: np.ndarray
    where: dict[str, Where]


def draw(data: RunData, context: int, n_patterns: int, n_queries: int, positions: str = "all", seed: int = 0) -> Drawn:
    """At most so many patterns of the training text and queries of each part, drawn by the seed; nothing of it depends on a model.

    A training query must not find itself, nor may it depend on the size of the text whether what it is about is stored. Windows of queries
    are shifted against those of patterns: the patterns are the queries' own tokens, as they stand in windows that begin elsewhere, where
    `positions` has them, and a sample of all others. A document has one beginning only, so that patterns come from other documents than
    the training queries, of which at most half are asked about. (Leaving a query's own patterns out would do for a search, but not for a
    descent, in which all queries follow the energy of one memory.)
    Raises UsageError for positions that no row has, DataError where there are no queries.
    """
    places = pattern_places(data, context, positions)
    training, validation = (draw_queries(data, context, part, n_queries, seed) for part in ("training", "validation"))
    has_documents = isinstance(places, DocumentPlaces)
    training = _of_some_documents(training, places, seed) if has_documents else training
    n_common = min(len(training), len(validation))
    training, validation = (_some(queries, n_common, seed) for queries in (training, validation))
    if has_documents:
        return Drawn(places, _of_other_documents(places, training, n_patterns, seed), training, validation)
    own = _own_places(places, training)[:n_patterns]
    others = np.setdiff1d(sample_rows(len(places), n_patterns, seed), own)
    some = np.random.default_rng(seed).permutation(others)[: n_patterns - len(own)]
    return Drawn(places, np.sort(np.concatenate([own, some])), training, validation)


def states_of(model: PreTrainedModel, drawn: Drawn, names: list[str] | None = None, progress: Progress = quiet) -> DrawnStates:
    """The states of a model at the places drawn, in some layers, all by default, held in memory as float32."""
    names = layer_names(model) if names is None else names
    patterns = collect_states(model, drawn.places, drawn.numbers, names, progress)
    found = {part: collect_states(model, asked.places, asked.numbers, names, progress) for part, asked in drawn.queries.items()}
    queries, where = {part: one.by_layer for part, one in found.items()}, {part: one.where for part, one in found.items()}
    return DrawnStates(patterns.by_layer, queries, patterns.where.documents, where)


def _some(queries: Queries, n: int, seed: int) -> Queries:
    return replace(queries, numbers=np.sort(np.random.default_rng(seed).permutation(queries.numbers)[:n]))


def _own_places(places: WindowPlaces, training: Queries) -> np.ndarray:
    """The places of the queries' own tokens in the windows that patterns come from, as far as they are any: ascending."""
    rows, positions = training.places.locate(training.numbers)
    rows, positions = np.divmod(rows * places.context + training.places.shift + positions, places.context)
    in_rows, at = places.locate(np.arange(min(len(places), places.context)))
    at = at[in_rows == 0]  # the positions of any row
    within = np.minimum(np.searchsorted(at, positions), len(at) - 1)
    numbers = rows * len(at) + within
    return np.unique(numbers[(at[within] == positions) & (numbers < len(places))])


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
