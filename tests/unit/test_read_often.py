"""Passages read again and again: the ranking is kept beside the run, a passage agrees with `tokens`, and tokens have their place."""

import json
from unittest import mock

import pytest
from tiny_run import make_run

from memlab.lab import memorized, read_often
from memlab.lab.passages import of_data
from memlab.lab.questions import Question
from memlab.lab.remembering import open_model
from memlab.lab.serving import Server
from memlab.lab.stages import Kept
from memlab.lab.tokens import tokens


def read(run, home, question=None, ranked=True, kept=None):
    found = list(read_often.read_often(run, home, question, "last", ranked, kept or Kept(), lambda *work: None))
    return [next(iter(part)) for part in found], {key: value for part in found for key, value in part.items()}


@pytest.fixture(scope="module", params=["windows", "documents"])
def made(request, tmp_path_factory):
    home = tmp_path_factory.mktemp(request.param)
    return make_run(home, rows=request.param, learn=40), home


def test_the_ranking_comes_first_and_its_best_passage_is_read(made):
    order, found = read(*made)
    assert order == ["ranking", "passage"]
    assert found["passage"]["question"] == {"part": "training", "text": "", "number": found["ranking"]["training"][0]["row"]}
    assert found["passage"]["steps_there"] == [0, 4]


def test_a_passage_that_is_asked_for_comes_before_the_ranking_and_alone_where_that_is_known(made):
    question = Question("validation", number=1)
    assert read(*made, question)[0] == ["passage", "ranking"]
    order, found = read(*made, question, ranked=False)
    assert order == ["passage"]
    run, home = made
    alone = tokens(open_model(run, home), home, question)
    assert [one["name"] for one in found["passage"]["tokens"]] == [one.name for one in alone.tokens]


def test_the_ranking_is_made_once(made, monkeypatch):
    first = read(*made)[1]["ranking"]
    monkeypatch.setattr(read_often, "examine", lambda *arguments, **options: pytest.fail("it was kept"))
    assert read(*made)[1]["ranking"] == first


def test_the_greedy_match_ends_at_the_first_token_that_differs(made):
    run, home = made
    for passage in memorized.examine(run, home, measures=[], n=20, reference=None).training:
        same = [one == other for one, other in zip(passage.continuation, passage.continued, strict=False)]  # tokens are bytes
        assert passage.n_matched == (same.index(False) if False in same else passage.n_tokens)
        assert passage.score >= passage.n_matched / passage.n_tokens


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_token_has_its_place_in_the_passage_that_patterns_are_asked_with(made, part):
    run, home = made
    found = read(run, home, Question(part, number=2), ranked=False)[1]["passage"]
    asked = of_data(open_model(run, home), part, 2)
    first = max(0, -found["first"])
    assert [one["text"] for one in found["tokens"]][first : first + 3] == asked.tokens[found["first"] + first :][:3]


def test_the_warm_child_sends_each_part_as_it_is_found(made, monkeypatch):
    run, home = made
    monkeypatch.setenv("MEMLAB_HOME", str(home))
    inbox, sent = mock.Mock(), []
    arguments = {"run": str(run.path), "question": {"part": "given", "text": "abcabc", "number": 0}, "checkpoint": "0", "ranked": True}
    answer = Server(inbox, sent.append)._answer({"id": 5, "do": "tokens", "arguments": arguments})
    found = [message["found"] for message in sent if "found" in message]
    assert answer == {"answer": {}}
    assert [next(iter(part)) for part in found] == ["passage", "ranking"]
    assert found[0]["passage"]["step"] == found[1]["ranking"]["step"] == 0
    json.dumps(found, allow_nan=False)
