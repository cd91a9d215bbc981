"""Counterfactual memorisation: how much better a passage is predicted by models that were trained with it than by models that were not.

    mem(x) = mean accuracy on x of models trained with x - mean accuracy on x of models trained without x

A passage that can be guessed, or that stands in other text too, is predicted by both. Accuracy is the share of tokens that are the argmax
after their true prefix. Source: Zhang et al. 2021 (arXiv 2112.12938).
"""

from dataclasses import dataclass

import numpy as np

from memlab.data.ragged import Ragged
from memlab.data.rows import IGNORED, DocumentRows, RunData
from memlab.measures.estimates import Estimate, share
from memlab.measures.resampling import groups_of, percentiles

CHANCE = 0.975  # of the control, the quantile above which a passage counts as memorised
LEAST = 2  # models with a passage, and without: fewer have no spread


@dataclass(frozen=True, eq=False)
class Pieces:
    """n passages, each from `starts` to `stops` of one of the `documents` of a split: (n,) each."""

    documents: np.ndarray
    starts: np.ndarray
    stops: np.ndarray

    def __len__(self) -> int:
        return len(self.documents)

    def some(self, chosen: np.ndarray) -> "Pieces":
        """Those at some indices, or where a mask (n,) is true."""
        return Pieces(self.documents[chosen], self.starts[chosen], self.stops[chosen])


@dataclass(frozen=True, eq=False)
class Effects:
    """Of n passages (n,): mean accuracy `with_it` and `without`, their difference `value`, and its standard `error` over models."""

    with_it: np.ndarray
    without: np.ndarray
    error: np.ndarray

    @property
    def value(self) -> np.ndarray:
        return self.with_it - self.without


@dataclass(frozen=True)
class Beyond:
    """The `share` of training passages above a `bound`, and that of the control, which chance gives."""

    bound: float
    share: Estimate
    control: float

    @property
    def is_told(self) -> bool:
        """Whether more training passages lie above it than chance gives."""
        return self.share.low > self.control


def cut(lengths: np.ndarray, documents: np.ndarray, context: int, only_first: bool) -> Pieces:
    """Some documents of a split, cut into pieces of at most `context` tokens; the first piece alone where rows are documents.

    lengths are those of all documents of the split. A piece of one token is left out.
    """
    n_pieces = np.ones(len(documents), np.int64) if only_first else -(-lengths[documents] // context)
    of = np.repeat(documents, n_pieces)
    first = np.cumsum(n_pieces) - n_pieces
    starts = context * (np.arange(len(of)) - np.repeat(first, n_pieces))
    found = Pieces(of, starts, np.minimum(starts + context, lengths[of]))
    return found.some(found.stops - found.starts > 1)


def tokens_trained_on(data: RunData) -> np.ndarray:
    """How many tokens of each training document, from its first on, a run trains on: (documents,) int64."""
    documents = np.asarray(data.selection.documents, np.int64)
    seen = np.zeros(len(data.selection.tokens), np.int64)
    if isinstance(data.train, DocumentRows):
        lengths = data.train.lengths
    else:
        starts, stops = data.selection.spans()
        ends = np.cumsum(stops - starts)
        stream = len(data.train.stream) if data.order == "random" else data.train.n_predicted + 1  # whole windows of it
        lengths = np.clip(stream - (ends - (stops - starts)), 0, stops - starts)
    seen[documents[documents >= 0]] = lengths[documents >= 0]
    return seen


def within(pieces: Pieces, trained_on: np.ndarray) -> np.ndarray:
    """Which pieces a run was trained with, whole (1), not at all (0) or in part (-1): (n,) int8."""
    upto = trained_on[pieces.documents]
    return np.where(pieces.stops <= upto, 1, np.where(pieces.starts >= upto, 0, -1)).astype(np.int8)


def are_told(member: np.ndarray) -> np.ndarray:
    """Which passages enough models were trained with and enough without: member (M, n) as of `within` -> (n,) bool."""
    return ((member == 1).sum(0) >= LEAST) & ((member == 0).sum(0) >= LEAST)


def effects(accuracies: np.ndarray, member: np.ndarray) -> Effects:
    """Of M models on n passages: accuracies (M, n), member (M, n) as of `within`.

    The error is √(s²/m with it + s²/m without), s² the unbiased variance over the m models of either kind.
    """
    means, variances = [], []
    for kind in (1, 0):
        chosen = np.where(member == kind, accuracies, np.nan)
        means.append(np.nanmean(chosen, 0))
        variances.append(np.nanvar(chosen, 0, ddof=1) / (member == kind).sum(0))
    return Effects(means[0], means[1], np.sqrt(variances[0] + variances[1]))


def beyond(values: np.ndarray, documents: np.ndarray, control: np.ndarray, control_documents: np.ndarray, seed: int = 0) -> Beyond:
    """How many of the training passages (n,) lie above the 97.5 % quantile of the control (m,), each from one of the documents.

    The bound is itself uncertain: documents of both are resampled, and it is found anew in each resample. The interval is at least that
    of the share above the bound as it is. What lies above of the control is counted: with ties it is not 2.5 %.
    """
    groups, others = groups_of(len(values), documents), groups_of(len(control), control_documents)
    found = []
    for counts, other_counts in zip(groups.counts(seed), others.counts(seed + 1), strict=True):
        times = counts[groups.which]
        bound = np.quantile(np.repeat(control, other_counts[others.which]), CHANCE)
        found.append(times @ (values > bound) / times.sum())
    bound = float(np.quantile(control, CHANCE))
    given = share(values > bound, seed, documents)
    low, high = percentiles(np.array(found), min(groups.m, others.m))
    how = f"bootstrap over {groups.words} of both parts, at least {given.how} with the bound as it is"
    estimate = Estimate(given.value, min(low, given.low), max(high, given.high), given.n, how, given.n_documents)
    return Beyond(bound, estimate, float((control > bound).mean()))


def rows_of(pieces: Pieces, tokens: Ragged, begin: int) -> tuple[np.ndarray, np.ndarray]:
    """The pieces as rows for `predict`: inputs and targets (n, T) int64, padded; the first token is given the one before it, or `begin`."""
    longest = int((pieces.stops - pieces.starts).max(initial=1))
    inputs, targets = np.zeros((len(pieces), longest), np.int64), np.full((len(pieces), longest), IGNORED, np.int64)
    for row, (document, start, stop) in enumerate(zip(pieces.documents, pieces.starts, pieces.stops, strict=True)):
        text = tokens[int(document)].astype(np.int64)
        targets[row, : stop - start] = text[start:stop]
        inputs[row, 0] = text[start - 1] if start else begin
        inputs[row, 1 : stop - start] = text[start : stop - 1]
    return inputs, targets
