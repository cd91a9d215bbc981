"""A passage token by token: the model's own numbers, its classes, shares beside their control, a continuation beside the truth."""

import json
import math
import sys
from dataclasses import asdict

import numpy as np
import pytest
import torch
from tiny_run import make_run

from memlab import config
from memlab.errors import DataError, UsageError
from memlab.lab import tokens as lab
from memlab.lab.inspecting import Question
from memlab.lab.references import reference_of
from memlab.lab.remembering import open_model
from memlab.measures.classes import CLASSES

PLANTED = "zebraquilt"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def lines(home):
    """A run on half of the lines, in which one was planted and seen often."""
    return make_run(home, "lines", "documents", 150, fraction=0.5, insertions=(config.Insertion(text=PLANTED, times=12),))


@pytest.fixture(scope="module")
def windows(home):
    return make_run(home, "windows", learn=30, fraction=0.5)


def read(run, home, question, **others):
    return lab.tokens(open_model(run, home), home, question, **others)


def test_a_planted_passage_is_memorised_and_not_predictable(lines, home):
    found = read(lines, home, Question(text=PLANTED))
    assert "".join(token.text for token in found.tokens) == PLANTED
    names = [token.name for token in found.tokens]
    assert names.count("memorised") >= len(PLANTED) - 2
    assert found.continuation.same == [True] * 5
    assert found.continuation.first_difference is None
    assert found.reference.passage_bits < 10 < found.reference.reference_passage_bits


def test_before_training_nothing_is_memorised(lines, home):
    untrained = lab.tokens(open_model(lines, home, "0"), home, Question(text=PLANTED))
    assert [token.name for token in untrained.tokens].count("memorised") == 0


@pytest.mark.parametrize("question", [Question("training", number=2), Question("validation", number=1), Question(text="hello you")])
@pytest.mark.parametrize("rows", ["lines", "windows"])
def test_the_numbers_are_those_of_the_model(request, home, rows, question):
    run = request.getfixturevalue(rows)
    memory = open_model(run, home)
    found = lab.tokens(memory, home, question)
    text = "".join(token.text for token in found.tokens)
    if question.part == "given":
        ids = memory.encode(text)
    else:
        data = memory.data.train if question.part == "training" else memory.data.validation
        inputs, targets = data.take(np.array([question.number]))
        ids = np.append(inputs[0], targets[0, -1])
    with torch.no_grad():
        shares = memory.model(input_ids=torch.from_numpy(ids[None, :-1])).logits[0].double().softmax(-1)
    read_ones = [token for token in found.tokens if token.name]
    assert len(found.tokens) - len(read_ones) == int(rows == "windows")  # the first token of a window is given
    for token, own, target in zip(read_ones, shares, ids[1:], strict=True):
        p = float(own[target])
        assert token.probability == pytest.approx(p, rel=1e-4)
        assert token.rank == 1 + int((own > own[target]).sum())
        assert token.nats == pytest.approx(-math.log(p), abs=1e-5)
        assert token.bits == pytest.approx(-math.log2(p), abs=1e-5)
        assert (token.name == "wrong") == (token.rank > 1)
    assert found.reference.passage_bits == pytest.approx(sum(token.bits for token in read_ones), abs=1e-4)
    assert sum(one.n for one in found.classes) == len(read_ones)
    for share in ("training", "held_out"):
        assert sum(getattr(one, share).value for one in found.classes) == pytest.approx(1)
    json.dumps(asdict(found), allow_nan=False)


def test_training_text_is_memorised_more_than_held_out_text(lines, home):
    found = {one.name: one for one in read(lines, home, Question(text=PLANTED)).classes}
    assert found["memorised"].training.low > found["memorised"].held_out.high
    assert [one.name for one in read(lines, home, Question(text=PLANTED)).classes] == list(CLASSES)


def test_a_continuation_says_where_it_leaves_the_text(lines, home):
    found = read(lines, home, Question(text=PLANTED[:7] + "###"), prompt=3)
    one = found.continuation
    assert one.prompt == 3
    assert "".join(one.truth) == PLANTED[3:7] + "###"
    assert one.same == [True] * 4 + [False] * 3
    assert one.first_difference == 4
    assert "".join(one.greedy)[:4] == PLANTED[3:7]


def test_the_reference_is_said_with_how_good_it_is(windows, home):
    memory = open_model(windows, home)
    found = lab.tokens(memory, home, Question("training"))
    other = reference_of(memory, home)
    assert found.reference.words == other.words
    rows = np.arange(len(memory.data.validation))  # fewer than are drawn
    inputs, targets = memory.data.validation.take(rows)
    losses = -other.predict(inputs, targets, "validation", rows).log_probabilities
    assert found.reference.held_out_nats == pytest.approx(losses.mean())
    with torch.no_grad():
        logits = memory.model(input_ids=torch.from_numpy(inputs)).logits.double()
    own = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).flatten())
    assert found.reference.model_held_out_nats == pytest.approx(float(own), abs=1e-5)
    assert found.n_excerpts["validation"] * memory.context == found.reference.n_tokens


def test_shares_are_found_again_and_a_damaged_file_is_measured_anew(windows, home):
    first = read(windows, home, Question("training"))
    path = windows.path / "measures" / "tokens" / "step-000004.json"
    before = path.read_bytes()
    read(windows, home, Question("training", number=1))
    assert path.read_bytes() == before
    damaged = json.loads(before)
    del damaged["measured"]["n_tokens"]
    for text in (json.dumps(damaged), "{", "[]"):
        path.write_text(text)
        assert read(windows, home, Question("training")) == first
        assert json.loads(path.read_text()) == json.loads(before)


@pytest.mark.parametrize(
    ("question", "prompt", "complaint"),
    [
        (Question("training", number=10_000), None, r"there is no training passage 10,000; there are \d+, numbered from 0"),
        (Question("validation", number=-1), None, "there is no validation passage -1"),
        (Question(text="a"), None, "'a' is one token, and in a run on windows the first one is given"),
        (Question(text=""), None, "the tokenizer makes no token of ''"),
        (Question(text="hello"), 0, "--prompt is 0; of these 5 tokens 1 to 4 can be continued"),
        (Question(text="hello"), 5, "--prompt is 5; of these 5 tokens 1 to 4 can be continued"),
    ],
)
def test_wrong_requests_are_named(windows, home, question, prompt, complaint):
    with pytest.raises((UsageError, DataError), match=complaint):
        read(windows, home, question, prompt=prompt)


def test_a_document_can_be_continued_from_its_beginning(lines, home):
    one = read(lines, home, Question(text="z"), prompt=0).continuation
    assert (one.prompt, one.truth) == (0, ["z"])


# ------------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def call(home, monkeypatch, capsys):
    from memlab.__main__ import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["memlab", "--home", str(home), *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, *capsys.readouterr()

    return run


def test_the_command_shows_strip_legend_table_and_reference(windows, call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    status, out, _ = call("tokens", "windows", "--train", "2", "--rows", "3")
    assert status == 0
    for words in (
        "windows at step 4: training passage from ",
        "● memorised",
        "held-out",
        "Continued greedily from its first 9 tokens: ",
        "p, reference",
        "13 more: --rows 16",
        "Reference: a trigram model (interpolated, Witten-Bell), ",
        "nats per token, the model ",
        "excerpts (seed 0)",
    ):
        assert words in " ".join(out.split()), words
    assert "\x1b" not in out


def test_json_is_strict_and_whole(windows, call):
    status, out, _ = call("tokens", "windows", "--validation", "0", "--json")
    found = json.loads(out, parse_constant=lambda word: pytest.fail(word))
    assert status == 0
    assert len(found["tokens"]) == 17
    assert {one["name"] for one in found["classes"]} == set(CLASSES)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["windows"], "give one text"),
        (["windows", "a text", "--train", "1"], "give one text"),
        (["windows", "hello", "--reference", "nobody"], "no run 'nobody'"),
        (["windows", "hello", "--reference", "exact"], "there is no exact reference for run 'windows'"),
        (["windows", "hello", "--rows", "-1"], "--rows is -1; it must be at least 0"),
        (["windows", "hello", "--seed", "-1"], "--seed is -1; it must be at least 0"),
        (["nobody", "hello"], "no run 'nobody'"),
    ],
)
def test_a_wrong_request_is_one_line(windows, call, arguments, complaint):
    status, out, err = call("tokens", *arguments)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"memlab: {complaint}")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Missing argument 'PRESET': name a preset (`memlab presets`), or a run with --reference"),
        (["demo", "--reference", "windows"], "there is a preset, 'demo', and --reference windows"),
        (["--reference", "nobody"], "no run 'nobody'"),
    ],
)
def test_training_takes_a_preset_or_a_run(windows, call, arguments, complaint):
    status, out, err = call("train", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"memlab: {complaint}")
