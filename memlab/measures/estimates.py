"""Estimates: a figure with the interval that it is known to lie in, at 95 % confidence.

Passages of one document are not independent. Where observations come with the documents (n,) that they belong to, whole documents are
resampled with replacement, and all their observations with them (the cluster bootstrap: Davison and Hinkley 1997, section 3.8; Field and
Welsh 2007). The interval is then about other documents of the same kind. Canaries have numbers below 0, each its own.
"""

from dataclasses import dataclass

import numpy as np

from memlab.measures.intervals import clopper_pearson
from memlab.measures.resampling import Groups, groups_of, percentiles


@dataclass(frozen=True)
class Estimate:
    """`value` from `n` observations, and the ends of its interval at 95 % confidence; `how` names the method.

    `n_documents` is how many documents the observations are from, None where each is taken as independent.
    """

    value: float
    low: float
    high: float
    n: int
    how: str
    n_documents: int | None = None


def rate(k: int, n: int) -> Estimate:
    """k of n independent ones, with the exact interval of the binomial distribution (Clopper and Pearson 1934).

    Raises ValueError unless 0 ≤ k ≤ n, n ≥ 1.
    """
    if n < 1:
        raise ValueError(f"{k} of {n} is no rate")
    return Estimate(k / n, *clopper_pearson(k, n), n, "Clopper-Pearson")


def share(found: np.ndarray, seed: int = 0, documents: np.ndarray | None = None, rows: np.ndarray | None = None) -> Estimate:
    """The share of observations (n,) bool that are true. `rows` (n,) are given where several are in one.

    Exact as `rate` where each is of a document of its own, or all are of one, each of a row of its own. Else from resampling documents, and
    at least as wide as the exact interval over observations, since few that are true are resampled too narrowly. Where none or all are true
    there is nothing to resample: the interval is then the exact one of as many documents as there are.
    """
    groups = groups_of(len(found), documents, rows)
    k, n = int(found.sum()), len(found)
    exact = rate(k, n)
    if groups.are_single:
        how = f"{exact.how} over {groups.words}" if groups.n_documents == 1 < n else exact.how
        return Estimate(exact.value, exact.low, exact.high, n, how, groups.n_documents)
    low, high = clopper_pearson(groups.m if k else 0, groups.m) if k in (0, n) else percentiles(_ratios(groups, found, seed=seed), groups.m)
    how = f"Clopper-Pearson on {groups.words}" if k in (0, n) else f"bootstrap over {groups.words}, at least Clopper-Pearson"
    return Estimate(exact.value, min(low, exact.low), max(high, exact.high), n, how, groups.n_documents)


def mean(values: np.ndarray, seed: int = 0, documents: np.ndarray | None = None, rows: np.ndarray | None = None) -> Estimate:
    """The mean of observations (n,), with its percentile bootstrap interval (Efron 1979; 1,000 resamples drawn by the seed).

    `rows` (n,) are given where several observations are in one.
    """
    groups = groups_of(len(values), documents, rows)
    return Estimate(float(values.mean()), *percentiles(_ratios(groups, values, seed=seed), groups.m), *_about(groups))


def ratio(parts: np.ndarray, wholes: np.ndarray, seed: int = 0, documents: np.ndarray | None = None) -> Estimate:
    """Σ parts / Σ wholes over n rows, with its percentile bootstrap interval over whole rows, or documents: what is in one hangs together.

    parts, wholes (n,). `n` of the estimate is the number of rows. Raises ValueError where the wholes are nothing.
    """
    if not wholes.sum() > 0:
        raise ValueError("a ratio to nothing has no value")
    groups = groups_of(len(parts), documents)
    interval = percentiles(_ratios(groups, parts, wholes, seed), groups.m)
    return Estimate(float(parts.sum() / wholes.sum()), *interval, *_about(groups))


def difference(
    values: np.ndarray,
    others: np.ndarray,
    seed: int = 0,
    documents: np.ndarray | None = None,
    other_documents: np.ndarray | None = None,
) -> Estimate:
    """The mean of observations (n,) less that of others (m,), with its bootstrap interval over both, which are independent."""
    groups, other_groups = groups_of(len(values), documents), groups_of(len(others), other_documents)
    differences = _ratios(groups, values, seed=seed) - _ratios(other_groups, others, seed=seed + 1)
    interval = percentiles(differences, min(groups.m, other_groups.m))
    return Estimate(float(values.mean() - others.mean()), *interval, *_about(groups, other_groups))


def auc(
    positive: np.ndarray,
    negative: np.ndarray,
    seed: int = 0,
    documents: np.ndarray | None = None,
    other_documents: np.ndarray | None = None,
) -> Estimate:
    """The chance that an observation of the one kind scores above one of the other, ties counted half: 0.5 tells nothing apart.

    positive (n,), negative (m,), from `documents` (n,) and `other_documents` (m,). The area under the curve of true against false
    positives (Hanley and McNeil 1982), with its bootstrap interval over both kinds. Raises ValueError where one is empty.
    """
    if not (len(positive) and len(negative)):
        raise ValueError("an AUC needs observations of both kinds")
    groups, other_groups = groups_of(len(positive), documents), groups_of(len(negative), other_documents)
    order = np.argsort(negative)
    below, upto = (np.searchsorted(negative[order], positive, side=side) for side in ("left", "right"))
    which = other_groups.which[order]

    def area(counts: np.ndarray, other_counts: np.ndarray) -> float:
        times, passed = counts[groups.which], np.append(0, np.cumsum(other_counts[which]))
        return float(times @ (passed[below] + passed[upto]) / 2 / times.sum() / passed[-1])

    areas = np.array([area(*some) for some in zip(groups.counts(seed), other_groups.counts(seed + 1), strict=True)])
    once = area(np.ones(groups.m, np.int64), np.ones(other_groups.m, np.int64))
    return Estimate(once, *percentiles(areas, min(groups.m, other_groups.m)), *_about(groups, other_groups))


def _ratios(groups: Groups, parts: np.ndarray, wholes: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """Σ parts / Σ wholes of each resample, of those in which there is a whole; without wholes the mean of the parts."""
    sums = groups.sums(parts), groups.sums(np.ones(len(parts)) if wholes is None else wholes)
    pairs = np.array([(counts @ sums[0], counts @ sums[1]) for counts in groups.counts(seed)])
    return pairs[pairs[:, 1] > 0, 0] / pairs[pairs[:, 1] > 0, 1]


def _about(*groups: Groups) -> tuple[int, str, int | None]:
    """The number of observations, how they were resampled, and the number of documents."""
    words = " and ".join(dict.fromkeys(some.words for some in groups))
    numbers = [some.n_documents for some in groups]
    return sum(len(some.which) for some in groups), f"bootstrap over {words}", None if None in numbers else sum(numbers)
