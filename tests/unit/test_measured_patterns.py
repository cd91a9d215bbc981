"""Patterns are the states of the places asked for, each with its origin, the same however they are batched, stored, or interrupted."""

import shutil

import numpy as np
import pytest
import torch
from tiny_run import make_run

from memlab import errors
from memlab.lab.remembering import open_model
from memlab.measures import hidden, patterns, places
from memlab.memory.store import sample_rows

NAMES = ["0", "2", "norm"]


@pytest.fixture(scope="module", params=["windows", "documents"])
def memory(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return open_model(make_run(home, rows=request.param, learn=2), home)


def plainly(memory, positions):
    """(inputs up to there, document, offset, next token) of every place, counted without the code under test."""
    found = []
    if memory.has_documents:
        for row in range(len(memory.data.train)):
            document = memory.data.train.document(row)[: memory.context].tolist()
            inputs = [memory.tokenizer.bos_token_id, *document[:-1]]
            found += [(inputs[: at + 1], row, at - 1, document[at]) for at in positions(len(document))]
        return found
    stream = memory.data.train.stream
    tokens = stream[:].tolist()
    for start in range(0, len(tokens) - memory.context, memory.context):
        for at in positions(memory.context):
            document, offset = (int(value) for value in stream.locate(start + at))
            found.append((tokens[start : start + at + 1], document, offset, tokens[start + at + 1]))
    return found


CHOICES = {
    "last": lambda length: [length - 1],
    "all": lambda length: range(length),
    "every:3": lambda length: range(2, length, 3),
}


@pytest.mark.parametrize("words", CHOICES)
def test_each_place_is_the_position_that_it_says(memory, words):
    wanted = plainly(memory, CHOICES[words])
    chosen = patterns.pattern_places(memory.data, memory.context, words)
    inputs, which, where = chosen.take(np.arange(len(chosen)))
    found = [
        (inputs[row, : at + 1].tolist(), document, offset, after)
        for row, at, document, offset, after in zip(
            which, where.positions, where.documents.tolist(), where.offsets.tolist(), where.next_tokens.tolist(), strict=True
        )
    ]
    assert found == wanted


def test_states_are_those_of_each_text_alone(memory):
    chosen = patterns.pattern_places(memory.data, memory.context, "every:3")
    numbers = sample_rows(len(chosen), 20, seed=1)
    states = patterns.collect_states(memory.model, chosen, numbers, NAMES)
    wanted = plainly(memory, CHOICES["every:3"])
    for place, number in enumerate(numbers):
        alone = hidden.hidden_states(memory.model, torch.tensor([wanted[number][0]]), NAMES)
        for name in NAMES:
            torch.testing.assert_close(states.by_layer[name][place], alone[name][0, -1], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("at_once", [1, 17, 100, 1 << 20])
def test_batches_do_not_matter(memory, at_once, monkeypatch):
    chosen = patterns.pattern_places(memory.data, memory.context, "all")
    numbers = sample_rows(len(chosen), 50, seed=2)
    whole = patterns.collect_states(memory.model, chosen, numbers, ["2"])
    monkeypatch.setattr(patterns, "_TOKENS", at_once)
    parts = patterns.collect_states(memory.model, chosen, numbers, ["2"])
    torch.testing.assert_close(parts.by_layer["2"], whole.by_layer["2"], atol=2e-5, rtol=1e-4)
    assert np.array_equal(parts.where.offsets, whole.where.offsets)


def plan_of(memory, chosen, budget=10**9):
    return patterns.plan_of(chosen, hidden.widths(memory.model, NAMES), "all", budget, seed=0, about={})


def test_a_store_holds_the_states_and_where_they_came_from(memory, tmp_path):
    chosen = patterns.pattern_places(memory.data, memory.context, "all")
    store = patterns.store_patterns(memory.model, chosen, plan_of(memory, chosen), tmp_path / "store")
    collected = patterns.collect_states(memory.model, chosen, np.arange(len(chosen)), NAMES)
    for name in NAMES:
        assert np.array_equal(store.layer(name), collected.by_layer[name].numpy())
    assert np.array_equal(store.origins["next_token"], collected.where.next_tokens)
    assert store.meta["left_out"] == 0


def test_beyond_the_budget_a_sample_is_stored_and_the_rest_counted(memory, tmp_path):
    chosen = patterns.pattern_places(memory.data, memory.context, "all")
    plan = plan_of(memory, chosen, budget=5_000)
    store = patterns.store_patterns(memory.model, chosen, plan, tmp_path / "store")
    numbers = sample_rows(len(chosen), len(store), 0)
    assert len(store) == 5_000 // (3 * 16 * 4 + 20)
    assert store.meta["left_out"] == len(chosen) - len(store)
    assert np.array_equal(store.layer("2"), patterns.collect_states(memory.model, chosen, numbers, NAMES).by_layer["2"].numpy())


def test_a_budget_for_no_pattern_says_what_one_takes(memory):
    with pytest.raises(errors.UsageError, match="holds no pattern"):
        plan_of(memory, patterns.pattern_places(memory.data, memory.context, "all"), budget=100)


def test_an_interrupted_build_goes_on_and_ends_the_same(memory, tmp_path, monkeypatch):
    monkeypatch.setattr(patterns, "_TOKENS", 64)
    monkeypatch.setattr(patterns, "_SYNC_SECONDS", 0.0)
    chosen = patterns.pattern_places(memory.data, memory.context, "all")
    plan, path = plan_of(memory, chosen), tmp_path / "store"
    seen = []

    def stop_halfway(doing, done, total, unit):
        seen.append(done)
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        patterns.store_patterns(memory.model, chosen, plan, path, stop_halfway)
    assert not path.exists()
    resumed = []
    store = patterns.store_patterns(memory.model, chosen, plan, path, lambda doing, done, total, unit: resumed.append(done))
    assert min(resumed) > seen[-1] - 1
    again = patterns.store_patterns(memory.model, chosen, plan, tmp_path / "other")
    assert all(np.array_equal(store.layer(name), again.layer(name)) for name in NAMES)
    shutil.rmtree(path)


def test_rows_too_short_for_a_step_are_said_so(memory):
    with pytest.raises(errors.UsageError, match="no row is that long"):
        patterns.pattern_places(memory.data, memory.context, "every:99")


@pytest.mark.parametrize("words", ["", "every", "every:0", "every:x", "first", "last:2"])
def test_positions_that_mean_nothing_are_refused(words):
    with pytest.raises(errors.UsageError, match="positions are"):
        places.parse_positions(words)
