"""Forgetting: what was held once and is no longer is counted as by hand, and every share is that of the very checkpoint."""

import json

import numpy as np
import pytest
from tiny_run import STEPS, make_run
from typer.testing import CliRunner

from memlab.cli.app import app
from memlab.errors import UsageError
from memlab.lab import forgetting as lab
from memlab.lab.memorized import examine
from memlab.lab.remembering import open_model
from memlab.measures.forgetting import course, held_before, times_forgotten
from memlab.training import checkpoints

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has learned its text at step 4, and lost it at step 8: a copy of its untrained model."""
    home = tmp_path_factory.mktemp("home")
    made = make_run(home, learn=200)
    untrained, last = (checkpoints.path_of(made.checkpoints, step) for step in (STEPS[0], 8))
    last.mkdir()
    for file in untrained.iterdir():
        (last / file.name).write_bytes(file.read_bytes())
    return made, home


def test_three_shares_are_those_counted_by_hand_and_sum_to_one():
    held = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]], bool)[..., None]  # 3 checkpoints, 4 passages
    found = course(held, np.ones((4, 1), bool), np.arange(4))
    assert [(one.held.value, one.forgotten.value, one.never.value) for one in found] == [(0.25, 0, 0.75), (0.5, 0, 0.5), (0.5, 0.25, 0.25)]
    assert found[2].held.how == "Clopper-Pearson"


def test_tokens_are_counted_over_all_rows_and_padding_is_not():
    there = np.array([[True, True], [True, False]])
    held = np.array([[[1, 1], [0, 1]], [[0, 1], [0, 1]]], bool)
    last = course(held, there, np.arange(2))[-1]
    assert (last.held.value, last.forgotten.value, last.never.value) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


@pytest.mark.parametrize("n_places", [1, 3])
def test_passages_of_one_document_hang_together(n_places):
    generator, documents = np.random.default_rng(0), np.repeat(np.arange(12), 20)
    held = (generator.random(12)[documents] < 0.5)[None, :, None].repeat(n_places, 2)  # all of a document, or nothing of it
    alone, together = (course(held, np.ones((240, n_places), bool), of)[0].held for of in (np.arange(240), documents))
    assert alone.value == together.value
    assert together.high - together.low > 3 * (alone.high - alone.low)
    assert (together.n_documents, "documents" in together.how) == (12, True)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_held_before_and_how_often_it_was_lost_agree_with_a_loop(seed):
    held = np.random.default_rng(seed).random((9, 5)) < 0.5
    before, times = held_before(held), times_forgotten(held)
    for number in range(5):
        lost = 0
        for step in range(9):
            assert before[step, number] == any(held[:step, number])
            lost += step > 0 and held[step - 1, number] and not held[step, number]
        assert times[number] == lost


def test_what_a_run_learned_and_lost_is_forgotten_and_held_out_text_was_never_held(run):
    found = lab.forgetting(*run)
    assert [moment.step for moment in found.moments] == [0, 4, 8]
    learned, end = found.moments[1].training["passages"], found.moments[2].training["passages"]
    assert learned.held.value > 0.5 > found.moments[0].training["passages"].held.value == 0
    assert (end.held.value, end.forgotten.value) == (0, learned.held.value)
    assert found.moments[2].held_out["passages"].never.value == 1
    first = found.training[0]
    assert (first.best_step, first.best_score, first.times) == (4, 1.0, 1)
    assert first.lost == max(passage.lost for passage in found.training)
    assert [passage.lost for passage in found.training] == sorted((passage.lost for passage in found.training), reverse=True)


def test_shares_and_texts_are_those_of_the_measures_at_each_checkpoint(run):
    found = lab.forgetting(*run)
    for moment in found.moments:
        examined = examine(*run, str(moment.step), measures=["extraction", "exact"])
        shares = {(one["name"], one["part"]): one["estimate"]["value"] for figures in examined.figures.values() for one in figures}
        for part, held in (("training", moment.training), ("validation", moment.held_out)):
            assert held["passages"].held.value == shares["passages extracted", part]
            assert held["tokens"].held.value == pytest.approx(shares["tokens held most likely", part])
    texts = {(passage.row, passage.prompt, passage.continuation) for passage in examined.training}
    assert {(passage.row, passage.prompt, passage.continuation) for passage in found.training} == texts


def test_what_each_checkpoint_holds_is_kept(run, monkeypatch):
    first = lab.forgetting(*run)
    monkeypatch.setattr(lab, "load_checkpoint", lambda *_: pytest.fail("a checkpoint was asked again"))
    assert lab.forgetting(*run) == first


def test_one_checkpoint_forgets_nothing_and_is_refused(tmp_path, run):
    with pytest.raises(UsageError, match="--points is 1"):
        lab.forgetting(*run, points=1)
    alone = make_run(tmp_path, "alone", learn=0)
    checkpoints.remove(checkpoints.path_of(alone.checkpoints, 4), wait=True)
    with pytest.raises(UsageError, match="run 'alone' has one checkpoint"):
        lab.forgetting(alone, tmp_path)


def test_the_command_lists_what_was_lost_and_writes_strict_json(run):
    def call(*words):
        asked = ["--home", str(run[1]), "forgetting", "tiny", *words]
        return CliRunner().invoke(app, asked, env={"COLUMNS": "120"}, catch_exceptions=False).stdout

    said = call("--top", "2", "--of", "tokens")
    assert "passages forgotten since" in said
    assert "what was forgotten most first" in said
    assert "95 % intervals from resampling documents" in " ".join(said.split())
    assert open_model(*run).data.corpus.name("train", 0)[:6] in said
    found = json.loads(call("--json"))
    assert len(found["moments"]) == 3
    assert found["moments"][2]["training"]["passages"]["forgotten"]["low"] > 0
