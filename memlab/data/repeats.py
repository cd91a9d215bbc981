"""Spans of tokens that stand somewhere else too, at any offset: in the training text again, or in training and validation.

Each span of L tokens gets a 64-bit fingerprint from running sums (Rabin and Karp's idea): with r a random odd multiplier and v a
random 64-bit value per token, F(i) = r^-i · Σ_{j<L} v[t_{i+j}] r^{i+j} mod 2^64. Equal spans have equal fingerprints; the
chance that two different ones collide is about 2^-60 a pair. Where a text has more spans than `limit`, those whose fingerprint
falls below a common threshold are compared: the same sample of span contents on both sides, so shares stay unbiased.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from memlab.data.rows import DocumentRows, RunData, Stream

_CHUNK = 1 << 20
_OFTEN = 1000  # documents
SEARCHED = 200_000_000  # tokens of a text that spans are looked for in, from its beginning on
_SPAN = 50  # tokens, as Carlini et al. 2022 and Lee et al. 2022 use


Between = Callable[[], None]


@dataclass(frozen=True)
class Repeats:
    """Shares of spans of `span` tokens (0: of whole documents); `sampled` is the share of contents that was looked at (1: all)."""

    span: int
    repeated_in_training: float
    validation_in_training: float
    sampled: float


def repeats_of(data: RunData, rows: str, context: int, between: Between = lambda: None) -> Repeats:
    """The repeats of a run's training text, canaries and all, and its validation text: whole documents where a row is one, else spans.

    `between` is called every now and then; it may raise, to stop.
    """
    if rows == "documents":
        return _compare(_document_hashes(data.train, between=between), _document_hashes(data.validation, between=between), 0, 1.0)
    return count_repeats(data.train.stream, data.validation.stream, min(_SPAN, context), between=between)


def count_repeats(
    training: np.ndarray | Stream,
    validation: np.ndarray | Stream,
    span: int,
    limit: int = 20_000_000,
    between: Between = lambda: None,
) -> Repeats:
    """How much of the training text occurs in it more than once, and how much of the validation text occurs in training.

    `training` and `validation` are token ids, (n,). A text shorter than a span has no spans and a share of 0.
    """
    sampled = min(1.0, limit / max(1, len(training), len(validation)))
    return _compare(*(_fingerprints(text, span, sampled, between) for text in (training, validation)), span, sampled)


def occurrences(stream: np.ndarray | Stream, spans: np.ndarray, limit: int = SEARCHED) -> np.ndarray:
    """How often each of some spans (n, L) stands in a text, at any offset: (n,) int64. Of a longer text its first `limit` tokens count."""
    n, length = spans.shape
    if n == 0:
        return np.zeros(0, np.int64)
    prints = np.concatenate(list(_all_fingerprints(spans.reshape(-1), length)))[::length]
    wanted, which = np.unique(prints, return_inverse=True)
    counts = np.zeros(len(wanted), np.int64)
    for part in itertools.islice(_all_fingerprints(stream, length), -(-limit // _CHUNK)):
        counts += _count(wanted, part)
    return counts[which]


def document_occurrences(training: DocumentRows, rows: DocumentRows, indices: np.ndarray) -> np.ndarray:
    """How many training documents are, token by token, what some documents are: (n,) int64."""
    wanted, which = np.unique(_document_hashes(rows, indices), return_inverse=True)
    return _count(wanted, _document_hashes(training))[which]


def _count(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """How often each of `wanted` (ascending, all different) is in `found`."""
    places = np.minimum(np.searchsorted(wanted, found), len(wanted) - 1)
    return np.bincount(places[wanted[places] == found], minlength=len(wanted))


def _compare(training: np.ndarray, validation: np.ndarray, span: int, sampled: float) -> Repeats:
    unique, counts = np.unique(training, return_counts=True)
    repeated = counts[counts > 1].sum() / max(1, len(training))
    overlap = _count(unique, validation).sum() / len(validation) if len(unique) and len(validation) else 0.0
    return Repeats(span, float(repeated), float(overlap), sampled)


def _document_hashes(rows: DocumentRows, indices: Iterable[int] | None = None, between: Between = lambda: None) -> np.ndarray:
    """Of the documents at some indices, all by default."""
    digests = []
    for number, index in enumerate(range(len(rows)) if indices is None else indices):
        if number % _OFTEN == 0:
            between()
        digests.append(blake2b(rows.document(int(index)).tobytes(), digest_size=8).digest())
    return np.frombuffer(b"".join(digests), np.uint64)


def _fingerprints(tokens: np.ndarray | Stream, span: int, share: float, between: Between) -> np.ndarray:
    threshold = np.uint64(min(2**64 - 1, int(share * 2**64)))
    parts = []
    for part in _all_fingerprints(tokens, span):
        between()
        parts.append(part[part <= threshold])
    return np.concatenate(parts) if parts else np.empty(0, np.uint64)


def _all_fingerprints(tokens: np.ndarray | Stream, span: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(0x5EED)
    multiplier = int(generator.integers(0, 2**63)) * 2 + 1
    powers, inverses = (_powers(base, _CHUNK + span) for base in (multiplier, pow(multiplier, -1, 2**64)))
    table = generator.integers(0, 2**64, 1 << 16, dtype=np.uint64)
    for start in range(0, len(tokens) - span + 1, _CHUNK):
        chunk = tokens[start : start + _CHUNK + span - 1].astype(np.uint64)
        values = table[chunk & np.uint64(0xFFFF)] + (chunk >> np.uint64(16)) * np.uint64(0x9E3779B97F4A7C15)
        with np.errstate(over="ignore"):
            sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values * powers[: len(values)], dtype=np.uint64)])
            mixed = (sums[span:] - sums[:-span]) * inverses[: len(sums) - span]
            yield mixed ^ (mixed >> np.uint64(29))


def _powers(base: int, n: int) -> np.ndarray:
    """base^i mod 2^64 for i below n at least, by repeated doubling."""
    out = np.ones(1, np.uint64)
    with np.errstate(over="ignore"):
        while len(out) < n:
            out = np.concatenate([out, out * np.uint64(pow(base, len(out), 2**64))])
    return out
