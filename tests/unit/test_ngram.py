"""The trigram model is the textbook recursion over plain counts, its distributions sum to 1, and it never answers for its own text."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from memlab.data.rows import IGNORED
from memlab.measures.references import UNDECIDED, ngram
from memlab.measures.references.ngram import NOTHING, NgramReference, count

V = 7


def pieces(seed=0, n=12):
    """Texts in which some tokens follow others more often than by chance; token 6 never occurs."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        text = [0]
        for _ in range(generator.integers(1, 30)):
            text.append((text[-1] + 1) % 5 if generator.random() < 0.6 else int(generator.integers(0, 6)))
        found.append(np.array(text))
    return found


class Textbook:
    """Witten-Bell by recursion over dictionaries."""

    def __init__(self, texts):
        self.after = defaultdict(Counter)
        for text in texts:
            for place in range(1, len(text)):
                for order in range(min(place, 2) + 1):
                    self.after[tuple(text[place - order : place].tolist())][int(text[place])] += 1

    def p(self, word, before):
        below = self.p(word, before[1:]) if before else 1 / V
        counts = self.after[before]
        if not counts:
            return below
        return (counts[word] + len(counts) * below) / (sum(counts.values()) + len(counts))


def test_probabilities_are_those_of_the_textbook_recursion():
    texts = pieces()
    model, known = count(texts, V), Textbook(texts)
    for before in [(a, b) for a in range(V) for b in range(V)] + [(NOTHING, b) for b in range(V)]:
        found = model.probabilities(np.array([before]))[0]
        context = tuple(token for token in before if token != NOTHING)
        assert found == pytest.approx([known.p(word, context) for word in range(V)], abs=1e-12)
        assert found.sum() == pytest.approx(1, abs=1e-12)
    assert model.n_tokens == sum(len(text) - 1 for text in texts)


def test_predictions_are_read_off_the_distributions(monkeypatch):
    texts, asked = pieces(), np.stack([np.resize(text, 12) for text in pieces(1)])
    inputs, targets = asked[:, :-1].copy(), asked[:, 1:].copy()
    targets[3, 5:] = IGNORED
    model = count(texts, V)
    for cells in (V, 1 << 20):
        monkeypatch.setattr(ngram, "_CELLS", cells)
        heard = []
        found = NgramReference(model, "", {}).predict(inputs, targets, progress=heard.append)
        assert heard == sorted(heard)
        assert heard[-1] == len(targets)
        for (row, place), target in np.ndenumerate(targets):
            if target == IGNORED:
                assert (found.ranks[row, place], found.guesses[row, place]) == (-1, UNDECIDED)
                assert np.isnan(found.log_probabilities[row, place])
                continue
            before = [inputs[row, place - 1] if place else NOTHING, inputs[row, place]]
            shares = model.probabilities(np.array([before]))[0]
            assert found.log_probabilities[row, place] == pytest.approx(np.log(shares[target]))
            assert found.ranks[row, place] == (shares > shares[target]).sum()
            best = np.flatnonzero(shares == shares.max())
            assert found.guesses[row, place] == (best[0] if len(best) == 1 else UNDECIDED)


def test_where_several_tokens_are_equally_likely_there_is_no_guess():
    model = count([np.array([0, 1]), np.array([0, 2])], 4)
    found = NgramReference(model, "", {}).predict(np.array([[0]]), np.array([[1]]))
    assert found.guesses.tolist() == [[UNDECIDED]]
    assert not found.are_right.any()


def test_held_out_rows_are_predicted_by_the_half_that_they_are_not_in():
    first, second = count(pieces(0), V), count(pieces(5), V)
    both = NgramReference(first, "", {}, second, turn=2)
    rows = np.array([3, 0, 1, 2])
    asked = np.stack([np.resize(text, 9) for text in pieces(1)[:4]])
    inputs, targets = asked[:, :-1], asked[:, 1:]
    found = both.predict(inputs, targets, "validation", rows)
    for number, row in enumerate(rows):
        own = NgramReference(second if row < 2 else first, "", {}).predict(inputs[number : number + 1], targets[number : number + 1])
        np.testing.assert_array_equal(found.log_probabilities[number], own.log_probabilities[0])
    training = both.predict(inputs, targets, "training", rows)
    np.testing.assert_array_equal(training.log_probabilities, NgramReference(first, "", {}).predict(inputs, targets).log_probabilities)
    with pytest.raises(ValueError, match="which rows"):
        both.predict(inputs, targets, "validation")


def test_text_without_two_tokens_makes_no_model():
    with pytest.raises(ValueError, match="no piece of text has two tokens"):
        count([np.array([1]), np.array([2])], 3)
    with pytest.raises(ValueError, match="no piece of text has two tokens"):
        count([], 3)
