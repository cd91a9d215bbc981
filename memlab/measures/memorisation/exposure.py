"""How much likelier planted canaries are held than the same number of random tokens that were not planted, in bits.

Exposure = log2 |R| - log2 rank, the rank of the canary's log-probability among |R| candidates (Carlini et al. 2019, arXiv 1802.08232): here
itself and 1,023 sequences drawn just as it was, the same for all canaries of a length, so that it is at most 10 bits; for a canary that was
never seen it is 1.44 bits on average. Canaries with a text of their own have no such candidates and are passed over.
"""

from collections.abc import Sequence

import numpy as np

from memlab.data.rows import IGNORED
from memlab.measures.estimates import mean
from memlab.measures.material import Figure, Material
from memlab.measures.predicted import predict

CANDIDATES = 1024


def measure(material: Material) -> list[Figure]:
    """The mean over the canaries, those planted equally often together, and over as many that were drawn likewise and never planted."""
    canaries = [canary for canary in material.data.selection.canaries if canary.is_random]
    all_times = sorted({canary.times for canary in canaries})
    figures = []
    for times in all_times:
        planted = [canary.tokens for canary in canaries if canary.times == times]
        generator = np.random.default_rng([material.seed, 0xE0, times])
        never = [_drawn(material, len(tokens) - 1, 1, generator)[0] for tokens in planted]
        often = "" if len(all_times) == 1 else " planted once" if times == 1 else f" planted {times} times"
        for part, some in (("training", planted), ("validation", never)):
            figures.append(Figure(f"exposure of canaries{often}", part, mean(exposures(material, some), material.seed), "bits"))
    return figures


def exposures(material: Material, sequences: Sequence[np.ndarray]) -> np.ndarray:
    """Of each sequence (L,), its end-of-text token last: (n,) bits. Of equally likely candidates half count as likelier."""
    found = np.empty(len(sequences))
    lengths = np.array([len(tokens) for tokens in sequences])
    for length in np.unique(lengths).tolist():
        here = np.flatnonzero(lengths == length)
        candidates = _drawn(material, length - 1, CANDIDATES - 1, np.random.default_rng([material.seed, 0xE1, length]))
        logs = _log_probabilities(material, np.concatenate([[sequences[number] for number in here], candidates]))
        own, others = logs[: len(here), None], logs[len(here) :]
        ranks = 1 + (others > own).sum(1) + (others == own).sum(1) / 2
        found[here] = np.log2(CANDIDATES / ranks)
    return found


def _drawn(material: Material, length: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """n sequences of ordinary tokens, uniformly, each with the end-of-text token after it: (n, length + 1)."""
    tokenizer = material.data.corpus.tokenizer
    ordinary = np.setdiff1d(np.arange(material.data.corpus.vocab_size), tokenizer.all_special_ids)
    ends = np.full((n, 1), tokenizer.eos_token_id)
    return np.concatenate([generator.choice(ordinary, (n, length)), ends], 1)


def _log_probabilities(material: Material, sequences: np.ndarray) -> np.ndarray:
    """ln p of each sequence (n, L) as a document of its own, cut at the context: (n,)."""
    tokenizer = material.data.corpus.tokenizer
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    targets = sequences[:, : material.context]
    inputs = np.concatenate([np.full((len(targets), 1), begin), targets[:, :-1]], 1)
    logs = predict(material.model, inputs, np.where(targets >= 0, targets, IGNORED)).log_probabilities
    return logs.sum(1, dtype=np.float64)
