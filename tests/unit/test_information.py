"""Bits of training data: exact where the source's distribution is known, else an upper bound by name."""

import math
import random

import pytest

from memlab import config
from memlab.data.corpus import open_corpus
from memlab.data.rows import open_rows
from memlab.data.sources import question_formation, uniform
from memlab.training.information import information_of

UNIFORM = {"documents": 40, "length": 16, "vocabulary": 256, "validation_documents": 4}


def opened(home, data, context=16):
    return open_rows(open_corpus(home, data), data, context)


def uniform_data(**changes):
    return config.Data(source="uniform", source_options=UNIFORM, tokenizer="word", rows="documents", **changes)


def test_uniform_documents_hold_their_length_times_log2_of_the_vocabulary(tmp_path):
    data = uniform_data()
    found = information_of(data, opened(tmp_path, data, 20))
    assert (found.exact, found.bits) == (True, pytest.approx(40 * 16 * 8))
    assert "128 bits a document" in found.how


@pytest.mark.parametrize("rows", ["documents", "windows"])
def test_a_fraction_of_the_documents_holds_that_fraction(tmp_path, rows):
    data = config.Data(source="uniform", source_options=UNIFORM, tokenizer="word", rows=rows, fraction=0.25)
    found = information_of(data, opened(tmp_path, data, 20))
    assert (found.exact, found.bits) == (True, pytest.approx(10 * 16 * 8))


def test_question_formation_holds_the_entropy_of_the_lines_that_are_left_without_repeats(tmp_path, short_stream):
    options = {"lines": 200, "validation_lines": 5, "test_lines": 0, "gen_lines": 0}
    data = config.Data(source="question_formation", source_options=options, tokenizer="word", rows="documents")
    found = information_of(data, opened(tmp_path, data, 40))
    made = question_formation.Options(**options)
    drawn = [document.text for document in question_formation.documents(made) if document.split == "train"]
    left = question_formation.unrepeated(made, "train")
    code_length = -sum(left.log_probability(line) for line in drawn) / math.log(2)
    assert found.exact
    assert found.bits == pytest.approx(200 * left.grammar.entropy / math.log(2)) != 200 * question_formation.entropy(made) / math.log(2)
    assert found.bits == pytest.approx(code_length, rel=0.05)
    assert found.how.startswith("the entropy of lines that come up in 200 draws, each counted once, 3")


def test_more_lines_without_repeats_hold_more_bits_each():
    bits = [question_formation.unrepeated(question_formation.Options(lines=n), "train").entropy / math.log(2) for n in (1_000, 100_000)]
    assert bits == pytest.approx([31.44, 32.86], abs=0.01), "31.42 with repeats"


def test_what_is_cut_or_planted_or_unknown_is_not_exact(tmp_path):
    planted = uniform_data(insertions=(config.Insertion(length=4),))
    poor = uniform_data(tokenizer_options={"vocabulary": 50})
    for data, context in ((uniform_data(), 8), (planted, 20), (poor, 20)):
        found = information_of(data, opened(tmp_path, data, context))
        assert not found.exact
        assert "compressed by LZMA" in found.how


def test_the_code_length_of_lzma_is_an_upper_bound_of_the_entropy(tmp_path):
    data = uniform_data(insertions=(config.Insertion(length=1),))
    exact = 40 * uniform.entropy(uniform.Options(**UNIFORM)) / math.log(2)
    assert exact < information_of(data, opened(tmp_path, data, 20)).bits < 2 * exact


def test_of_repeated_text_lzma_finds_less_than_of_other_text(tmp_path):
    generator = random.Random(0)
    words = [f"w{number}" for number in range(300)]
    texts = {"repeated": "all work and no play\n\n" * 2000, "other": " ".join(generator.choices(words, k=10_000))}
    bits = {}
    for name, text in texts.items():
        file = tmp_path / f"{name}.txt"
        file.write_text(text)
        data = config.Data(source="files", source_options={"path": str(file)}, tokenizer="byte", validation=0.2)
        found = information_of(data, opened(tmp_path / name, data))
        assert not found.exact
        bits[name] = found.bits
    assert bits["repeated"] < bits["other"] / 20


def test_only_the_beginning_of_long_text_is_compressed(tmp_path, monkeypatch):
    data = uniform_data(insertions=(config.Insertion(length=1),))
    run = opened(tmp_path, data, 20)
    n_tokens = run.selection.n_tokens
    assert information_of(data, run).how == f"all {n_tokens:,} tokens compressed by LZMA"
    monkeypatch.setattr("memlab.training.information._SAMPLE", 100)
    assert information_of(data, run).how == f"the first 100 of {n_tokens:,} tokens compressed by LZMA, scaled up to all"
