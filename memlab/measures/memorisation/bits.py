"""How many bits of its training text a model holds beyond what can be known without having seen it, in all and per parameter.

Unintended memorisation (Morris et al. 2025, arXiv 2505.24832): the code length of a passage under the reference minus the shorter of its
code lengths under the reference and under the model, so never below 0. Where the model predicts its own held-out text better than the
reference does, some of this is generalisation: held-out text says how much. What is saved is the difference itself, also below 0. On
held-out text its mean cannot be above 0, but by chance, where the reference is the exact distribution of that text, while the part above 0
can. Where repeats are left out a model that knows training lines by heart also knows that they do not come again: on the held-out lines
of question formation that could save 0.04 bits a line in the mean.
Totals are scaled from the passages looked at to all of the training text; a text that stands there k times counts once.
"""

import math
from dataclasses import replace

import numpy as np

from memlab.data.parts import PARTS
from memlab.measures.estimates import Estimate, difference, mean
from memlab.measures.material import Figure, Material
from memlab.measures.predicted import Predicted

PER_PARAMETER, BEYOND = "bits memorised per parameter", "bits per parameter beyond held-out text"
USES_REFERENCE = True  # figures depend on the material's reference, and there are none without


def measure(material: Material) -> list[Figure]:
    """Bits saved per passage, and bits memorised: per passage, in all and per parameter.

    The totals of held-out text are those of as many passages as the training text has; what training text has beyond them is a figure
    too, with an interval of its own. None of a part that the reference holds impossible. Intervals are over documents.
    """
    if material.reference is None:
        return []
    n_params = sum(parameter.numel() for parameter in material.model.parameters())
    n_rows, seed = n_passages(material), material.seed
    figures, of_part = [], {}
    for part, all_saved in passage_savings(material).items():
        known = ~np.isnan(all_saved)
        if known.any():
            some, saved = material.excerpts[part].some(known), all_saved[known]
            bits = np.maximum(saved, 0.0)
            once = bits / np.maximum(some.times, 1)
            is_all = part == "training" and len(known) == n_rows
            of_part[part] = once, some.documents, is_all
            total = scaled(_counted(once) if is_all else mean(once, seed, some.documents), n_rows)
            figures += [
                Figure("bits saved per passage", part, mean(saved, seed, some.documents), "bits"),
                Figure("bits memorised per passage", part, mean(bits, seed, some.documents), "bits"),
                Figure("bits memorised in all", part, total, "bits"),
            ]
            if n_params:
                figures.append(Figure(PER_PARAMETER, part, scaled(total, 1 / n_params), "bits"))
    if n_params and len(of_part) == len(PARTS):
        beyond = _beyond(*of_part["training"], *of_part["validation"][:2], seed)
        figures.append(Figure(BEYOND, "both", scaled(beyond, n_rows / n_params), "bits"))
    return figures


def passage_bits(material: Material) -> dict[str, np.ndarray]:
    """The unintended memorisation of each excerpt of both parts, (n,) each: NaN where it cannot occur under the reference."""
    return {part: np.maximum(saved, 0.0) for part, saved in passage_savings(material).items()}


def passage_savings(material: Material) -> dict[str, np.ndarray]:
    """By how much the model's code of each excerpt is shorter than the reference's: (n,) for each part, in bits, NaN likewise."""
    return {part: savings(material.predicted[part], material.expected[part]) for part in PARTS}


def savings(model: Predicted, reference: Predicted) -> np.ndarray:
    """L_reference - L_model of each row, (n,), in bits; NaN where L_reference is infinite."""
    without = code_lengths(reference)
    return np.where(np.isfinite(without), without, np.nan) - code_lengths(model)


def code_lengths(predicted: Predicted) -> np.ndarray:
    """The code length of each row, L = -Σ log2 p over its predicted tokens, in bits: (n,). Infinite for what cannot occur."""
    logs = np.where(predicted.are_predicted, predicted.log_probabilities, 0.0)
    return -logs.sum(1, dtype=np.float64) / math.log(2) + 0.0


def n_passages(material: Material) -> int:
    """How many passages the training text has: its documents, or its windows laid end to end."""
    rows = material.data.train
    stream = getattr(rows, "stream", None)
    return len(rows) if stream is None else (len(stream) - 1) // material.context


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """The estimate of so many times the figure."""
    return replace(estimate, value=estimate.value * factor, low=estimate.low * factor, high=estimate.high * factor)


def _counted(values: np.ndarray) -> Estimate:
    """The mean of all that there is: nothing about it is uncertain."""
    value = float(values.mean())
    return Estimate(value, value, value, len(values), "counted")


def _beyond(
    once: np.ndarray, documents: np.ndarray, is_all: bool, control: np.ndarray, control_documents: np.ndarray, seed: int
) -> Estimate:
    """By how much the mean over training passages is above that over the control; where these are all there are, only that is uncertain."""
    if not is_all:
        return difference(once, control, seed, documents, control_documents)
    counted, other = _counted(once), mean(control, seed, control_documents)
    low, high = counted.value - other.high, counted.value - other.low
    return replace(other, value=counted.value - other.value, low=low, high=high, how=f"{other.how} of the control")
