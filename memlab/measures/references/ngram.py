"""An interpolated trigram model as reference: the counts of some text, mixed by how often a context goes on with something new.

    p(w | h) = (c(h w) + T(h) · p(w | h')) / (c(h) + T(h))

c counts what follows the context h, T(h) is the number of different tokens that do, h' is h without its first token; below the single
token lies 1/V. Source: Witten and Bell 1991, method C, interpolated as Chen and Goodman 1999 have it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memlab.data.parts import AnyPart
from memlab.data.rows import IGNORED
from memlab.measures.predicted import Predicted
from memlab.measures.references import UNDECIDED, unheard

VERSION = 1  # raise it whenever the same text would give other probabilities
_CELLS = 1 << 23  # probabilities held at once: 64 MB
NOTHING = -1  # in place of a token before the first one


@dataclass(frozen=True, eq=False)
class _Followers:
    """What follows each of K contexts: `contexts` ascending, `starts` (K + 1,) into the `tokens` and their `counts` (n,)."""

    contexts: np.ndarray
    starts: np.ndarray
    tokens: np.ndarray
    counts: np.ndarray

    def mix(self, below: np.ndarray, contexts: np.ndarray) -> None:
        """Mix the counts after each context (m,) into the probabilities of the level below, (m, V), in place."""
        place = np.minimum(np.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        known = np.flatnonzero(self.contexts[place] == contexts)
        first, end = self.starts[place[known]], self.starts[place[known] + 1]
        n_different = end - first
        rows = np.repeat(np.arange(len(known)), n_different)
        items = np.arange(len(rows)) - np.repeat(np.cumsum(n_different) - n_different, n_different) + np.repeat(first, n_different)
        totals = np.bincount(rows, self.counts[items], len(known)) + n_different
        below[known] *= (n_different / totals)[:, None]
        below[known[rows], self.tokens[items]] += self.counts[items] / totals[rows]


@dataclass(frozen=True, eq=False)
class Trigram:
    """A trigram model over V tokens, of `n_tokens` predicted ones: `single` (V,) probabilities, and what follows one and two tokens."""

    n_tokens: int
    single: np.ndarray
    pairs: _Followers | None
    triples: _Followers | None

    @property
    def vocab_size(self) -> int:
        return len(self.single)

    @property
    def n_counts(self) -> int:
        """How many different sequences of one, two and three tokens are counted."""
        return len(self.single) + sum(len(one.tokens) for one in (self.pairs, self.triples) if one is not None)

    def probabilities(self, before: np.ndarray) -> np.ndarray:
        """Of every token after two others: before (m, 2), NOTHING for the first of them where there is one only -> (m, V), sums 1."""
        found = np.tile(self.single, (len(before), 1))
        if self.pairs is not None:
            self.pairs.mix(found, before[:, 1])
        both = np.flatnonzero(before[:, 0] != NOTHING)
        if self.triples is not None and len(both):
            mixed = found[both]
            self.triples.mix(mixed, before[both, 0] * self.vocab_size + before[both, 1])
            found[both] = mixed
        return found


def count(pieces: Sequence[np.ndarray], vocab_size: int) -> Trigram:
    """The trigram model of some pieces of text (k,), each with its first token given; nothing is counted across two of them.

    Raises ValueError where no piece has two tokens.
    """
    tokens = np.concatenate([np.asarray(piece, np.int64) for piece in pieces]) if len(pieces) else np.empty(0, np.int64)
    place = np.concatenate([np.arange(len(piece)) for piece in pieces]) if len(pieces) else tokens
    predicted = tokens[place >= 1]
    if len(predicted) == 0:
        raise ValueError("no piece of text has two tokens")
    counts = np.bincount(predicted, minlength=vocab_size)
    n_different = np.count_nonzero(counts)
    single = (counts + n_different / vocab_size) / (len(predicted) + n_different)
    second, third = np.flatnonzero(place >= 1), np.flatnonzero(place >= 2)
    pairs = _followers(tokens[second - 1], tokens[second], vocab_size)
    triples = _followers(tokens[third - 2] * vocab_size + tokens[third - 1], tokens[third], vocab_size)
    return Trigram(len(predicted), single, pairs, triples)


def _followers(contexts: np.ndarray, tokens: np.ndarray, vocab_size: int) -> _Followers | None:
    if len(tokens) == 0:
        return None
    both, counts = np.unique(contexts * vocab_size + tokens, return_counts=True)
    own, starts = np.unique(both // vocab_size, return_index=True)
    return _Followers(own, np.append(starts, len(both)), both % vocab_size, counts)


@dataclass(frozen=True, eq=False)
class NgramReference:
    """A trigram model of text that is not asked about.

    Made from held-out text there are two models: rows of held-out text before `turn` are predicted by `other`, which has seen the rest.
    """

    model: Trigram
    words: str
    identity: dict[str, Any]
    other: Trigram | None = None
    turn: int = 0
    is_exact: bool = False

    def predict(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        part: AnyPart = "given",
        rows: np.ndarray | None = None,
        progress: Callable[[int], None] = unheard,
    ) -> Predicted:
        """As `Reference.predict`. Raises ValueError for held-out text whose rows are not named, where the reference is made from some."""
        if self.other is None or part != "validation":
            return _predict(self.model, inputs, targets, progress)
        if rows is None:
            raise ValueError("a reference made from held-out text must know which rows it is asked about")
        early, late = np.flatnonzero(rows < self.turn), np.flatnonzero(rows >= self.turn)
        parts = [
            _predict(self.other, inputs[early], targets[early], progress),
            _predict(self.model, inputs[late], targets[late], lambda done: progress(len(early) + done)),
        ]
        back = np.argsort(np.concatenate([early, late]))
        arrays = (np.concatenate([getattr(one, name) for one in parts])[back] for name in ("guesses", "ranks", "log_probabilities"))
        return Predicted(targets, *arrays)


def _predict(model: Trigram, inputs: np.ndarray, targets: np.ndarray, progress: Callable[[int], None]) -> Predicted:
    """A block of positions at a time."""
    guesses = np.full(targets.shape, UNDECIDED, np.int64)
    ranks, logs = np.full(targets.shape, -1, np.int64), np.full(targets.shape, np.nan)
    rows, places = np.nonzero(targets != IGNORED)
    at_once = max(1, _CELLS // model.vocab_size)
    for start in range(0, len(rows), at_once):
        row, place = rows[start : start + at_once], places[start : start + at_once]
        before = np.stack([np.where(place > 0, inputs[row, place - 1], NOTHING), inputs[row, place]], 1)
        found = model.probabilities(before)  # (m, V)
        most, own = found.max(1), found[np.arange(len(row)), targets[row, place]]
        is_one = (found == most[:, None]).sum(1) == 1
        guesses[row, place] = np.where(is_one, found.argmax(1), UNDECIDED)
        ranks[row, place] = (found > own[:, None]).sum(1)
        logs[row, place] = np.log(own)
        progress(int(row[-1]) + 1)
    return Predicted(targets, guesses, ranks, logs)
