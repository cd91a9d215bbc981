"""Named floors for the loss plot: what a model that knows the distribution, or exactly the training set, can reach."""

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from memlab import config, registry
from memlab.data.corpus import recipe_of
from memlab.data.rows import IGNORED, RunData

_LARGEST = 2_000_000  # rows that are counted exactly for the memorisation floor
_AS_STATED = 1.0


@dataclass(frozen=True)
class Floor:
    """`loss` in nats per predicted token, with how it was obtained in words."""

    name: str
    loss: float
    how: str


def floors_of(data: config.Data, run: RunData, evaluated: np.ndarray) -> list[dict[str, Any]]:
    """The floors that are known for this data. `evaluated` are the validation rows that the curve is measured on."""
    found = [entropy_floor(data, run, evaluated), memorisation_floor(data, run), as_stated(data)]
    return [asdict(floor) for floor in found if floor is not None]


def entropy_floor(data: config.Data, run: RunData, evaluated: np.ndarray) -> Floor | None:
    """Mean of -ln p under the source's own distribution, of the very documents evaluated, per predicted token.

    No model that knows the distribution but no example does better on average. Known where a row is a whole document and the source
    has `log_probability`; None elsewhere, and where the tokenizer does not give the very text back (an unknown word).
    """
    source = registry.load("source", data.source)
    if data.rows != "documents" or run.validation.n_cut or not hasattr(source, "log_probability"):
        return None
    _, _, options = recipe_of(data)
    documents = [run.validation.origin(int(index))[0] for index in evaluated]
    nats = -sum(source.log_probability(run.corpus.text("validation", document), options) for document in documents)
    predicted = sum(len(run.corpus.tokens("validation")[document]) for document in documents)
    if not math.isfinite(nats):
        return None
    return Floor(
        "entropy",
        nats / predicted,
        f"mean of -ln p under the source's own distribution, over the {len(documents):,} validation lines evaluated",
    )


def memorisation_floor(data: config.Data, run: RunData) -> Floor | None:
    """What a model that knows exactly the training rows, and nothing else, loses on them.

    Lines: H(line) / mean number of predicted tokens, with H the entropy of the empirical distribution (ln P where all P differ).
    Windows whose first token is given: (H(window) - H(first token)) / context. None where rows overlap or are too many to count.
    """
    if data.order == "random" or len(run.train) > _LARGEST:
        return None
    windows, firsts, n = Counter(), Counter(), len(run.train)
    for start in range(0, n, 1024):
        inputs, targets = run.train.take(np.arange(start, min(start + 1024, n)))
        for first, row in zip(inputs[:, 0], targets, strict=True):
            key = (int(first), row[row != IGNORED].tobytes())
            windows[hash(key)] += 1
            firsts[int(first)] += 1
    loss = (_entropy(windows) - _entropy(firsts)) * n / run.train.n_predicted
    unit = "windows, their first token given" if data.rows == "windows" else "lines"
    return Floor("memorisation", max(0.0, loss), f"a model that knows exactly the {n:,} training {unit}")


def as_stated(data: config.Data) -> Floor | None:
    """The paper's bound of 1 nat per token for question formation. It is that data's entropy, not a limit of learning."""
    if data.source != "question_formation":
        return None
    return Floor("1, as stated", _AS_STATED, "the paper's lower bound ln Z + 1/Z ≥ 1, as stated; it is no lower bound of the loss")


def _entropy(counts: Counter) -> float:
    """In nats, of the empirical distribution."""
    n = sum(counts.values())
    return math.log(n) - sum(count * math.log(count) for count in counts.values()) / n
