"""The memory of a run: stored once, found again, made anew when the weights are others, and readable where it cannot be written."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from tiny_run import make_run

from memlab.errors import DataError, RunError, UnknownName, UsageError
from memlab.lab import passages
from memlab.lab.controls import AT, controls
from memlab.lab.remembering import memory_bytes, open_memory, open_model, store_patterns
from memlab.measures.patterns import collect_states
from memlab.measures.queries import draw_queries
from memlab.rundir import RunDir
from memlab.training import checkpoints

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def windows(home):
    return make_run(home, "windows")


@pytest.fixture(scope="module")
def documents(home):
    return make_run(home, "documents", rows="documents")


def test_patterns_are_stored_once_and_found_again(windows, home):
    first = store_patterns(windows, home)
    again = store_patterns(windows, home)
    assert (first.was_there, again.was_there) == (False, True)
    assert first.path == windows.path / "patterns" / "step-000004"
    assert first.n_patterns == first.n_places == len(open_memory(windows, home).store)


def test_other_wishes_make_another_store(windows, home):
    store_patterns(windows, home, checkpoint="0", layers="0,2", positions="every:4")
    memory = open_memory(windows, home, "0")
    assert memory.store.layers == ["0", "2"]
    assert not store_patterns(windows, home, checkpoint="0", layers="0,2", positions="last").was_there


def test_patterns_of_weights_that_are_gone_do_not_count(home, tmp_path):
    run = make_run(tmp_path, "again", learn=1)
    store_patterns(run, tmp_path)
    other = make_run(tmp_path / "elsewhere", "again", learn=2)
    for step in (0, 4):
        shutil.rmtree(checkpoints.path_of(run.checkpoints, step))
        shutil.copytree(checkpoints.path_of(other.checkpoints, step), checkpoints.path_of(run.checkpoints, step))
    assert not store_patterns(run, tmp_path).was_there
    assert store_patterns(run, tmp_path, checkpoint="0").was_there is False


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_patterns_of_a_run_that_cannot_be_written_to_go_under_the_home_for_users(home, tmp_path):
    run = make_run(tmp_path, "locked", learn=1)
    os.chmod(run.path, 0o555)
    assert tmp_path / "cache" in store_patterns(run, tmp_path).path.parents


def test_patterns_of_a_run_that_cannot_be_written_to_go_under_the_home(tmp_path, monkeypatch):
    run = make_run(tmp_path, "locked", learn=1)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    stored = store_patterns(run, tmp_path)
    assert tmp_path / "cache" in stored.path.parents
    assert open_memory(run, tmp_path).store.path == stored.path


def test_a_damaged_store_is_made_again(home, tmp_path):
    run = make_run(tmp_path, "damaged", learn=1)
    stored = store_patterns(run, tmp_path)
    (stored.path / "meta.json").write_text("{")
    assert not store_patterns(run, tmp_path).was_there


def test_a_pattern_in_words_is_the_text_that_it_came_from(documents, home):
    memory = open_memory(documents, home)
    text = memory.data.corpus.text("train", 0)
    row = 6  # the first document's rows begin with its beginning-of-text token
    context = memory.where(row)
    assert (context.before, context.token, context.next_token) == (text[: row - 1], text[row - 1], text[row])
    assert memory.where(row, n_before=2).before == text[row - 3 : row - 1]
    assert (memory.where(0).before, memory.where(0).token, memory.where(0).next_token) == ("", "", text[0])


def test_a_run_without_its_corpus_says_so(home, tmp_path):
    made = make_run(tmp_path / "there", "moved", learn=1)
    run = RunDir(Path(shutil.copytree(made.path, tmp_path / "moved")))
    with pytest.raises(DataError, match="copy it from the machine"):
        open_model(run, tmp_path / "another")


def test_a_run_that_has_recorded_nothing_says_so(tmp_path):
    run = make_run(tmp_path, "young", learn=1)
    run.provenance_path.write_text(json.dumps({"attempts": []}))
    with pytest.raises(RunError, match="has not recorded its data"):
        open_model(run, tmp_path)


def test_a_wrong_checkpoint_is_named(windows, home):
    with pytest.raises(UnknownName, match="no checkpoint '3'"):
        open_model(windows, home, "3")


@pytest.mark.parametrize(("words", "n"), [("4GB", 4 * 10**9), ("1.5 mb", 1_500_000), ("700", 700), ("10B", 10), ("2k", 2000)])
def test_budgets_in_words(words, n):
    assert memory_bytes(words) == n


@pytest.mark.parametrize("words", ["", "many", "-1GB", "1XB", "GB"])
def test_budgets_that_mean_nothing(words):
    with pytest.raises(UsageError, match="the budget is"):
        memory_bytes(words)


# --- passages


def test_a_training_window_begins_later_than_the_stored_one_and_ends_with_it(windows, home):
    memory = open_memory(windows, home)
    passage = passages.of_data(memory, "training", 3)
    stream = memory.data.train.stream
    assert passage.ids.tolist() == stream[3 * 16 + 5 : 4 * 16].tolist()
    assert passage.after == int(stream[64:65][0])
    assert "".join(passage.tokens) == memory.tokenizer.decode(passage.ids)
    assert passage.own_document is None


def test_a_training_document_leaves_its_own_patterns_out(documents, home):
    passage = passages.of_data(open_memory(documents, home), "training", 2)
    assert passage.own_document == 2
    assert passages.of_data(open_memory(documents, home), "validation", 2).own_document is None


def test_a_long_text_keeps_its_end(windows, documents, home):
    text = "abcdefghijklmnopqrstuvwxyz"
    assert "".join(passages.given(open_memory(windows, home), text).tokens) == text[-16:]
    memory = open_memory(documents, home)
    passage = passages.given(memory, text)
    assert "".join(passage.tokens) == text[-15:]
    assert passage.ids[0] == memory.tokenizer.bos_token_id
    assert "first 11 tokens were cut off" in passage.note


def test_no_text_and_no_such_passage_and_no_such_position(windows, home):
    memory = open_memory(windows, home)
    with pytest.raises(DataError, match="makes no token"):
        passages.given(memory, "")
    with pytest.raises(UsageError, match="no training passage 999"):
        passages.of_data(memory, "training", 999)
    passage = passages.given(memory, "abc")
    assert [passage.position(number) for number in (0, -1, 2)] == [0, 2, 2]
    with pytest.raises(UsageError, match="position 3 is not in the text"):
        passage.position(3)


# --- controls


def test_controls_are_quantiles_of_the_distances_found_by_brute_force(windows, home):
    memory = open_memory(windows, home)
    found = controls(memory)
    queries = draw_queries(memory.data, memory.context, "validation", 256)
    states = collect_states(memory.model, queries.places, queries.numbers, ["2"]).by_layer["2"]
    nearest = torch.cdist(states.double(), torch.from_numpy(memory.store.layer("2").copy()).double()).amin(1)
    assert found.n_queries["validation"] == len(queries)
    assert found.layers["2"].distances["validation"] == pytest.approx(nearest.quantile(torch.tensor(AT).double()).tolist(), rel=1e-4)


def test_training_documents_are_compared_without_their_own_patterns(documents, home):
    distances = controls(open_memory(documents, home)).layers["2"].distances
    assert distances["training"][0] > 1e-3


def test_the_automatic_beta_has_the_perplexity_asked_for(windows, home):
    for layer in ("1", "2", "norm"):
        control = controls(open_memory(windows, home)).layers[layer]
        assert control.effective_patterns["validation"][1] == pytest.approx(8, rel=0.01)


def test_controls_are_kept_and_survive_damage(windows, home):
    memory = open_memory(windows, home)
    first = controls(memory)
    path = memory.store.path / "controls.json"
    assert json.loads(path.read_text())["n_queries"] == first.n_queries
    for damage in ("{", "[]", '{"format": 1}', '{"format": 99}'):
        path.write_text(damage)
        assert controls(memory) == first
