"""Forgetting: what is memorised at one checkpoint and no longer at a later one.

Tirumala et al. 2022 (arXiv 2205.10770) follow the tokens that a model holds over training, Toneva et al. 2019 count how often an example
that was right becomes wrong. Text that can be guessed is held and lost by chance too: held-out text says how much of it that is.
"""

from dataclasses import dataclass

import numpy as np

from memlab.measures import estimates
from memlab.measures.estimates import Estimate


@dataclass(frozen=True)
class Shares:
    """At one checkpoint: the share that is held, that was held at an earlier one and is not now, and that was never held so far."""

    held: Estimate
    forgotten: Estimate
    never: Estimate


def course(held: np.ndarray, there: np.ndarray, documents: np.ndarray, seed: int = 0) -> list[Shares]:
    """The shares at each of S checkpoints, which sum to 1, of what n rows have in m places: held (S, n, m) bool, there (n, m) bool.

    Places that are not `there` do not count. Intervals are from resampling the documents (n,) that rows begin in, as `estimates.share` with
    one place a row, else as `estimates.ratio`.
    """
    held = held & there
    before = held_before(held)
    return [
        Shares(*(_share(some, there, documents, seed) for some in (now, once & ~now, there & ~now & ~once)))
        for now, once in zip(held, before, strict=True)
    ]


def held_before(held: np.ndarray) -> np.ndarray:
    """What was held at any earlier checkpoint: (S, …) bool -> (S, …), nothing at the first."""
    earlier = np.logical_or.accumulate(held, 0)
    return np.concatenate([np.zeros_like(held[:1]), earlier[:-1]])


def times_forgotten(held: np.ndarray) -> np.ndarray:
    """How often each was held at one checkpoint and not at the next: (S, n) bool -> (n,). Forgetting events of Toneva et al. 2019."""
    return (held[:-1] & ~held[1:]).sum(0)


def _share(chosen: np.ndarray, there: np.ndarray, documents: np.ndarray, seed: int) -> Estimate:
    if there.shape[1] == 1:
        return estimates.share(chosen[there], seed, documents[there[:, 0]])
    return estimates.ratio(chosen.sum(1), there.sum(1), seed, documents)
