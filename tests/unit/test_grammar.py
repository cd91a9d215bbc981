"""The grammar's exact figures against brute force: every derivation of a small ambiguous grammar, written out."""

import math
import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from memlab.data.grammar import Grammar

RULES = """
ROOT -> 2 S end | S
S    -> 3 NP V | NP V NP | NP V Adv
NP   -> D N | 0.5 N
Adv  -> Place | 2 Time | soon
Place -> P N
Time  -> P N
"""
LEXICON = {"D": "a the", "N": "cat dog cow", "V": "runs sleeps", "P": "near"}

# The same grammar as data, the word classes as rules: what the brute force below reads.
TABLE = {
    "ROOT": [(2, ["S", "end"]), (1, ["S"])],
    "S": [(3, ["NP", "V"]), (1, ["NP", "V", "NP"]), (1, ["NP", "V", "Adv"])],
    "NP": [(1, ["D", "N"]), (0.5, ["N"])],
    "Adv": [(1, ["Place"]), (2, ["Time"]), (1, ["soon"])],
    "Place": [(1, ["P", "N"])],
    "Time": [(1, ["P", "N"])],
    **{name: [(1, [word]) for word in words.split()] for name, words in LEXICON.items()},
}


def derivations(symbols):
    """Every derivation of a sequence of symbols as (words, probability), one by one and never merged."""
    if not symbols:
        yield (), 1.0
        return
    first, *rest = symbols
    total = sum(weight for weight, _ in TABLE.get(first, []))
    heads = (
        [(w / total, p, words) for w, right in TABLE[first] for words, p in derivations(right)] if first in TABLE else [(1, 1, (first,))]
    )
    for tail, q in derivations(rest):
        for weight, p, words in heads:
            yield words + tail, weight * p * q


@pytest.fixture(scope="module")
def grammar():
    return Grammar.read(RULES, LEXICON)


@pytest.fixture(scope="module")
def enumerated():
    strings = defaultdict(float)
    for words, p in derivations(["ROOT"]):
        strings[words] += p
    return strings


def test_the_toy_grammar_is_ambiguous(enumerated):
    assert sum(1 for _ in derivations(["ROOT"])) > len(enumerated)


def test_probabilities_sum_to_one(grammar, enumerated):
    assert math.fsum(math.exp(grammar.log_probability(words)) for words in enumerated) == pytest.approx(1, abs=1e-12)


def test_the_probability_of_a_string_is_the_sum_over_its_derivations(grammar, enumerated):
    for words, p in enumerated.items():
        assert grammar.log_probability(words) == pytest.approx(math.log(p), abs=1e-12)


def test_entropy_and_count_equal_the_enumerated_sums(grammar, enumerated):
    assert grammar.entropy == pytest.approx(-math.fsum(p * math.log(p) for p in enumerated.values()), abs=1e-12)
    assert grammar.count == len(enumerated)
    assert grammar.words == {word for words in enumerated for word in words}


def test_the_ranks_of_the_structures_are_exactly_the_strings(grammar, enumerated):
    strings = [structure.string(rank) for structure in grammar.structures for rank in range(structure.count)]
    assert len(strings) == len(set(strings))
    assert set(strings) == set(enumerated)


def test_draws_are_as_frequent_as_their_probability(grammar, enumerated):
    n, generator = 40_000, random.Random(1)
    drawn = Counter(grammar.draw(generator).words for _ in range(n))
    chi_square = sum((drawn[words] - n * p) ** 2 / (n * p) for words, p in enumerated.items())
    freedom = len(enumerated) - 1
    assert set(drawn) <= set(enumerated)
    assert abs(chi_square - freedom) < 4 * math.sqrt(2 * freedom)


def test_the_same_seed_draws_the_same_strings(grammar):
    first, second = random.Random(3), random.Random(3)
    assert [grammar.draw(first) for _ in range(50)] == [grammar.draw(second) for _ in range(50)]


def test_conditioning_renormalises_what_is_left(grammar, enumerated):
    shorter = grammar.given(lambda symbols: "end" not in symbols)
    kept = {words: p for words, p in enumerated.items() if "end" not in words}
    total = math.fsum(kept.values())
    for words, p in enumerated.items():
        assert math.exp(shorter.log_probability(words)) == pytest.approx(p / total if words in kept else 0, abs=1e-15)


@pytest.mark.parametrize("text", ["", "N V", "cat", "cat runs end end", "cat runs soon cat", "ROOT", "cat Runs", "end"])
def test_a_string_that_the_grammar_cannot_make_has_no_probability(grammar, text):
    assert grammar.log_probability(text.split(" ")) == -math.inf


@pytest.mark.parametrize(
    ("rules", "lexicon", "message"),
    [
        ("ROOT -> a S\nS -> b | c ROOT", {}, r"ROOT -> S -> ROOT"),
        ("ROOT -> a\nROOT -> b", {}, r"a second one for 'ROOT'"),
        ("ROOT ->", {}, r"no right-hand side"),
        ("ROOT -> 0 a | b", {}, r"not positive"),
        ("ROOT -> -1 a | b", {}, r"not positive"),
        ("S -> a", {}, r"the start 'ROOT' has no rule"),
        ("ROOT -> A | B", {"A": "run hide", "B": "run"}, r"the word 'run' belongs to 'A' and to 'B'"),
        ("ROOT -> A | run", {"A": "run hide"}, r"the word 'run' belongs to 'A' and to 'run'"),
    ],
)
def test_a_grammar_that_has_no_exact_figures_is_refused(rules, lexicon, message):
    with pytest.raises(ValueError, match=message):
        Grammar.read(rules, lexicon)


def test_a_condition_that_nothing_meets_is_refused(grammar):
    with pytest.raises(ValueError, match="at least one string"):
        grammar.given(lambda symbols: "nothing" in symbols)


def test_the_published_question_grammar_has_the_published_figures():
    """Entropy, mean length and number of declaratives of McCoy, Frank and Linzen's question.gr, each found by independent enumeration."""
    number = """
    NP_# -> Det N_# | Det N_# Prep Det N | Det N_# RC_#
    VP_# -> Aux_# V_intrans | Aux_# V_trans NP_O
    RC_# -> 2 Rel Aux_# V_intrans | Rel Det N_S Aux_S V_trans | Rel Det N_P Aux_P V_trans | 2 Rel Aux_# V_trans Det N
    """
    rules = """
    ROOT -> S .
    S    -> NP_S VP_S | NP_P VP_P
    NP_O -> Det N_S | Det N_P | Det N_S Prep Det N | Det N_P Prep Det N | Det N_S RC_S | Det N_P RC_P
    N    -> N_S | N_P
    """
    sizes = {"Det": 6, "N_S": 13, "N_P": 13, "V_intrans": 9, "V_trans": 9, "Prep": 8, "Rel": 2, "Aux_S": 2, "Aux_P": 2}
    lexicon = {name: " ".join(f"{name}{number}" for number in range(size)) for name, size in sizes.items()}
    grammar = Grammar.read(rules + number.replace("#", "S") + number.replace("#", "P"), lexicon)
    assert grammar.entropy == pytest.approx(20.395221106109222, abs=1e-9)
    assert grammar.count == 68_631_332_143_608
    assert len(grammar.words) == 65


ZIPF = Grammar.read(
    "ROOT -> " + " | ".join(f"{weight} T{weight} Tail" for weight in (90, 60, 30, 20, 10)) + "\nTail -> x | 3 y",
    {f"T{weight}": " ".join(f"w{weight}n{n}" for n in range(size)) for weight, size in ((90, 9), (60, 20), (30, 40), (20, 80), (10, 200))},
)


def streams(grammar, n_different, n_streams, seed=3):
    """The kind of each of the first n different strings of draws, in the order in which they first come up: (n_streams, n)."""
    generator = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(len(grammar.structures)), [one.count for one in grammar.structures])
    p = np.array([one.of_one for one in grammar.structures])[kinds]
    found = []
    while len(found) < n_streams:
        drawn = generator.choice(len(p), size=round(3 * grammar.draws(n_different)), p=p / p.sum())
        first = np.sort(np.unique(drawn, return_index=True)[1])
        assert len(first) >= n_different, "more draws are needed"
        found.append(kinds[drawn[first[:n_different]]])
    return np.stack(found)


def test_after_so_many_draws_there_are_so_many_different_strings_on_average():
    for n in (1, 50, 400, 600):
        m = ZIPF.draws(n)
        strings = [(one.count, one.of_one) for one in ZIPF.structures]
        assert sum(count * (1 - math.exp(-m * p)) for count, p in strings) == pytest.approx(n, rel=1e-9)
        of_just_so_many = sum(count * (1 - (1 - p) ** round(m)) for count, p in strings)  # not Poisson
        assert of_just_so_many == pytest.approx(n, rel=5e-3, abs=0.1)
    assert (ZIPF.draws(0), ZIPF.draws(ZIPF.count)) == (0, math.inf)


@pytest.mark.slow
@pytest.mark.parametrize("spans", [[(0, 150)], [(200, 240)], [(400, 450)], [(100, 150), (300, 350)]])
def test_what_is_left_without_repeats_is_as_frequent_as_in_many_streams(spans):
    """Counted by kind of string; and -ln q is the least mean surprise: less than that of p and that of other spans."""
    left, drawn = ZIPF.unrepeated(spans), streams(ZIPF, spans[-1][1], 1_000)
    found = np.concatenate([drawn[:, start:stop].ravel() for start, stop in spans])
    shares = np.bincount(found, minlength=len(ZIPF.structures)) / len(found)
    expected = np.array([one.probability for one in left.structures])
    assert [one.symbols for one in left.structures] == [one.symbols for one in ZIPF.structures]
    np.testing.assert_allclose(shares, expected, atol=4e-3, rtol=0.02)
    assert math.fsum(expected) == pytest.approx(1)

    def surprise(grammar):
        return -sum(share * one.log_probability for share, one in zip(shares, grammar.structures, strict=True))

    assert surprise(left) == pytest.approx(left.entropy, abs=0.01)
    others = [ZIPF, ZIPF.unrepeated([(0, 600)]), ZIPF.unrepeated([(0, 300)])]
    assert all(surprise(left) < surprise(other) - 1e-3 for other in others)


def test_the_first_string_of_all_follows_the_draws_and_all_strings_are_equally_likely_among_all():
    first, everything = ZIPF.unrepeated([(0, 1)]), ZIPF.unrepeated([(0, ZIPF.count)])
    for one in ZIPF.structures:
        assert first.log_probability(one.string(0)) == pytest.approx(one.log_probability, abs=0.05)
        assert everything.log_probability(one.string(0)) == pytest.approx(-math.log(ZIPF.count))


@pytest.mark.parametrize("span", [(5, 5), (-1, 3), (690, 699)])
def test_strings_that_a_stream_does_not_have_are_refused(span):
    with pytest.raises(ValueError, match=r"of a stream of 698 different ones; ask for some that there are"):
        ZIPF.unrepeated([span])
