"""How much likelier planted canaries are held than the same number of random tokens that were not planted, in bits.

Exposure = log2 |R| - log2 rank, the rank of the canary's log-probability among |R| candidates (Carlini et al. 2019, arXiv 1802.08232): here
itself and 1,023 sequences drawn just as it was, so that it is at most 10 bits; for a canary that was never seen it is 1.44 bits on average.
Canaries with a text of their own have no such candidates and are passed over.
"""

import numpy as np

from memlab.data.rows import IGNORED
from memlab.measures.estimates import mean
from memlab.measures.material import Figure, Material
from memlab.measures.predicted import predict

CANDIDATES = 1024


def measure(material: Material) -> list[Figure]:
    """The mean over the canaries, and over as many sequences that were drawn likewise and never planted."""
    canaries = [canary.tokens for canary in material.data.selection.canaries if canary.is_random]
    if not canaries:
        return []
    generator = np.random.default_rng([material.seed, 0xE0])
    planted = [exposure(material, tokens, generator) for tokens in canaries]
    never = [exposure(material, _drawn(material, len(tokens) - 1, 1, generator)[0], generator) for tokens in canaries]
    return [
        Figure("exposure of canaries", part, mean(np.array(values), material.seed), "bits")
        for part, values in (("training", planted), ("validation", never))
    ]


def exposure(material: Material, tokens: np.ndarray, generator: np.random.Generator) -> float:
    """Of one sequence (L,), its end-of-text token last, against sequences drawn anew. Of equally likely ones half count as likelier."""
    others = _drawn(material, len(tokens) - 1, CANDIDATES - 1, generator)
    logs = _log_probabilities(material, np.concatenate([tokens[None], others]))
    rank = 1 + (logs[1:] > logs[0]).sum() + (logs[1:] == logs[0]).sum() / 2
    return float(np.log2(CANDIDATES / rank))


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
