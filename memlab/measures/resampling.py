"""Resampling what is independent: whole documents, for passages of one document hang together."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from memlab.measures.intervals import CONFIDENCE
from memlab.theory.student import student

RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Groups:
    """n observations in `m` groups, of which whole ones are drawn: `which` (n,) says the group of each.

    `n_documents` is None where none were given; `words` is "documents" where groups are, else "rows" or "rows of one document".
    """

    which: np.ndarray
    m: int
    n_documents: int | None
    words: str

    @property
    def are_single(self) -> bool:
        """Whether each observation is a group of its own."""
        return self.m == len(self.which)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """The sum of the values (n,) of each group: (m,) float64."""
        return np.bincount(self.which, values, self.m)

    def counts(self, seed: int) -> Iterator[np.ndarray]:
        """How often each group is in a resample of m groups, drawn with replacement: (m,), one resample after the other.

        Together they would take a thousand times the room of the groups.
        """
        generator = np.random.default_rng(seed)
        return (np.bincount(generator.integers(0, self.m, self.m), minlength=self.m) for _ in range(RESAMPLES))


def groups_of(n: int, documents: np.ndarray | None = None, rows: np.ndarray | None = None) -> Groups:
    """What n observations are resampled by: the documents (n,) that they belong to.

    Where none are given and where all are of one, nothing can be told about other documents: groups are then the rows (n,) that
    observations are in, or each is a group of its own. Raises ValueError for documents of another number than the observations.
    """
    which, m = (np.arange(n), n) if rows is None else _numbered(rows)
    if documents is None:
        return Groups(which, m, None, "rows")
    if len(documents) != n:
        raise ValueError(f"{n} observations belong to {len(documents)} documents; there must be one for each")
    by_document, n_documents = _numbered(documents)
    if n_documents == 1 < n:
        return Groups(which, m, 1, "rows of one document")
    return Groups(by_document, n_documents, n_documents, "documents")


def _numbered(names: np.ndarray) -> tuple[np.ndarray, int]:
    """The number of each name (n,), from 0 on, and how many there are; where all differ, in the order that they come in."""
    different, which = np.unique(names, return_inverse=True)
    return (np.arange(len(names)) if len(different) == len(names) else which), len(different)


def percentiles(values: np.ndarray, m: int) -> tuple[float, float]:
    """The ends of the 95 % interval from what resamples of m groups gave, (1000,): expanded percentiles.

        α' = Φ(-t(m - 1) · √(m / (m - 1))) on either side, 2.5 % for many groups

    Plain percentiles are too narrow for few groups, as is z in the place of Student's t. Source: Hesterberg 2015 (arXiv 1411.5279),
    expanded percentiles.
    """
    share = (1 - CONFIDENCE) / 2 if m < 2 else NormalDist().cdf(-student(m - 1, CONFIDENCE) * math.sqrt(m / (m - 1)))
    low, high = np.percentile(values, [100 * share, 100 - 100 * share])
    return float(low), float(high)
