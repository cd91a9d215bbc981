"""The exact reference: the distribution that a source draws its documents from, word by word."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerFast

from memlab.data.parts import AnyPart
from memlab.data.rows import IGNORED
from memlab.measures.predicted import Predicted
from memlab.measures.references import UNDECIDED, unheard

NextWords = Callable[[Sequence[str]], Mapping[str | None, float]]


@dataclass(frozen=True, eq=False)
class ExactReference:
    """`next_words` gives the probability of each word after the first words of a document, None for its end.

    `of_part` has those of training and of held-out documents where they follow distributions of their own.

    Rows must begin with their document, and every word must be one token: a tokenizer of words. The unknown token stands for all words that
    the tokenizer does not know.
    """

    next_words: NextWords
    tokenizer: PreTrainedTokenizerFast
    words: str
    identity: dict[str, Any]
    is_exact: bool = True
    of_part: Mapping[AnyPart, NextWords] = field(default_factory=dict)

    def predict(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        part: AnyPart = "given",
        rows: np.ndarray | None = None,
        progress: Callable[[int], None] = unheard,
    ) -> Predicted:
        """As `Reference.predict`; the log-probability is -inf also after words that no document begins with."""
        next_words = self.of_part.get(part, self.next_words)
        guesses = np.full(targets.shape, UNDECIDED, np.int64)
        ranks, logs = np.full(targets.shape, -1, np.int64), np.full(targets.shape, np.nan)
        for row, ids in enumerate(targets):
            there = np.flatnonzero(ids != IGNORED)
            begun = self.tokenizer.convert_ids_to_tokens(inputs[row, 1 : there[-1] + 1 if len(there) else 1].tolist())
            for place in there.tolist():
                after = self._tokens(next_words(begun[:place]))
                guesses[row, place], ranks[row, place], logs[row, place] = _read(after, int(ids[place]))
            progress(row + 1)
        return Predicted(targets, guesses, ranks, logs)

    def _tokens(self, words: Mapping[str | None, float]) -> dict[int, float]:
        """The probability of each token, given that of each word."""
        found: dict[int, float] = {}
        for word, probability in words.items():
            token = self.tokenizer.eos_token_id if word is None else self.tokenizer.convert_tokens_to_ids(word)
            found[token] = found.get(token, 0.0) + probability
        return found


def _read(after: Mapping[int, float], target: int) -> tuple[int, int, float]:
    """The one likeliest token, the rank of the target and its log-probability."""
    own, most = after.get(target, 0.0), max(after.values(), default=0.0)
    likeliest = [token for token, probability in after.items() if probability == most]
    guess = likeliest[0] if len(likeliest) == 1 else UNDECIDED
    return guess, sum(probability > own for probability in after.values()), math.log(own) if own else -math.inf
