"""The share of passages that drawing n continuations finds with probability p.

(n, p)-discoverable extraction: 1 - (1 - p_z)^n ≥ p, with p_z the probability of the whole continuation when each token is drawn from the
model's own distribution, at temperature 1 and from all tokens (Hayes et al. 2024, arXiv 2410.19482). One pass with the true text gives p_z.
"""

import numpy as np

from memlab.measures.estimates import share
from memlab.measures.material import Figure, Material

DRAWS, P = (1, 100), 0.5


def measure(material: Material) -> list[Figure]:
    """Of the excerpts of each part, for 1 draw and for 100, at p = 0.5."""
    figures = []
    for part, some in material.excerpts.items():
        logs = np.where(some.are_in_continuations, material.predicted[part].log_probabilities, 0.0).sum(1, dtype=np.float64)
        for n in DRAWS:
            found = chance_in(logs, n) >= P
            name = f"passages found in {n} draw{'s' * (n > 1)}, p ≥ {P}"
            figures.append(Figure(name, part, share(found, material.seed, some.documents)))
    return figures


def chance_in(log_probability: np.ndarray, n: int) -> np.ndarray:
    """1 - (1 - p)^n from ln p, exact also where p is tiny."""
    with np.errstate(divide="ignore"):
        return -np.expm1(n * np.log1p(-np.exp(np.minimum(log_probability, 0.0))))
