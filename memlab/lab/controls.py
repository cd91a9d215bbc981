"""Controls: how near a run's patterns are to its training text and to held-out text, layer by layer, beside which any text is read.

Needs torch: see `lab.serving`.
"""

import contextlib
from dataclasses import asdict, dataclass
from typing import Any

from memlab.data.parts import PARTS
from memlab.errors import DataError, RunError
from memlab.files import read_json, write_json
from memlab.lab.remembering import RunMemory
from memlab.progress import Progress, quiet

AT = (0.05, 0.25, 0.5, 0.75, 0.95)
PERPLEXITY = 8.0  # effective patterns that the automatic beta gives held-out text, at the median
_N, _SEED, _FORMAT = 256, 0, 1


@dataclass(frozen=True)
class Control:
    """Of one layer. `beta` is chosen by perplexity over held-out queries, None where no β gives it.

    By part (training, validation): `distances` to the nearest pattern at the quantiles AT, in units of the state, and the median
    `effective_patterns`, at β = 1 and at `beta`.
    """

    beta: float | None
    distances: dict[str, list[float]]
    effective_patterns: dict[str, list[float]]


@dataclass(frozen=True)
class Controls:
    """By layer, from `n_queries` of each part; `n_repeated` were left out since their text stands in the training text elsewhere too."""

    n_queries: dict[str, int]
    n_repeated: dict[str, int]
    seed: int
    layers: dict[str, Control]


def controls(memory: RunMemory, progress: Progress = quiet) -> Controls:
    """The controls of a memory, kept beside its patterns once they are known. Raises DataError where no query is left.

    Training windows are shifted against the stored ones; a training document's own patterns do not count.
    """
    path = memory.store.path / "controls.json"
    with contextlib.suppress(RunError, KeyError, TypeError):  # none yet, or damaged
        known = read_json(path)
        if known["format"] == _FORMAT:
            return _from_plain(known)
    found = _measure(memory, progress)
    with contextlib.suppress(RunError):  # somebody else's patterns: found anew the next time
        write_json(path, {"format": _FORMAT, **asdict(found)})
    return found


def _measure(memory: RunMemory, progress: Progress) -> Controls:
    from memlab.measures.patterns import collect_states
    from memlab.measures.queries import draw_queries

    queries = {part: draw_queries(memory.data, memory.context, part, _N, _SEED) for part in PARTS}
    names = memory.store.layers
    states = {part: collect_states(memory.model, drawn.places, drawn.numbers, names) for part, drawn in queries.items()}
    own = _own_rows(memory, states["training"].where.documents)
    layers = {}
    for number, name in enumerate(names):
        progress("comparing training and held-out text", number, len(names), "layers")
        layers[name] = _control(memory.store.layer(name), {part: found.by_layer[name] for part, found in states.items()}, own)
    counts = ({part: len(drawn) for part, drawn in queries.items()}, {part: drawn.n_repeated for part, drawn in queries.items()})
    return Controls(*counts, _SEED, layers)


def _control(patterns: Any, states: dict[str, Any], own: Any) -> Control:
    import torch

    from memlab.memory.basin import beta_by_perplexity
    from memlab.memory.search import search

    try:
        beta = beta_by_perplexity(states["validation"], patterns, PERPLEXITY).beta
    except DataError:  # too few patterns, or none that differ
        beta = None
    betas = [1.0, beta] if beta else [1.0]
    found = {part: search(state, patterns, 1, betas, own if part == "training" else None) for part, state in states.items()}
    at = torch.tensor(AT, dtype=torch.float64)
    distances = {part: near.squared_distances[:, 0].sqrt().quantile(at).tolist() for part, near in found.items()}
    return Control(beta, distances, {part: near.effective_patterns.median(0).values.tolist() for part, near in found.items()})


def _own_rows(memory: RunMemory, documents: Any) -> Any:
    """The patterns that do not count for training queries; None where windows are shifted."""
    import torch

    from memlab.measures.queries import own_rows

    if not memory.has_documents:
        return None
    return torch.from_numpy(own_rows(documents, memory.store.origins["document"]))


def _from_plain(table: dict[str, Any]) -> Controls:
    layers = {name: Control(**values) for name, values in table["layers"].items()}
    return Controls(table["n_queries"], table["n_repeated"], table["seed"], layers)
