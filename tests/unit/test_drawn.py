"""The places that checkpoints are compared by: the same for every model, as many of each part, and no query that finds itself."""

import numpy as np
import pytest
import torch
from tiny_run import make_run

from memlab.lab.asking import Asked, Choice, in_common
from memlab.lab.remembering import open_model
from memlab.measures.drawn import draw, states_of
from memlab.memory.search import search


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module", params=["windows", "documents"])
def memory(request, home):
    return open_model(make_run(home, request.param, rows=request.param), home, device="cpu")


def test_the_same_seed_draws_the_same_places_and_another_one_others(memory):
    first, again, other = (draw(memory.data, memory.context, 50, 12, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.numbers, again.numbers)
    assert all(np.array_equal(first.queries[part].numbers, again.queries[part].numbers) for part in first.queries)
    assert not np.array_equal(first.numbers, other.numbers)


def test_as_many_as_asked_for_and_as_many_of_each_part(memory):
    drawn = draw(memory.data, memory.context, 50, 12)
    assert (drawn.n_patterns, drawn.n_queries, len(drawn.validation)) == (50, 12, 12)
    most = draw(memory.data, memory.context, 10**6, 10**6)
    assert len(most.training) == len(most.validation) == most.n_queries
    for numbers in (most.numbers, most.training.numbers, most.validation.numbers):
        assert (np.diff(numbers) > 0).all()


def test_no_training_query_finds_its_own_state(memory):
    states = states_of(memory.model, draw(memory.data, memory.context, 10**6, 40))
    for layer in ("1", "2", "norm"):
        nearest = search(states.queries["training"][layer], states.patterns[layer]).squared_distances
        assert (nearest > 1e-8).all()


def test_patterns_come_from_other_documents_than_the_queries(home):
    memory = open_model(make_run(home, "apart", rows="documents"), home, device="cpu")
    for n_patterns, n_queries in ((60, 5), (10**6, 10**6)):
        drawn = draw(memory.data, memory.context, n_patterns, n_queries)
        stored = set(drawn.places.locate(drawn.numbers)[0].tolist())
        asked = set(drawn.training.places.locate(drawn.training.numbers)[0].tolist())
        assert stored
        assert asked
        assert not stored & asked
    assert len(asked) <= len(memory.data.train) / 2
    assert len(stored) + len(asked) <= len(memory.data.train)


@pytest.mark.parametrize("positions", ["all", "every:3", "last"])
def test_of_windows_what_a_training_query_is_about_is_stored(home, positions):
    memory = open_model(make_run(home, f"own-{positions[0]}", rows="windows"), home, device="cpu")
    drawn = draw(memory.data, memory.context, 30, 6, positions)
    *_, asked = drawn.training.places.take(drawn.training.numbers)
    *_, stored = drawn.places.take(drawn.numbers)
    *_, all_there_is = drawn.places.take(np.arange(len(drawn.places)))
    tokens, kept, known = (set(zip(where.documents, where.offsets, strict=True)) for where in (asked, stored, all_there_is))
    assert len(tokens) == 6
    assert tokens & known <= kept
    assert tokens <= kept or positions != "all"
    assert drawn.n_patterns == min(30, len(drawn.places))


def test_states_are_those_of_the_model_at_these_places(memory):
    drawn = draw(memory.data, memory.context, 20, 6)
    states = states_of(memory.model, drawn, ["2"])
    inputs, which, where = drawn.validation.places.take(drawn.validation.numbers)
    for number, position in enumerate(where.positions):
        alone = torch.from_numpy(inputs[which[number], : position + 1])[None]
        expected = memory.model.transformer(alone, output_hidden_states=True).last_hidden_state[0, -1]
        found = memory.model.transformer.ln_f(states.queries["validation"]["2"][number])
        assert torch.allclose(found, expected, atol=1e-4)
    assert np.array_equal(states.where["validation"].rows, where.rows)
    assert np.array_equal(states.where["validation"].documents, where.documents)
    assert np.array_equal(states.documents, drawn.places.take(drawn.numbers)[2].documents)


def test_runs_are_cut_to_what_the_smaller_one_has(home):
    runs = [make_run(home, "larger"), make_run(home, "smaller", fraction=0.4)]
    choice = Choice(patterns=10**6, queries=10**6)
    alone = [Asked(run, choice, home, "cpu") for run in runs]
    assert alone[0].drawn.n_patterns > alone[1].drawn.n_patterns
    larger, smaller = (one.drawn for one in in_common(alone))
    assert (larger.n_patterns, larger.n_queries) == (smaller.n_patterns, smaller.n_queries)
    assert smaller.n_patterns == alone[1].drawn.n_patterns
    assert in_common(alone[:1]) == alone[:1]
