"""Token classes: of every token of a text, whether the model has it wrong, copies it, could predict it anyway, or has memorised it."""

from dataclasses import dataclass

import numpy as np

from memlab.measures import estimates
from memlab.measures.estimates import Estimate
from memlab.measures.predicted import Predicted

VERSION = 2  # raise it whenever tokens are told apart otherwise
WRONG, COPIED, PREDICTABLE, MEMORISED, UNSURE = CLASSES = ("wrong", "copied", "predictable", "memorised", "unsure")
SURE = 0.9  # the probability above which a right token is memorised
NONE = -1  # where there is no token


@dataclass(frozen=True)
class Share:
    """How much of a text belongs to the class of this name: the mean share over its rows, with its bootstrap interval over documents."""

    name: str
    share: Estimate


def classify(inputs: np.ndarray, predicted: Predicted, reference: Predicted) -> np.ndarray:
    """The class of each token, the first that applies, as an index into CLASSES, NONE where a row is padded: (n, T) int8.

        wrong        another token is the argmax
        copied       the two tokens before it occurred earlier in its context with this successor
        predictable  the reference's one argmax is right too
        memorised    the model gives it a probability above 0.9
        unsure       none of these: right, but not surely

    inputs (n, T) are what both predictions were made from.
    """
    there, right = predicted.are_predicted, predicted.are_right
    with np.errstate(invalid="ignore"):
        sure = np.exp(predicted.log_probabilities) > SURE
    known = [~right, are_copied(inputs, predicted.targets), reference.are_right, sure]
    return np.where(there, np.select(known, range(len(known)), len(known)), NONE).astype(np.int8)


def are_copied(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Which targets have already followed the two tokens before them, earlier in the row: (n, T) bool. The first has one before it."""
    found = np.zeros(targets.shape, bool)
    for number, (row, wanted) in enumerate(zip(inputs.tolist(), targets.tolist(), strict=True)):
        followed: set[tuple[int, ...]] = set()
        for place in range(1, len(row)):
            if place > 1:
                followed.add(tuple(row[place - 2 : place + 1]))
            found[number, place] = (*row[place - 1 : place + 1], wanted[place]) in followed
    return found


def shares(classes: np.ndarray, seed: int = 0, documents: np.ndarray | None = None) -> list[Share]:
    """The mean share of each class over rows (n, T). Tokens of one row are not independent, nor rows of one of the documents (n,).

    Documents are resampled by the seed, or rows where none are given.
    """
    there = (classes != NONE).sum(1)
    rows = classes[there > 0]
    lengths, of = there[there > 0], None if documents is None else documents[there > 0]
    return [Share(name, estimates.mean((rows == number).sum(1) / lengths, seed, of)) for number, name in enumerate(CLASSES)]
