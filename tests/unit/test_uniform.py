"""Uniform tokens: exactly the distribution that they claim, and the same documents every time."""

import math
from collections import Counter
from itertools import pairwise

import pytest

from memlab.data.sources import uniform
from memlab.data.sources.uniform import Options
from memlab.errors import ConfigError


def test_a_document_has_the_asked_length_and_words():
    options = Options(documents=20, length=7, vocabulary=12, validation_documents=5)
    everything = list(uniform.documents(options))
    known = {f"u{number:04}" for number in range(12)}
    assert all(len(document.text.split(" ")) == 7 and known.issuperset(document.text.split(" ")) for document in everything)
    assert [document.split for document in everything] == ["train"] * 20 + ["validation"] * 5
    assert [document.name for document in everything[:2] + everything[-1:]] == ["train:0", "train:1", "validation:4"]


def test_words_of_a_large_vocabulary_stay_equally_long():
    documents = uniform.documents(Options(documents=30, vocabulary=20_000))
    assert {len(word) for document in documents for word in document.text.split()} == {len("u19999")}


def test_iterating_twice_gives_the_same_documents():
    documents = uniform.documents(Options(documents=10))
    assert list(documents) == list(documents) == list(uniform.documents(Options(documents=10)))


def test_fewer_documents_are_a_prefix_and_leave_validation_alone():
    few, many = (list(uniform.documents(Options(documents=n, validation_documents=8))) for n in (5, 50))
    assert few[:5] == many[:5]
    assert few[5:] == many[50:]


def test_another_seed_gives_other_documents():
    first, second = (list(uniform.documents(Options(documents=10, seed=seed))) for seed in (0, 1))
    assert not {document.text for document in first} & {document.text for document in second}


def test_words_are_equally_frequent_and_independent_of_the_word_before():
    options = Options(documents=4000, length=10, vocabulary=4)
    pairs, n = Counter(), 0
    for document in uniform.documents(options):
        words = document.text.split()
        pairs.update(pairwise(words))
        n += len(words) - 1
    chi_square = sum((count - n / 16) ** 2 / (n / 16) for count in pairs.values())
    assert len(pairs) == 16
    assert chi_square < 15 + 4 * math.sqrt(2 * 15)


def test_log_probability_is_minus_length_times_ln_vocabulary():
    options = Options(documents=3, length=64, vocabulary=2048)
    for document in uniform.documents(options):
        assert uniform.log_probability(document.text, options) == pytest.approx(-64 * math.log(2048))
    assert uniform.entropy(options) == pytest.approx(64 * 11 * math.log(2))


def test_the_probabilities_of_all_documents_sum_to_one():
    options = Options(length=2, vocabulary=3)
    words = ["u0000", "u0001", "u0002"]
    total = math.fsum(math.exp(uniform.log_probability(f"{a} {b}", options)) for a in words for b in words)
    assert total == pytest.approx(1)


@pytest.mark.parametrize("text", ["", "u0000", "u0000 u0003", "u0000  u0001", "u0000 u0001 u0002", "u0000 U0001", "u0000 u00001", "u0 u1"])
def test_a_text_that_cannot_occur_has_no_probability(text):
    assert uniform.log_probability(text, Options(length=2, vocabulary=3)) == -math.inf


def test_the_fingerprint_changes_with_every_option():
    changed = [{}, {"documents": 9}, {"length": 9}, {"vocabulary": 9}, {"seed": 9}, {"validation_documents": 9}]
    assert len({uniform.fingerprint(Options(**change)) for change in changed}) == len(changed)


def test_the_documents_behind_a_fingerprint_stay_what_they_are():
    """If this fails, the draw has changed: raise VERSION, so that stored corpora are built anew."""
    options = Options(documents=1, length=4, validation_documents=1)
    assert [document.text for document in uniform.documents(options)] == ["u2031 u1053 u1303 u1224", "u1273 u0358 u1974 u0883"]
    assert uniform.VERSION == 1


@pytest.mark.parametrize(("name", "value"), [("documents", 0), ("length", 0), ("vocabulary", 1), ("seed", -1), ("validation_documents", 0)])
def test_an_option_out_of_range_is_named_with_its_value(name, value):
    with pytest.raises(ConfigError, match=rf"data\.source_options\.{name} is {value}; it must be at least {value + 1}"):
        Options(**{name: value})
