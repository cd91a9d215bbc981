"""References: what can be known of a text without having seen it. What a model knows beyond its reference it has memorised.

The exact distribution where the source knows it, a model of the same kind trained on other text, or an n-gram model of other text.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from memlab.data.parts import AnyPart
from memlab.measures.predicted import Predicted

UNDECIDED = -1  # a guess where several tokens are held equally likely: an even choice is no knowledge


def unheard(done: int) -> None:
    """Progress that nobody watches."""


class Reference(Protocol):
    """Predicts the tokens of a text that it has not seen.

    `words` says in a sentence what it is and what it was made from; `is_exact` whether it is the distribution that the text is drawn from;
    `identity` (plain values) changes whenever its predictions could.
    """

    words: str
    is_exact: bool
    identity: dict[str, Any]

    def predict(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        part: AnyPart = "given",
        rows: np.ndarray | None = None,
        progress: Callable[[int], None] = unheard,
    ) -> Predicted:
        """What it holds of each token given the true ones before it: inputs, targets (n, T) int64, targets that are IGNORED left out.

        Rows of training or held-out text are named by `part` and `rows` (n,), as `take_excerpts` numbers them, so that a reference made
        from a part of the held-out text is never asked about that part. A guess is UNDECIDED where several tokens are equally likely; the
        log-probability of what cannot occur is -inf. `progress` is called with the rows done and may raise, to stop.
        """
        ...
