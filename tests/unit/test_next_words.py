"""The exact next-word distributions: they sum to 1, their product is the probability of the whole, and they are what counting finds."""

import math
import random
from itertools import product

import pytest

from memlab.data.grammar import Grammar
from memlab.data.sources import question_formation, uniform

RULES = """
ROOT -> 2 Det N | Det N Verb | 3 Verb | Det N
Verb -> V | not V
"""
GRAMMAR = Grammar.read(RULES, {"Det": "the a", "N": "cat dog cow", "V": "eats naps"})


def every_string(grammar):
    """Each string of a small grammar with its probability."""
    return {words: math.exp(structure.log_probability) for structure in grammar.structures for words in product(*structure.choices)}


def test_next_words_are_what_summing_over_all_strings_gives():
    strings = every_string(GRAMMAR)
    assert math.isclose(sum(strings.values()), 1)
    prefixes = {words[:place] for words in strings for place in range(len(words) + 1)}
    for prefix in prefixes:
        begun = {words: p for words, p in strings.items() if words[: len(prefix)] == prefix}
        wanted: dict = {}
        for words, p in begun.items():
            following = words[len(prefix)] if len(words) > len(prefix) else None
            wanted[following] = wanted.get(following, 0) + p / sum(begun.values())
        assert GRAMMAR.next_words(prefix) == pytest.approx(wanted)


@pytest.mark.parametrize("prefix", [("cat",), ("the", "the"), ("nobody",), ("the", "cat", "eats", "eats")])
def test_nothing_follows_what_no_string_begins_with(prefix):
    assert GRAMMAR.next_words(prefix) == {}


def log_product(words, next_words):
    """ln of the product of the probabilities of each word after those before it, and of the end."""
    return sum(math.log(next_words(words[:place])[word]) for place, word in enumerate([*words, None]))


@pytest.mark.parametrize("split", question_formation.SPLITS)
def test_the_product_over_a_line_is_its_probability(split):
    options = question_formation.Options(lines=40, validation_lines=40, test_lines=40, gen_lines=40)
    grammar, generator = question_formation._grammar(split), random.Random(7)
    for _ in range(200):
        words = question_formation._line(list(grammar.draw(generator).words))
        found = log_product(words, lambda prefix: question_formation.next_words(prefix, options, split))
        assert math.isclose(found, question_formation.log_probability(" ".join(words), options, split), abs_tol=1e-9)
        for place in range(len(words) + 1):
            assert math.isclose(sum(question_formation.next_words(words[:place], options, split).values()), 1, abs_tol=1e-12)


@pytest.mark.parametrize("split", question_formation.SPLITS)
def test_the_product_over_a_line_is_its_probability_also_where_repeats_are_left_out(split, short_stream):
    options = question_formation.Options(lines=40, validation_lines=40, test_lines=40, gen_lines=40)
    left = question_formation.unrepeated(options, split)
    for document in question_formation.documents(options):
        if document.split == split:
            words = document.text.split(" ")
            assert math.isclose(log_product(words, left.next_words), left.log_probability(document.text), abs_tol=1e-9)


def test_what_follows_the_marker_is_certain_and_a_wrong_copy_is_impossible():
    options = question_formation.Options()
    line = ["the", "newt", "does", "giggle", ".", "quest", "does", "the", "newt", "giggle", "?"]
    for place in range(6, len(line)):
        assert question_formation.next_words(line[:place], options) == {line[place]: 1.0}
    assert question_formation.next_words(line, options) == {None: 1.0}
    for wrong in (["the", "decl"], ["decl"], [*line[:6], "the"], [*line, "?"], [*line[:4], "decl"], ["newt"]):
        assert question_formation.next_words(wrong, options) == {}


def test_uniform_words_are_equally_likely_until_the_document_ends():
    options = uniform.Options(length=3, vocabulary=5)
    words = uniform.RandomDocuments(options).__iter__().__next__().text.split()
    for place in range(3):
        found = uniform.next_words(words[:place], options)
        assert set(found.values()) == {1 / 5}
        assert len(found) == 5
    assert uniform.next_words(words, options) == {None: 1.0}
    assert uniform.next_words([*words, words[0]], options) == {}
    assert math.isclose(
        log_product(words, lambda prefix: uniform.next_words(prefix, options)), uniform.log_probability(" ".join(words), options)
    )
