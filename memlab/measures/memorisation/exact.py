"""The share of tokens that the model holds most likely after their true prefix.

Exact memorisation per token, M of Tirumala et al. 2022 (arXiv 2205.10770). Text that can be guessed counts too: the held-out share says how
much of it that is.
"""

from memlab.measures.estimates import ratio
from memlab.measures.material import Figure, Material


def measure(material: Material) -> list[Figure]:
    """Of all predicted tokens of the excerpts."""
    figures = []
    for part, found in material.predicted.items():
        counts = found.are_right.sum(1), found.are_predicted.sum(1)
        figures.append(Figure("tokens held most likely", part, ratio(*counts, material.seed, material.excerpts[part].documents)))
    return figures
