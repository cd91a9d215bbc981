"""How well training text is told from held-out text: the AUC of the loss, and of the least likely tokens.

By loss (Yeom et al. 2018): the mean log-probability of a passage. By min-K% (Shi et al. 2024, arXiv 2310.16789): that of its 20 % least
likely tokens. By energy: the nearest squared distance to the stored patterns, of a state in the last block. There windows of training
text are shifted, so that none finds itself, but their tokens are among the patterns, as they stand in windows that begin elsewhere, and
those of held-out text are not: what is told is whether text is stored, which a model can do that has memorised nothing. Where rows are
documents, which have one beginning only, patterns come from others than are asked about, and by energy nothing can be told.

0.5 tells nothing.
"""

import numpy as np

from memlab.data.rows import DocumentRows
from memlab.measures.drawn import draw, states_of
from memlab.measures.estimates import auc
from memlab.measures.hidden import NORM, layer_names
from memlab.measures.material import Figure, Material
from memlab.memory.search import search

BY_ENERGY = "AUC by energy, own text stored"
K = 0.2
_PATTERNS = 4096


def measure(material: Material) -> list[Figure]:
    """AUC over the excerpts of both parts; by energy, of windows, over places drawn likewise."""
    logs = {part: found.log_probabilities for part, found in material.predicted.items()}
    documents = {part: some.documents for part, some in material.excerpts.items()}
    scores = {
        "AUC by loss": ({part: np.nanmean(values, 1) for part, values in logs.items()}, documents),
        f"AUC by min-{K:.0%}": ({part: least_likely(values) for part, values in logs.items()}, documents),
    }
    if not isinstance(material.data.train, DocumentRows):
        scores[BY_ENERGY] = _nearness(material)
    return [
        Figure(name, "both", auc(found["training"], found["validation"], material.seed, of["training"], of["validation"]), "AUC")
        for name, (found, of) in scores.items()
    ]


def least_likely(log_probabilities: np.ndarray) -> np.ndarray:
    """The mean log-probability of the 20 % least likely tokens of each row, at least one: (n, T) with NaN for padding -> (n,)."""
    counts = (~np.isnan(log_probabilities)).sum(1)
    kept = np.maximum(1, np.floor(K * counts)).astype(int)
    ascending = np.sort(log_probabilities, 1)  # NaN comes last
    return np.array([row[:n].mean() for row, n in zip(ascending, kept, strict=True)])


def _nearness(material: Material) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Minus the nearest squared distance of queries of each part, in the last block, and the documents that these are in."""
    drawn = draw(material.data, material.context, _PATTERNS, material.n or len(material.excerpts["training"]), seed=material.seed)
    layer = [name for name in layer_names(material.model) if name != NORM][-1]
    states = states_of(material.model, drawn, [layer], material.progress)
    found = {part: search(by_layer[layer], states.patterns[layer]).squared_distances[:, 0] for part, by_layer in states.queries.items()}
    return {part: -distances.numpy() for part, distances in found.items()}, {part: where.documents for part, where in states.where.items()}
