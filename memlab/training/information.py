"""How many bits the training data hold: exact where the source's distribution is known, else a code length under a named reference."""

import lzma
from dataclasses import dataclass

import numpy as np

from memlab import config, registry
from memlab.data.corpus import recipe_of
from memlab.data.rows import RunData
from memlab.theory import capacity

_SAMPLE = 500_000  # tokens that are compressed: a third of a second
_LZMA_PRESET = 6


@dataclass(frozen=True)
class Information:
    """`bits` of all training tokens together. Where not `exact`, they are at most so many. `how` says how that was obtained."""

    bits: float
    exact: bool
    how: str


def information_of(data: config.Data, run: RunData) -> Information:
    """The bits that a model has to hold to know the training data by heart."""
    return by_entropy(data, run) or by_compression(run)


def by_entropy(data: config.Data, run: RunData) -> Information | None:
    """Entropy of a document under the distribution that training documents follow, times the number of documents.

    That is the source's own; where repeats are left out it is the one that this leaves (`unrepeated` of the source), by some more bits.
    None where the source has no `entropy`, where canaries are planted, and where the tokens are not all of the text: documents that are
    cut, words that the tokenizer does not know.
    """
    source = registry.load("source", data.source)
    if data.insertions or run.train.n_cut or not hasattr(source, "entropy") or _has_unknown(run):
        return None
    _, _, options = recipe_of(data)
    counts = run.corpus.splits()["train"]
    documents = run.selection.n_tokens * counts["documents"] / counts["tokens"] if data.rows == "windows" else len(run.selection.documents)
    entropy, words = source.entropy(options), "the source's own entropy"
    if hasattr(source, "unrepeated"):
        left = source.unrepeated(options, "train", *run.selection.span)
        entropy, words = left.entropy, f"the entropy of {left.words}"
    bits = capacity.data_bits(entropy, documents)
    return Information(bits, True, f"{words}, {bits / documents:.4g} bits a document")


def by_compression(run: RunData) -> Information:
    """Code length of the training tokens, from their beginning, under LZMA: an upper bound, since a better model needs fewer bits.

    On question formation, where the exact figure is known, it is about twice as long.
    """
    tokens = _first_tokens(run, _SAMPLE)
    coded = 8 * len(lzma.compress(tokens.tobytes(), preset=_LZMA_PRESET))
    n_tokens = run.selection.n_tokens
    which, scaled = (f"the first {len(tokens):,} of", ", scaled up to all") if len(tokens) < n_tokens else ("all", "")
    how = f"{which} {n_tokens:,} tokens compressed by LZMA{scaled}"
    return Information(coded * n_tokens / len(tokens), False, how)


def _first_tokens(run: RunData, count: int) -> np.ndarray:
    """The first tokens of the selection as they are stored."""
    starts, stops = run.selection.spans()
    enough = int(np.searchsorted(np.cumsum(stops - starts), count)) + 1
    pieces = [run.selection.read(int(start), int(stop)) for start, stop in zip(starts[:enough], stops[:enough], strict=True)]
    wanted = min(count, run.selection.n_tokens)
    return np.concatenate(pieces)[:wanted].astype(np.uint16 if run.corpus.vocab_size <= 1 << 16 else np.uint32)


def _has_unknown(run: RunData) -> bool:
    unknown = run.corpus.tokenizer.unk_token_id
    return unknown is not None and bool((run.selection.tokens.values == unknown).any())
