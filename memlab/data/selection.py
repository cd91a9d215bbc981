"""Which documents of a corpus a run trains on, in which order: a part, a prefix of it or of its rest, and planted canaries."""

import functools
from dataclasses import dataclass

import numpy as np

from memlab import config
from memlab.data.batches import mix
from memlab.data.corpus import Corpus
from memlab.data.ragged import Ragged
from memlab.errors import DataError


@dataclass(frozen=True)
class Canary:
    """A planted document: its tokens (the end-of-text token last), how often it stands in the stream, and whether they were drawn."""

    tokens: np.ndarray
    times: int
    is_random: bool = False


@dataclass(frozen=True)
class Selection:
    """The training documents of a run, in stream order.

    `documents` are indices into `tokens`; -1-k stands for canary k. `n_tokens` is D: with windows the stream is cut there
    (inside a document if need be), with documents it is the sum of their lengths.
    """

    tokens: Ragged
    documents: range | np.ndarray
    canaries: tuple[Canary, ...]
    n_tokens: int
    available: int

    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        """Start and stop in `tokens.values` of each document, (documents,) each; a canary's lie behind the end of the values."""
        index = np.asarray(self.documents, np.int64)
        lengths = np.array([len(canary.tokens) for canary in self.canaries], np.int64)
        ends = np.concatenate([self.tokens.ends, len(self.tokens.values) + np.cumsum(lengths)])
        slot = np.where(index >= 0, index, len(self.tokens) - 1 - index)
        return np.where(slot > 0, ends[slot - 1], 0), ends[slot]

    def read(self, start: int, stop: int) -> np.ndarray:
        """The tokens between two places of one document, counted as `spans` does: (stop - start,) int64."""
        behind = start - len(self.tokens.values)
        return (self.tokens.values[start:stop] if behind < 0 else self._planted[behind : behind + stop - start]).astype(np.int64)

    @property
    def span(self) -> tuple[int, int]:
        """The first of its documents and the one after the last, canaries left out."""
        index = np.asarray(self.documents, np.int64)
        kept = index[index >= 0]
        return int(kept.min()), int(kept.max()) + 1

    @functools.cached_property
    def _planted(self) -> np.ndarray:
        return np.concatenate([np.empty(0, np.int64), *(canary.tokens for canary in self.canaries)])

    def unseen(self) -> np.ndarray:
        """The training documents that are not in it, also not in part, ascending: (documents,) int64."""
        seen = np.asarray(self.documents, np.int64)
        return np.setdiff1d(np.arange(len(self.tokens)), seen[seen >= 0])

    def is_prefix(self) -> bool:
        """Whether the stream is the beginning of `tokens.values`, as it lies on disk."""
        return isinstance(self.documents, range) and self.documents.start == 0


def select(corpus: Corpus, data: config.Data) -> Selection:
    """The training documents that `data` asks for. Raises DataError where nothing is left."""
    tokens = corpus.tokens("train")
    whole = subset(len(tokens), data.subset_share, data.subset_part, data.subset_seed)
    documents = whole[data.skip :]
    if data.skip and not len(documents):
        raise DataError(f"data.skip is {data.skip:,}, but the training part has {len(whole):,} documents; skip fewer")
    available = _n_tokens(tokens, documents)
    wanted = data.tokens or round(data.fraction * available)
    if wanted > available:
        there = "rest of the training part" if data.skip else "training part"
        raise DataError(
            f"data.tokens is {data.tokens:,}, but the {there} has {available:,} tokens; "
            "ask for fewer (--fraction all), or for a larger source"
        )
    if data.rows == "windows":
        kept, n_tokens = _prefix_of_tokens(tokens, documents, wanted), wanted
    else:
        kept = (
            _prefix_of_tokens(tokens, documents, wanted, whole=True) if data.tokens else documents[: round(data.fraction * len(documents))]
        )
        n_tokens = _n_tokens(tokens, kept)
    if len(kept) == 0:
        share = f"data.tokens {data.tokens:,}" if data.tokens else f"data.fraction {data.fraction:g}"
        raise DataError(f"{share} leaves none of the {len(documents):,} documents (data.subset_share {data.subset_share:g}); raise it")
    canaries = make_canaries(corpus, data)
    if canaries:
        kept = _plant(np.asarray(kept, np.int64), canaries, data.seed)
        n_tokens += sum(len(canary.tokens) * canary.times for canary in canaries)
    return Selection(tokens, kept, canaries, n_tokens, available)


def subset(n_documents: int, share: float, part: int, seed: int) -> range | np.ndarray:
    """The documents of one of the disjoint random parts that each hold about `share` of them; all of them for share 1."""
    if share == 1:
        return range(n_documents)
    unit = mix(np.arange(n_documents, dtype=np.uint64), seed) / 2.0**64
    return np.flatnonzero(np.floor(unit / share) == part)


def make_canaries(corpus: Corpus, data: config.Data) -> tuple[Canary, ...]:
    """The canaries of a configuration: given texts, or tokens drawn uniformly from the vocabulary (specials excluded)."""
    if not data.insertions:
        return ()
    end = corpus.tokenizer.eos_token_id
    ordinary = np.setdiff1d(np.arange(corpus.vocab_size), corpus.tokenizer.all_special_ids)
    generator = np.random.default_rng([data.seed, 0xCA])
    canaries = []
    for insertion in data.insertions:
        if insertion.text:
            drawn = [corpus.tokenizer(insertion.text, add_special_tokens=False)["input_ids"]]
            if not drawn[0]:
                raise DataError(f"data.insertions.text is {insertion.text!r}, of which the tokenizer makes no token; give it words")
        else:
            drawn = generator.choice(ordinary, (insertion.count, insertion.length))
        canaries += [Canary(np.append(np.asarray(tokens, np.int64), end), insertion.times, not insertion.text) for tokens in drawn]
    return tuple(canaries)


def _plant(documents: np.ndarray, canaries: tuple[Canary, ...], seed: int) -> np.ndarray:
    """The documents with each canary standing `times` times at seeded places between them."""
    planted = np.repeat(-1 - np.arange(len(canaries)), [canary.times for canary in canaries])
    places = np.random.default_rng([seed, 0xCB]).integers(0, len(documents), len(planted))
    return np.insert(documents, places, planted)


def _n_tokens(tokens: Ragged, documents: range | np.ndarray) -> int:
    if isinstance(documents, range):
        return int(tokens.ends[documents.stop - 1]) - _begin(tokens, documents) if len(documents) else 0
    return int(np.diff(tokens.ends, prepend=0)[documents].sum())


def _prefix_of_tokens(tokens: Ragged, documents: range | np.ndarray, wanted: int, whole: bool = False) -> range | np.ndarray:
    """The first documents that hold `wanted` tokens; the last one may be cut, unless `whole`."""
    if isinstance(documents, range):
        ends = tokens.ends[documents.start : documents.stop] - _begin(tokens, documents) if documents.start else tokens.ends
    else:
        ends = np.cumsum(np.diff(tokens.ends, prepend=0)[documents])
    count = int(np.searchsorted(ends, wanted, side="right" if whole else "left")) + (0 if whole else 1)
    return documents[:count]


def _begin(tokens: Ragged, documents: range) -> int:
    """Where the first of some documents begins in the values."""
    return int(tokens.ends[documents.start - 1]) if documents.start else 0
