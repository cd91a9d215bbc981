"""Token classes: each one on a case made by hand, the first that applies, and shares that are means over rows."""

import numpy as np
import pytest

from memlab.data.rows import IGNORED
from memlab.measures.classes import CLASSES, NONE, are_copied, classify, shares
from memlab.measures.predicted import Predicted


def predicted(targets, right, p=0.5):
    """A prediction that is right where it is told to be, and gives each target the probability p."""
    targets = np.array(targets)
    right = np.broadcast_to(right, targets.shape)
    guesses = np.where(right, targets, 999)
    logs = np.where(targets == IGNORED, np.nan, np.log(np.broadcast_to(p, targets.shape)))
    return Predicted(targets, guesses, np.where(right, 0, 1), logs)


def class_of(right, known, p, copied):
    """The class of the last token of a text in which it is, or is not, a copy."""
    ids = [1, 2, 3, 1, 2, 3] if copied else [1, 2, 3, 4, 5, 6]
    inputs, targets = np.array([ids[:-1]]), np.array([ids[1:]])
    found = classify(inputs, predicted(targets, right, p), predicted(targets, known))
    return CLASSES[found[0, -1]]


@pytest.mark.parametrize(
    ("right", "known", "p", "copied", "name"),
    [
        (False, False, 0.05, False, "wrong"),
        (False, True, 0.45, True, "wrong"),  # whatever else is true of it
        (True, False, 0.5, True, "copied"),
        (True, True, 0.99, True, "copied"),  # before predictable and memorised
        (True, True, 0.5, False, "predictable"),
        (True, True, 0.99, False, "predictable"),  # before memorised
        (True, False, 0.99, False, "memorised"),
        (True, False, 0.901, False, "memorised"),
        (True, False, 0.899, False, "unsure"),
        (True, False, 0.2, False, "unsure"),
    ],
)
def test_the_first_class_that_applies(right, known, p, copied, name):
    assert class_of(right, known, p, copied) == name


def test_what_is_padded_has_no_class():
    found = classify(np.array([[1, 2, 0]]), predicted([[2, 3, IGNORED]], True), predicted([[2, 3, IGNORED]], False))
    assert found.tolist() == [[CLASSES.index("unsure"), CLASSES.index("unsure"), NONE]]


def test_copies_are_what_looking_back_finds():
    generator = np.random.default_rng(0)
    for _ in range(50):
        ids = generator.integers(0, 3, 20)
        found = are_copied(ids[None, :-1], ids[None, 1:])[0]
        for place in range(19):
            before = ids[: place + 1].tolist()
            earlier = [before[start : start + 3] for start in range(place - 1)]
            wanted = place > 0 and [*before[-2:], int(ids[place + 1])] in earlier
            assert found[place] == wanted


def test_a_copy_needs_the_same_two_tokens_and_the_same_successor():
    ids = np.array([1, 2, 3, 9, 2, 3, 1, 2, 4, 1, 2, 3])
    assert np.flatnonzero(are_copied(ids[None, :-1], ids[None, 1:])[0]).tolist() == [10]


def test_rows_of_one_document_count_as_one_observation_of_the_shares():
    classes = np.array([[0], [0], [3], [3], [NONE]])
    by_row, by_document = shares(classes)[0].share, shares(classes, documents=np.array([4, 4, 7, 7, 9]))[0].share
    assert (by_document.low, by_document.high, by_document.n_documents) == (0, 1, 2)
    assert (by_document.value, by_row.n_documents) == (by_row.value, None)


def test_shares_are_means_over_rows_whatever_their_lengths():
    classes = np.array([[0, 0, 3, 3], [3, NONE, NONE, NONE], [NONE] * 4])
    found = {one.name: one.share for one in shares(classes)}
    assert found["wrong"].value == pytest.approx(0.25)
    assert found["memorised"].value == pytest.approx(0.75)
    assert sum(one.value for one in found.values()) == pytest.approx(1)
    assert found["memorised"].low == 0.5
    assert found["memorised"].high == 1
    assert found["memorised"].n == 2
