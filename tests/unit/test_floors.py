"""The floors in the plot are what a model that knows the distribution, or exactly the training rows, reaches."""

import math
from collections import Counter

import numpy as np
import pytest

from memlab.config import Data
from memlab.data.corpus import open_corpus
from memlab.data.rows import IGNORED, open_rows
from memlab.data.sources import question_formation
from memlab.training.evaluate import fixed_rows
from memlab.training.floors import entropy_floor, floors_of, memorisation_floor


def uniform(tmp_path, context, **data):
    """Rows of uniform words, and their configuration."""
    options = {"documents": 60, "length": 3, "vocabulary": 3, "validation_documents": 20, **data.pop("options", {})}
    configured = Data(source="uniform", source_options=options, tokenizer="word", **data)
    return configured, open_rows(open_corpus(tmp_path, configured), configured, context)


def everything(run):
    """All training rows."""
    return fixed_rows(run.train, len(run.train))


def knows_the_rows_by_heart(rows, evaluated=None):
    """Mean -ln p per predicted token of a model that gives each token its frequency after the same prefix in the training rows.

    Of the rows that are evaluated, else of all.
    """
    sequences = []
    for index in range(len(rows)):
        inputs, targets = rows.take(np.array([index]))
        sequences.append((int(inputs[0, 0]), *(int(token) for token in targets[0] if token != IGNORED)))
    prefixes = Counter(sequence[:n] for sequence in sequences for n in range(1, len(sequence) + 1))
    asked = sequences if evaluated is None else [sequences[int(index)] for index in evaluated]
    nats = [math.log(prefixes[sequence[:n]] / prefixes[sequence[: n + 1]]) for sequence in asked for n in range(1, len(sequence))]
    return sum(nats) / len(nats)


def test_the_memorisation_floor_of_lines_that_all_differ_is_ln_p_over_their_mean_length(tmp_path):
    data, run = uniform(tmp_path, 8, rows="documents", options={"documents": 16, "length": 5, "vocabulary": 500})
    floor = memorisation_floor(data, run, everything(run))
    assert floor.loss == pytest.approx(math.log(16) / 6)
    assert floor.how == "a model that knows exactly the 16 training lines"


def test_the_memorisation_floor_of_lines_with_duplicates_agrees_with_brute_force(tmp_path):
    data, run = uniform(tmp_path, 8, rows="documents")
    assert len({run.corpus.text("train", number) for number in range(60)}) < 28 < 60, "27 different lines are possible"
    assert memorisation_floor(data, run, everything(run)).loss == pytest.approx(knows_the_rows_by_heart(run.train))


def test_the_memorisation_floor_of_lines_that_are_cut_agrees_with_brute_force(tmp_path):
    data, run = uniform(tmp_path, 2, rows="documents")
    assert memorisation_floor(data, run, everything(run)).loss == pytest.approx(knows_the_rows_by_heart(run.train))


@pytest.mark.parametrize("context", [2, 3, 7])
def test_the_memorisation_floor_of_windows_is_given_their_first_token_and_agrees_with_brute_force(tmp_path, context):
    data, run = uniform(tmp_path, context, rows="windows")
    stream = run.corpus.tokens("train").values
    windows = [tuple(stream[start : start + context + 1]) for start in range(0, len(stream) - context, context)]

    def entropy(things):
        counts = Counter(things)
        return -sum(n / len(things) * math.log(n / len(things)) for n in counts.values())

    floor = memorisation_floor(data, run, everything(run))
    assert floor.loss == pytest.approx((entropy(windows) - entropy([window[0] for window in windows])) / context)
    assert floor.loss == pytest.approx(knows_the_rows_by_heart(run.train))
    assert floor.how.endswith("training windows, their first token given")


@pytest.mark.parametrize(("rows", "unit"), [("documents", "lines"), ("windows", "windows, their first token given")])
def test_the_memorisation_floor_is_of_the_rows_that_are_evaluated_and_agrees_with_brute_force(tmp_path, rows, unit):
    data, run = uniform(tmp_path, 4, rows=rows, options={"documents": 40, "vocabulary": 2})
    evaluated = fixed_rows(run.train, 5)
    floor = memorisation_floor(data, run, evaluated)
    assert floor.loss == pytest.approx(knows_the_rows_by_heart(run.train, evaluated))
    assert floor.loss != pytest.approx(knows_the_rows_by_heart(run.train))
    assert floor.how.endswith(f"{unit}, on the 5 evaluated")
    recorded = next(found for found in floors_of(data, run, 5) if found["name"] == "memorisation")
    assert recorded["loss"] == floor.loss


def test_rows_at_random_offsets_have_no_memorisation_floor(tmp_path):
    data, run = uniform(tmp_path, 4, rows="windows", order="random")
    assert memorisation_floor(data, run, everything(run)) is None
    assert floors_of(data, run, 10) == []


def test_the_entropy_floor_of_uniform_words_is_exactly_s_ln_v_over_s_plus_1(tmp_path):
    data, run = uniform(tmp_path, 10, rows="documents", options={"length": 9, "vocabulary": 20, "documents": 200})
    floor = entropy_floor(data, run, fixed_rows(run.validation, 7))
    assert floor.loss == pytest.approx(9 * math.log(20) / 10, rel=1e-12)
    assert "over the 7 validation lines evaluated" in floor.how


def test_there_is_no_entropy_floor_where_a_line_is_cut_or_a_word_is_unknown(tmp_path):
    data, run = uniform(tmp_path, 3, rows="documents")
    assert entropy_floor(data, run, fixed_rows(run.validation, 20)) is None, "the end of each line is cut off"
    data, run = uniform(tmp_path, 10, rows="documents", tokenizer_options={"vocabulary": 2})
    assert entropy_floor(data, run, fixed_rows(run.validation, 20)) is None, "a word has become unknown"
    data, run = uniform(tmp_path, 10, rows="windows")
    assert entropy_floor(data, run, fixed_rows(run.validation, 5)) is None, "windows begin anywhere"


def of_lines(home, lines=500, context=40):
    """Rows of question formation, their configuration and the validation lines."""
    options = {"lines": lines, "validation_lines": 40, "test_lines": 0, "gen_lines": 0}
    data = Data(source="question_formation", source_options=options, tokenizer="word", rows="documents")
    made = question_formation.documents(question_formation.Options(**options))
    held_out = [document.text for document in made if document.split == "validation"]
    return data, open_rows(open_corpus(home, data), data, context), held_out


def test_the_entropy_floor_of_question_formation_is_of_the_very_lines_and_of_what_is_left_without_repeats(tmp_path, short_stream):
    data, run, held_out = of_lines(tmp_path)
    evaluated = fixed_rows(run.validation, 11)
    chosen = [held_out[int(index)] for index in evaluated]
    grammar = question_formation._grammar("train")
    sizes = np.array([structure.count for structure in grammar.structures], float)
    p = np.array([structure.probability for structure in grammar.structures]) / sizes
    counts = {}
    for n_lines in (short_stream, short_stream + 40):  # by bisection, where the code takes Newton's steps
        low, high = 0.0, 1e9
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if (sizes * -np.expm1(-middle * p)).sum() < n_lines else (low, middle)
        counts[n_lines] = low
    before, until = counts.values()
    total = (sizes * np.exp(-before * p) * -np.expm1((before - until) * p)).sum()  # a difference of exp would lose digits
    nats = 0.0
    for line in chosen:
        of_one = math.exp(question_formation.log_probability(line, question_formation.Options()))
        nats -= -before * of_one + math.log(-math.expm1((before - until) * of_one) / total)
    found = {floor["name"]: floor for floor in floors_of(data, run, 11)}
    assert found["entropy"]["loss"] == pytest.approx(nats / sum(len(line.split()) + 1 for line in chosen), rel=1e-6)
    assert f"none of the {before:,.0f} before" in found["entropy"]["how"]
    assert "over the 11 validation lines evaluated" in found["entropy"]["how"]
    assert found["1, as stated"]["loss"] == 1.0
    assert entropy_floor(data, run, evaluated).loss == found["entropy"]["loss"]


def test_the_entropy_floor_does_not_follow_the_number_of_training_lines(tmp_path, short_stream):
    """Held-out lines are the same ones, drawn after as many others, whatever is trained on."""
    few, many = (floors_of(*of_lines(tmp_path, lines)[:2], 40)[0] for lines in (100, 2_000))
    assert few["name"] == "entropy"
    assert few == many
