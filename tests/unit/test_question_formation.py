"""Question formation: the rules of the splits, the frequencies of the published lines, and probabilities that fit what is drawn."""

import hashlib
import math
import random
from collections import Counter
from typing import NamedTuple

import pytest

from memlab.data.sources import question_formation
from memlab.data.sources.question_formation import LEXICON, Options, documents, entropy, fingerprint, log_probability
from memlab.errors import ConfigError, UnknownName

SMALL = Options(lines=300, validation_lines=50, test_lines=60, gen_lines=70)
CLASS_OF = {word: name for name, words in LEXICON.items() for word in words.split()}
AUXILIARIES = {"do", "don't", "does", "doesn't"}
PREPOSITIONS = {"around", "near", "with", "upon", "by", "behind", "above", "below"}
INTRANSITIVE = {"giggle", "smile", "sleep", "swim", "wait", "move", "change", "read", "eat"}


class Line(NamedTuple):
    """A line taken apart by its words alone, independently of the grammar that made it."""

    task: str
    subject: str
    clause: str
    predicate: str
    first: str
    main: str
    target: list[str]
    expected: list[str]


def take_apart(text):
    words = text.split(" ")
    end = words.index(".")
    declarative, target = words[: end + 1], words[end + 2 :]
    subject = "RC" if declarative[2] in ("who", "that") else "PP" if declarative[2] in PREPOSITIONS else "bare"
    places = [place for place, word in enumerate(declarative) if word in AUXILIARIES]
    place = places[subject == "RC"]
    after = declarative[place + 1 : -1]
    predicate = {1: "intransitive", 3: "bare"}.get(len(after)) or ("PP" if after[3] in PREPOSITIONS else "RC")
    question = [declarative[place], *declarative[:place], *declarative[place + 1 : -1], "?"]
    expected = {"decl": declarative, "quest": question}[words[end + 1]]
    clause = kind_of_clause(declarative[2:place]) if subject == "RC" else ""
    return Line(words[end + 1], subject, clause, predicate, declarative[places[0]], declarative[place], target, expected)


def kind_of_clause(words):
    if words[1] not in AUXILIARIES:
        return "object"
    return "intransitive" if words[2] in INTRANSITIVE else "transitive"


def nats_per_token(texts, split):
    """Mean -ln p per predicted token, the end of the sequence counted."""
    return -math.fsum(log_probability(text, SMALL, split) for text in texts) / sum(len(text.split(" ")) + 1 for text in texts)


def mean_length(texts):
    return sum(len(text.split(" ")) for text in texts) / len(texts)


def raw_texts(split, n, seed):
    """Lines before repeats are left out."""
    grammar, generator = question_formation._grammar(split), random.Random(seed)
    return [" ".join(question_formation._line(list(grammar.draw(generator).words))) for _ in range(n)]


@pytest.fixture(scope="module")
def published_size():
    """The lines of every split at the published sizes."""
    texts = {split: [] for split in question_formation.SPLITS}
    for document in documents(Options()):
        texts[document.split].append(document.text)
    return texts


@pytest.fixture(scope="module")
def small():
    """Some lines of every split, from the stream of the published size."""
    return list(documents(SMALL))


@pytest.fixture(scope="module")
def parts(published_size):
    """The same lines, taken apart."""
    return {split: [take_apart(text) for text in texts] for split, texts in published_size.items()}


def test_splits_come_in_order_with_numbered_names(small):
    assert [document.split for document in small] == ["train"] * 300 + ["validation"] * 50 + ["test"] * 60 + ["gen"] * 70
    assert [small[n].name for n in (0, 17, 300, 350, 479)] == ["train:0", "train:17", "validation:0", "test:0", "gen:69"]


def test_no_line_occurs_twice_in_any_split(published_size):
    assert [len(published_size[split]) for split in question_formation.SPLITS] == [100_000, 1_000, 10_000, 10_000]
    assert len({text for texts in published_size.values() for text in texts}) == 121_000


def test_there_are_68_words_and_at_most_35_tokens(published_size):
    words = {split: {word for text in texts for word in text.split(" ")} for split, texts in published_size.items()}
    assert len(words["train"]) == 68
    assert words["validation"] == words["test"] == words["train"]
    assert words["gen"] == words["train"] - {"decl"}
    lengths = {split: [len(text.split(" ")) for text in texts] for split, texts in published_size.items()}
    assert (min(lengths["train"]), max(lengths["train"])) == (11, 35)
    assert (min(lengths["gen"]), max(lengths["gen"])) == (17, 31)


@pytest.mark.parametrize("split", ["train", "validation", "test", "gen"])
def test_the_target_is_the_copy_or_the_question_by_the_main_auxiliary(parts, split):
    assert all(line.target == line.expected for line in parts[split])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_questions_are_never_about_subjects_with_a_relative_clause(parts, split):
    assert {line.subject for line in parts[split] if line.task == "quest"} == {"bare", "PP"}
    assert {line.subject for line in parts[split] if line.task == "decl"} == {"bare", "PP", "RC"}


def test_gen_asks_where_the_first_auxiliary_is_the_wrong_one(parts):
    assert {(line.task, line.subject) for line in parts["gen"]} == {("quest", "RC")}
    assert "RC" not in {line.predicate for line in parts["gen"]}
    assert {frozenset((line.first, line.main)) for line in parts["gen"]} == {frozenset(("do", "don't")), frozenset(("does", "doesn't"))}


PUBLISHED_COUNTS = {
    "train": {("decl", "bare"): 5811, ("decl", "PP"): 2467, ("decl", "RC"): 3437, ("quest", "bare"): 5867, ("quest", "PP"): 2418},
    "validation": {("decl", "bare"): 274, ("decl", "PP"): 126, ("decl", "RC"): 194, ("quest", "bare"): 266, ("quest", "PP"): 140},
    "test": {("decl", "bare"): 2701, ("decl", "PP"): 1433, ("decl", "RC"): 1832, ("quest", "bare"): 2664, ("quest", "PP"): 1370},
}


@pytest.mark.parametrize("split", PUBLISHED_COUNTS)
def test_tasks_and_subjects_are_as_frequent_as_in_the_published_lines(parts, split):
    published = PUBLISHED_COUNTS[split]
    n = sum(published.values())  # of train, the first 20,000 lines were counted
    counts = Counter((line.task, line.subject) for line in parts[split][:n])
    for key, count in published.items():
        assert abs(counts[key] - count) < 4 * math.sqrt(2 * count * (1 - count / n)), key


@pytest.mark.parametrize(
    ("split", "part", "published"),
    [
        ("train", "predicate", {"intransitive": 0.221, "bare": 0.232, "PP": 0.236, "RC": 0.310}),
        ("train", "clause", {"intransitive": 0.246, "transitive": 0.243, "object": 0.511}),
        ("gen", "predicate", {"intransitive": 0.5921, "bare": 0.2002, "PP": 0.2077}),
        ("gen", "clause", {"intransitive": 0.3204, "transitive": 0.3463, "object": 0.3333}),
    ],
)
def test_lines_about_a_subject_with_a_clause_have_the_published_shares(parts, split, part, published):
    lines = [line for line in parts[split] if line.subject == "RC"]
    n_published = {"train": 3_437, "gen": 10_000}[split]
    for kind, share in published.items():
        here = sum(getattr(line, part) == kind for line in lines) / len(lines)
        assert abs(here - share) < 4 * math.sqrt(share * (1 - share) * (1 / n_published + 1 / len(lines))), kind


@pytest.mark.parametrize(
    ("split", "lines", "published"),
    [("train", 20_000, 21.1966), ("validation", 1_000, 22.448), ("test", 10_000, 22.3748), ("gen", 10_000, 22.5962)],
)
def test_lines_are_as_long_as_the_published_ones(published_size, split, lines, published):
    standard_error = 5.9 * math.sqrt(2 / lines)  # of the difference of two means; one line deviates by 5.9 tokens
    assert mean_length(published_size[split][:lines]) == pytest.approx(published, abs=3 * standard_error)


@pytest.mark.parametrize(
    ("split", "lines", "published"),
    [
        ("train", 20_000, 0.9933),
        ("train", 100_000, 0.9949),
        ("validation", 1_000, 0.9973),
        ("test", 10_000, 1.0014),
        ("gen", 10_000, 0.8319),
    ],
)
def test_lines_are_as_hard_to_predict_as_the_published_ones(published_size, split, lines, published):
    """The published train lines by their own frequencies, the held-out ones and gen scored with `log_probability`."""
    assert nats_per_token(published_size[split][:lines], split) == pytest.approx(published, abs=0.003)


@pytest.mark.parametrize("split", ["train", "gen"])
def test_entropy_is_the_mean_surprise_of_draws_before_repeats_are_left_out(split):
    surprises = [-log_probability(text, SMALL, split) for text in raw_texts(split, 20_000, seed=5)]
    mean = math.fsum(surprises) / len(surprises)
    deviation = math.sqrt(math.fsum((surprise - mean) ** 2 for surprise in surprises) / len(surprises))
    assert entropy(SMALL, split) == pytest.approx(mean, abs=4 * deviation / math.sqrt(len(surprises)))


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "gen"])
def test_log_probability_agrees_with_how_often_each_structure_is_drawn(split):
    """p(line) times the number of lines that differ from it only in words is the probability of its structure."""
    n, drawn, expected = 40_000, Counter(), {}
    for text in raw_texts(split, n, seed=7):
        source = text.split(" ")[: text.split(" ").index(".") + 2]
        structure = tuple(CLASS_OF.get(word, word) for word in source)
        drawn[structure] += 1
        lines = math.prod(len(LEXICON[name].split()) for name in structure if name in LEXICON)
        expected[structure] = n * lines * math.exp(log_probability(text, SMALL, split))
    common = [structure for structure in expected if expected[structure] > 20]
    chi_square = sum((drawn[structure] - expected[structure]) ** 2 / expected[structure] for structure in common)
    assert len(common) > 50
    assert abs(chi_square - len(common)) < 4 * math.sqrt(2 * len(common))


@pytest.mark.slow
@pytest.mark.parametrize(("split", "first", "last"), [("train", 0, 100_000), ("validation", 0, 1_000), ("test", 0, 10_000)])
def test_lines_are_less_surprising_under_what_is_left_without_repeats_than_under_the_draws(published_size, split, first, last):
    lines = published_size[split][first : last : max(1, (last - first) // 5_000)]
    left = question_formation.unrepeated(Options(), split, first, last)
    saved = [left.log_probability(line) - log_probability(line, Options(), split) for line in lines]
    mean = math.fsum(saved) / len(saved)
    deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in saved) / len(saved))
    assert mean > 4 * deviation / math.sqrt(len(saved))
    surprises = [-left.log_probability(line) for line in lines]
    off = math.fsum(surprises) / len(surprises) - left.grammar.entropy
    spread = math.sqrt(math.fsum((one + off - left.grammar.entropy) ** 2 for one in surprises) / len(surprises))
    assert abs(off) < 4 * spread / math.sqrt(len(lines))


def test_where_a_line_stands_in_the_stream_is_what_its_split_says(published_size):
    """The likelier kind of line has become rarer by as much as q says: bare subjects with an intransitive verb."""
    for split in ("train", "validation", "test"):
        left = question_formation.unrepeated(Options(), split).grammar
        kinds = [one for one in left.structures if len(one.symbols) == 6]
        expected = math.fsum(one.probability for one in kinds)
        lines = published_size[split]
        share = sum(len(line.split(" ")) == 11 for line in lines) / len(lines)
        assert share == pytest.approx(expected, abs=4 * math.sqrt(expected / len(lines))), split
    drawn = math.fsum(one.probability for one in question_formation._grammar("train").structures if len(one.symbols) == 6)
    assert expected < 0.1 * drawn


def test_the_spans_of_the_splits_follow_each_other_and_further_lines_come_last(short_stream):
    options = Options(lines=2_400, validation_lines=300, test_lines=300, gen_lines=50)
    spans = [question_formation._spans(options, split, 0, None) for split in question_formation.SPLITS]
    assert spans == [((0, 2_000), (2_600, 3_000)), ((2_000, 2_300),), ((2_300, 2_600),), ((0, 50),)]
    assert question_formation._spans(options, "train", 2_100, 2_200) == ((2_700, 2_800),)
    assert question_formation._spans(options, "train", 1_000, 1_500) == ((1_000, 1_500),)
    left = question_formation.unrepeated(options, "gen")
    assert left.log_probability(EXAMPLES[0][0]) == -math.inf
    assert math.isfinite(left.log_probability(EXAMPLES[4][0]))
    with pytest.raises(UnknownName, match="no split 'tests'"):
        question_formation.unrepeated(options, "tests")


def test_iterating_twice_gives_the_same_lines(short_stream):
    once = documents(SMALL)
    assert list(once) == list(once) == list(documents(SMALL))


def test_fewer_training_lines_are_a_prefix_and_leave_the_other_splits_alone(short_stream):
    few, many = (list(documents(Options(lines=n, validation_lines=20, test_lines=20, gen_lines=20))) for n in (100, 2_000))
    assert few[:100] == many[:100]
    assert few[100:] == many[2_000:]


@pytest.mark.parametrize("split", ["train", "validation", "gen"])
def test_fewer_lines_are_the_first_of_the_published_size(published_size, small, split):
    few = [document.text for document in small if document.split == split]
    assert few == published_size[split][: len(few)]


def test_more_lines_than_published_go_on_after_the_held_out_ones(short_stream):
    few, many = (list(documents(Options(lines=n, validation_lines=300, test_lines=300, gen_lines=0))) for n in (2_000, 2_400))
    assert many[:2_000] == few[:2_000]
    assert many[2_400:] == few[2_000:]
    assert many[2_399].name == "train:2399"
    assert len({document.text for document in many}) == 3_000


def test_another_seed_gives_other_lines_of_the_same_kind(short_stream):
    first, second = ([document.text for document in documents(Options(lines=300, seed=seed, test_lines=0))] for seed in (0, 1))
    assert len(set(first[:300]) & set(second[:300])) < 30  # the shortest lines come up often


EXAMPLES = [
    ("the newt does sleep . decl the newt does sleep .", "train"),
    ("the newt does sleep . quest does the newt sleep ?", "train"),
    ("my yaks near her newt don't amuse our zebra . quest don't my yaks near her newt amuse our zebra ?", "validation"),
    ("the newt who does sleep doesn't read . decl the newt who does sleep doesn't read .", "test"),
    ("the newt who does sleep doesn't read . quest doesn't the newt who does sleep read ?", "gen"),
]


@pytest.mark.parametrize(("text", "split"), EXAMPLES)
def test_a_line_is_possible_under_the_distribution_of_its_split(text, split):
    other = "train" if split == "gen" else "gen"
    assert math.isfinite(log_probability(text, SMALL, split))
    assert log_probability(text, SMALL, other) == -math.inf


def test_the_probability_of_a_line_is_the_product_of_its_choices():
    text = "some newts don't sleep . quest don't some newts sleep ?"
    question = 0.4174 / (0.5825 + 0.4174) * 0.2999 / (0.2999 + 0.1175)
    by_hand = question * 1 / 2 * 1 / 6 * 1 / 13 * 0.221 / 0.999 * 1 / 2 * 1 / 9
    assert log_probability(text, SMALL) == pytest.approx(math.log(by_hand))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "decl",
        "the newt does sleep .",
        "the newt does sleep . decl",
        "the newt does sleep . decl the newt does sleep ?",
        "the newt does sleep . decl the newt does read .",
        "the newt does sleep . decl\tthe newt does sleep .",
        "the newt does sleep .  decl the newt does sleep .",
        "the newt does sleep . quest the newt does sleep .",
        "the newt does sleep . quest the newt sleep does ?",
        "the newt do sleep . decl the newt do sleep .",
        "the newts does sleep . decl the newts does sleep .",
        "Det N_S does V_intrans . decl Det N_S does V_intrans .",
        "the newt who does sleep doesn't read . quest does the newt who sleep doesn't read ?",
    ],
)
def test_a_text_that_cannot_occur_has_no_probability(text):
    assert all(log_probability(text, SMALL, split) == -math.inf for split in question_formation.SPLITS)


def test_a_split_that_does_not_exist_is_named():
    with pytest.raises(UnknownName, match="no split 'tests' in question_formation; did you mean 'test'"):
        log_probability(EXAMPLES[0][0], SMALL, split="tests")


def test_the_fingerprint_changes_with_every_option():
    changed = [{}, {"lines": 9}, {"seed": 9}, {"validation_lines": 9}, {"test_lines": 9}, {"gen_lines": 9}]
    assert len({fingerprint(Options(**change)) for change in changed}) == len(changed)


def test_the_lines_behind_a_fingerprint_stay_what_they_are(small):
    """If this fails, the draw has changed: raise VERSION, so that stored corpora are built anew."""
    content = "\n".join(document.text for document in small)
    assert (question_formation.VERSION, hashlib.sha256(content.encode()).hexdigest()[:16]) == (1, "2589a8b78b3d6fbc")


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("lines", 0, 1), ("seed", -1, 0), ("validation_lines", 0, 1), ("test_lines", -1, 0), ("gen_lines", -5, 0)],
)
def test_an_option_out_of_range_is_named_with_its_value(name, value, least):
    with pytest.raises(ConfigError, match=rf"data\.source_options\.{name} is {value}; it must be at least {least}"):
        Options(**{name: value})
