"""Queries come from the second halves of rows, never find themselves, and leave out what stands in the training text elsewhere."""

import json

import numpy as np
import pytest
import torch
from tiny_run import make_run

from memlab.config import Data
from memlab.data.corpus import open_corpus
from memlab.data.repeats import document_occurrences, occurrences
from memlab.data.rows import open_rows
from memlab.errors import DataError
from memlab.lab.remembering import open_model
from memlab.measures.patterns import collect_states, pattern_places
from memlab.measures.queries import draw_queries, own_rows, shift_of
from memlab.memory.search import search


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return open_model(make_run(home), home)


def test_a_training_query_never_meets_its_own_state(memory):
    queries = draw_queries(memory.data, memory.context, "training", 30)
    chosen = pattern_places(memory.data, memory.context, "all")
    patterns = collect_states(memory.model, chosen, np.arange(len(chosen)), ["2"])
    states = collect_states(memory.model, queries.places, queries.numbers, ["2"])
    found = search(states.by_layer["2"], patterns.by_layer["2"]).squared_distances[:, 0]
    assert (found > 1e-8).all()
    unshifted = collect_states(memory.model, chosen, queries.numbers, ["2"])  # the trap that the shift avoids
    assert (search(unshifted.by_layer["2"], patterns.by_layer["2"]).squared_distances < 1e-10).all()


def test_both_parts_ask_at_the_same_positions_of_a_window(memory):
    context, shift = memory.context, shift_of(memory.context)
    for part in ("training", "validation"):
        queries = draw_queries(memory.data, context, part, 500)
        positions = queries.places.locate(queries.numbers)[1]
        assert set(positions.tolist()) == set(range(context // 2, context - shift))


def test_the_text_of_a_query_is_that_of_its_part(memory):
    queries = draw_queries(memory.data, memory.context, "validation", 10)
    inputs, which, where = queries.places.take(queries.numbers)
    tokens = memory.data.corpus.tokens("validation")
    for row, at, document, offset in zip(which, where.positions, where.documents, where.offsets, strict=True):
        assert inputs[row, at] == tokens[document][offset]


def test_the_same_seed_draws_the_same_queries(memory):
    first, again, other = (draw_queries(memory.data, memory.context, "training", 12, seed).numbers for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def corpus_of(tmp_path, texts, **options):
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    data = Data(source="files", source_options={"path": str(path)}, tokenizer="byte", validation=0.25, **options)
    return open_rows(open_corpus(tmp_path / "home", data), data, 16)


def test_held_out_text_that_is_in_the_training_text_too_is_left_out(tmp_path):
    fresh = ["".join(chr(97 + (number * 7 + place * place) % 26) for place in range(20)) for number in range(20)]
    data = corpus_of(tmp_path, [*fresh, *(["the very same words again and again"] * 20)], rows="documents")
    drawn = draw_queries(data, 16, "validation", 200)
    documents = {data.validation.document(row).tobytes() for row in drawn.places.locate(drawn.numbers)[0]}
    training = {data.train.document(row).tobytes() for row in range(len(data.train))}
    assert drawn.n_repeated > 0
    assert not documents & training


def test_where_all_held_out_text_is_repeated_there_is_no_control(tmp_path):
    data = corpus_of(tmp_path, [f"{number % 2} the very same words again and again" for number in range(40)], rows="documents")
    with pytest.raises(DataError, match="nothing is left"):
        draw_queries(data, 16, "validation", 20)


@pytest.mark.parametrize("length", [1, 3, 6])
def test_occurrences_are_those_of_a_plain_count(length):
    text = np.random.default_rng(0).integers(0, 3, 400)
    spans = np.stack([text[start : start + length] for start in (0, 17, 250)] + [np.full(length, 7)])
    plain = [sum(np.array_equal(text[start : start + length], span) for start in range(len(text) - length + 1)) for span in spans]
    assert occurrences(text, spans).tolist() == plain
    assert occurrences(text, spans[:0]).tolist() == []


def test_document_occurrences_count_whole_documents(tmp_path):
    data = corpus_of(tmp_path, ["one", "one", "two", "onetwo"] * 10, rows="documents")
    rows = data.train
    whole = [rows.document(row).tobytes() for row in range(len(rows))]
    assert document_occurrences(rows, rows, np.arange(4)).tolist() == [whole.count(whole[row]) for row in range(4)]


def test_own_rows_are_all_patterns_of_the_query_document_and_no_other():
    patterns = np.array([3, 1, 3, 2, 3, -1])
    own = own_rows(np.array([3, 2, 9, -1]), patterns)
    assert [sorted(row[row >= 0].tolist()) for row in own] == [[0, 2, 4], [3], [], [5]]


def test_leaving_out_the_own_document_is_searching_without_it():
    states, documents = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), np.arange(12) // 3
    found = search(states, states, 1, exclude=torch.from_numpy(own_rows(documents, documents)))
    assert (documents[found.indices[:, 0].numpy()] != documents).all()
