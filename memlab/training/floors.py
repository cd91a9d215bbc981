"""Named floors for the loss plot: what a model that knows the distribution, or exactly the training set, can reach."""

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from memlab import config, registry
from memlab.data.corpus import recipe_of
from memlab.data.rows import IGNORED, RunData
from memlab.training.evaluate import fixed_rows

_LARGEST = 2_000_000  # rows that are counted exactly for the memorisation floor
_AS_STATED = 1.0


@dataclass(frozen=True)
class Floor:
    """`loss` in nats per predicted token, with how it was obtained in words."""

    name: str
    loss: float
    how: str


def floors_of(data: config.Data, run: RunData, eval_rows: int) -> list[dict[str, Any]]:
    """The floors that are known for this data, each of the very rows that its curve is measured on: `eval_rows` of each part at most."""
    found = [
        entropy_floor(data, run, fixed_rows(run.validation, eval_rows)),
        memorisation_floor(data, run, fixed_rows(run.train, eval_rows)),
        as_stated(data),
    ]
    return [asdict(floor) for floor in found if floor is not None]


def entropy_floor(data: config.Data, run: RunData, evaluated: np.ndarray) -> Floor | None:
    """Mean of -ln q, of the very validation documents evaluated, per predicted token: q is the distribution that such documents follow.

    That is the source's own p where each is drawn by itself; where repeats are left out it is not, and -ln p no floor: likely documents
    came up before, so that held-out ones are rarer among likely texts than p says (`unrepeated` of the source). No model that knows
    q but no example does better on average. One that knows the training documents by heart can a little, where none of them comes again.
    Known where a row is a whole document and the source has `log_probability`; None elsewhere, and where the tokenizer does not give the
    very text back (an unknown word).
    """
    source = registry.load("source", data.source)
    if data.rows != "documents" or run.validation.n_cut or not hasattr(source, "log_probability"):
        return None
    _, _, options = recipe_of(data)
    documents = [run.validation.origin(int(index))[0] for index in evaluated]
    texts = [run.corpus.text("validation", document) for document in documents]
    if hasattr(source, "unrepeated"):
        left = source.unrepeated(options, "validation")
        nats = -sum(left.log_probability(text) for text in texts)
        what, which = "-ln q", f"; q is the distribution of {left.words}"
    else:
        nats = -sum(source.log_probability(text, options) for text in texts)
        what, which = "-ln p under the source's own distribution", ""
    predicted = sum(len(run.corpus.tokens("validation")[document]) for document in documents)
    if not math.isfinite(nats):
        return None
    return Floor("entropy", nats / predicted, f"mean of {what}, over the {len(documents):,} validation lines evaluated{which}")


def memorisation_floor(data: config.Data, run: RunData, evaluated: np.ndarray) -> Floor | None:
    """What a model that knows exactly the training rows, and nothing else, loses on those of them that are evaluated.

    It gives a row its share of all training rows: the mean of -ln share(line), per predicted token (ln P where all P lines differ). Of
    windows the first token is given: -ln share(window) + ln share(first token). Over all rows these are H(line) and H(window) -
    H(first token), with H the entropy of the empirical distribution. None where rows overlap or are too many to count.
    """
    if data.order == "random" or len(run.train) > _LARGEST:
        return None
    windows, firsts, n = Counter(), Counter(), len(run.train)
    for start in range(0, n, 1024):
        inputs, targets = run.train.take(np.arange(start, min(start + 1024, n)))
        for first, row in zip(inputs[:, 0], targets, strict=True):
            windows[_key(first, row)] += 1
            firsts[int(first)] += 1
    nats, predicted = [], 0
    for inputs, targets in map(run.train.take, np.array_split(evaluated, -(-len(evaluated) // 1024))):
        nats += [math.log(firsts[int(one[0])] / windows[_key(one[0], row)]) for one, row in zip(inputs, targets, strict=True)]
        predicted += int((targets != IGNORED).sum())
    unit = "windows, their first token given" if data.rows == "windows" else "lines"
    asked = f", on the {len(evaluated):,} evaluated" if len(evaluated) < n else ""
    return Floor("memorisation", math.fsum(nats) / predicted, f"a model that knows exactly the {n:,} training {unit}{asked}")


def as_stated(data: config.Data) -> Floor | None:
    """The paper's bound of 1 nat per token for question formation. It is that data's entropy, not a limit of learning."""
    if data.source != "question_formation":
        return None
    return Floor("1, as stated", _AS_STATED, "the paper's lower bound ln Z + 1/Z ≥ 1, as stated; it is no lower bound of the loss")


def _key(first: int, targets: np.ndarray) -> int:
    """Equal for equal rows: the token that is given and those that are predicted."""
    return hash((int(first), targets[targets != IGNORED].tobytes()))
