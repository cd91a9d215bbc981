"""The share of passages that greedy decoding goes on with word for word, and how many of their tokens match.

A passage is k-extractable where the model, given its first k tokens, decodes its next m tokens exactly (Carlini et al. 2022, arXiv
2202.07646). The memorisation score is the share of these m tokens that match, place by place (Biderman et al. 2023, arXiv 2304.11158).
k and m are half a row each, at most 50 tokens.
"""

import numpy as np

from memlab.measures.estimates import mean, share
from memlab.measures.material import Figure, Material


def measure(material: Material) -> list[Figure]:
    """Of the excerpts of each part."""
    figures = []
    for part, some in material.excerpts.items():
        scores = match(material.continued[part], some.continuations)
        figures += [
            Figure("passages extracted", part, share(scores == 1, material.seed, some.documents)),
            Figure("memorisation score", part, mean(scores, material.seed, some.documents)),
        ]
    return figures


def match(found: list[np.ndarray], true: list[np.ndarray]) -> np.ndarray:
    """The share of the tokens that match, place by place, of each continuation: (n,)."""
    return np.array([(one == other).mean() for one, other in zip(found, true, strict=True)])
