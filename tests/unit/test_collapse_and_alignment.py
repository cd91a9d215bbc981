"""collapse and alignment as they are called: what they measure is kept, compared at equal sizes, drawn, and put into words."""

import json
import sys

import pytest
from tiny_run import STEPS, make_run

from memlab.errors import UnknownName, UsageError
from memlab.lab import alignment as aligning
from memlab.lab import collapse as collapsing
from memlab.lab.asking import Choice

pytestmark = pytest.mark.slow

SMALL = Choice(patterns=60, queries=12)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def run(home):
    return make_run(home, "tiny")


@pytest.fixture(scope="module")
def documents(home):
    return make_run(home, "documents", rows="documents")


@pytest.fixture
def call(home, run, documents, monkeypatch, capsys):
    """The command line inside this process: exit status, standard output, standard error."""
    from memlab.__main__ import main

    def call(words):
        monkeypatch.setattr(sys, "argv", ["memlab", "--home", str(home), *words.split()])
        monkeypatch.setenv("MEMLAB_ASCII", "")
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, *capsys.readouterr()

    return call


def refuse(*_):
    raise AssertionError("measured again, or not JSON")


# --- collapse


def test_every_checkpoint_is_measured_once(run, home, monkeypatch):
    seen = []
    first = collapsing.collapse([run], home, SMALL, device="cpu", progress=lambda *words: seen.append(words))
    monkeypatch.setattr("memlab.measures.collapse.collapse", refuse)
    assert collapsing.collapse([run], home, SMALL, device="cpu") == first
    (course,) = first
    assert [checkpoint.step for checkpoint in course.checkpoints] == list(STEPS)
    assert course.names == ["0", "1", "2", "norm"]
    assert (course.n_patterns, course.n_queries) == (60, 12)
    assert course.n_places > 60
    told = [words for words in seen if words[0] == "measuring checkpoints"]
    assert told[-1] == ("measuring checkpoints", 8, 8, "layers")
    assert {done for _, done, _, _ in told} == set(range(9)), "each layer of each checkpoint is a step of its own"
    again = []
    collapsing.collapse([run], home, SMALL, device="cpu", progress=lambda *words: again.append(words))
    assert again == [("measuring checkpoints", 4, 8, "layers"), ("measuring checkpoints", 8, 8, "layers")]


def test_the_frozen_beta_is_the_same_at_every_step_and_has_8_patterns_in_play_where_it_was_found(run, home):
    (course,) = collapsing.collapse([run], home, SMALL, device="cpu")
    for name in ("1", "2"):
        beta = course.beta(name, "auto")
        last = course.checkpoints[-1].layer(name).at("validation", beta)
        assert last.effective_patterns == pytest.approx(8, rel=0.2)  # a median of 12: between two of them here, at the lower one there
        assert course.checkpoints[0].layer(name).at("validation", beta) is not None
    (early,) = collapsing.collapse([run], home, SMALL, frozen_at="0", device="cpu")
    assert early.betas != course.betas
    assert early.frozen_at == "step 0 of tiny"


def test_runs_compare_with_as_many_patterns_and_queries_and_at_one_beta(run, documents, home):
    courses = collapsing.collapse([run, documents], home, Choice(patterns=10**6, queries=10**6), device="cpu")
    assert len({(course.n_patterns, course.n_queries) for course in courses}) == 1
    assert courses[0].betas == courses[1].betas
    assert [course.cut for course in courses] == ["fixed", "documents"]
    notes = " ".join(collapsing.notes(courses, "1"))
    assert "cut to" in notes
    assert "over 256 of them less those with a double" in notes
    assert "fixed places (tiny)" in notes
    assert "other documents than the training queries (documents)" in notes


def test_one_checkpoint_stands_beside_the_untrained_model(run, home):
    (course,) = collapsing.collapse([run], home, SMALL, checkpoint="4", device="cpu")
    assert course.untrained.step == 0
    (alone,) = collapsing.collapse([run], home, SMALL, checkpoint="0", device="cpu")
    assert alone.untrained is None
    assert "untrained" not in collapsing.sentence(alone, "2", "1")


def test_the_sentence_says_what_the_numbers_say(run, home):
    (course,) = collapsing.collapse([run], home, SMALL, device="cpu")
    found = course.checkpoints[-1].layer("2").at("validation", 1.0)
    words = collapsing.sentence(course, "2", "1")
    assert f"held-out text: {found.effective_patterns:.1f} and {found.fixed_points}" in words
    assert words.startswith("tiny, layer 2, step 4, training text: ")


def test_the_curve_is_that_of_the_last_blocks_own_output(run, home):
    (course,) = collapsing.collapse([run], home, SMALL, device="cpu")
    assert collapsing.shown_layer(course) == "2"
    with pytest.raises(UnknownName, match="was not measured in layer '7'"):
        collapsing.shown_layer(course, "7")
    drawn = collapsing.series([course], "2", "1")
    assert [(one.name, list(one.x)) for one in drawn] == [("training text", [0, 4]), ("held-out text", [0, 4])]


# --- alignment


def test_both_readings_of_every_block_are_measured_once(run, home, monkeypatch):
    first = aligning.alignment(run, home, SMALL, device="cpu")
    monkeypatch.setattr("memlab.measures.alignment.alignment", refuse)
    assert aligning.alignment(run, home, SMALL, device="cpu") == first
    assert [checkpoint.step for checkpoint in first.checkpoints] == [0, 4]
    assert first.last.blocks == [1, 2]
    assert first.betas == {"0": 1.0, "1": 1.0, "2": 1.0}
    for reading in aligning.READINGS:
        for row in aligning.rows(first, reading):
            assert -1 <= row["training"].low <= row["training"].value <= row["training"].high <= 1


def test_a_frozen_beta_belongs_to_the_layer_of_the_patterns(run, home):
    found = aligning.alignment(run, home, SMALL, beta="auto", device="cpu")
    for block in (1, 2):
        assert found.last.at(block, "before", "training").beta == found.betas[str(block - 1)]
        assert found.last.at(block, "after", "training").beta == found.betas[str(block)]


def test_a_control_is_below_only_where_its_interval_is(run, home):
    found = aligning.alignment(run, home, SMALL, device="cpu")
    for reading in aligning.READINGS:
        for block in found.last.blocks:
            below = aligning.controls_below(found, block, reading, "training")
            own, before = (one.at(block, reading, "training").cosine for one in (found.last, found.untrained))
            assert ("untrained" in below) == (before.high < own.low)
            for null in ("shuffled", "gaussian"):
                assert (null in below) == (found.last.at(block, reading, "training", null).margin.low > 0)


def test_the_mean_over_blocks_is_said(run, home):
    found = aligning.alignment(run, home, SMALL, device="cpu")
    values = [found.last.at(block, "before", "validation").cosine.value for block in (1, 2)]
    assert f"held-out text {sum(values) / 2:+.3f}" in " ".join(aligning.sentences(found, "before"))


@pytest.mark.parametrize(("words", "blocks"), [("all", [1, 2]), ("2", [2]), ("-1,1", [1, 2]), ("-2", [1])])
def test_blocks_are_chosen_by_number(run, home, words, blocks):
    assert aligning.alignment(run, home, SMALL, layers=words, device="cpu").last.blocks == blocks


@pytest.mark.parametrize("words", ["0", "3", "x", "", "-3"])
def test_a_block_that_there_is_not_is_refused(run, home, words):
    with pytest.raises(UnknownName, match="the model has no block"):
        aligning.alignment(run, home, SMALL, layers=words, device="cpu")


@pytest.mark.parametrize("words", ["0", "-1", "nan", "inf", "hot"])
def test_a_beta_that_is_none_is_refused(run, home, words):
    with pytest.raises(UsageError, match="--beta is"):
        aligning.alignment(run, home, SMALL, beta=words)


# --- the commands


@pytest.mark.parametrize("width", [30, 50, 80, 200])
@pytest.mark.parametrize(
    "command", ["collapse tiny", "collapse tiny documents --beta auto", "alignment tiny", "alignment tiny --over-training"]
)
def test_no_line_is_wider_than_the_terminal(call, command, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    status, out, _ = call(f"{command} --patterns 60 --queries 12 --device cpu")
    assert status == 0
    assert max(map(len, out.splitlines())) <= width
    assert "\x1b" not in out


@pytest.mark.parametrize("command", ["collapse tiny", "alignment documents --beta auto"])
def test_seven_bits_suffice(call, command):
    status, out, _ = call(f"--ascii {command} --patterns 60 --queries 12 --device cpu")
    assert status == 0
    assert out.isascii()
    assert "<U+" not in out


@pytest.mark.parametrize("command", ["collapse tiny documents", "alignment tiny --beta auto"])
def test_the_same_as_strict_json(call, command):
    status, out, _ = call(f"{command} --patterns 60 --queries 12 --device cpu --json")
    assert status == 0
    assert json.loads(out, parse_constant=refuse)


@pytest.mark.parametrize("command", ["collapse tiny", "alignment tiny"])
def test_pictures_are_written(call, command, tmp_path):
    pytest.importorskip("matplotlib")
    status, out, _ = call(f"{command} --patterns 60 --queries 12 --device cpu --png {tmp_path}/a.png --svg {tmp_path}/a.svg")
    assert status == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert f"wrote {tmp_path}/a.png" in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("collapse", "Missing argument 'RUN"),
        ("collapse tyni", "no run 'tyni'; did you mean 'tiny'?"),
        ("collapse tiny --beta 2", "--beta is '2'; it must be 1, as in the paper, or auto"),
        ("collapse tiny --patterns 1", "--patterns is 1; at least 2 are needed"),
        ("collapse tiny --queries 0", "--queries is 0; ask with at least 1"),
        ("collapse tiny --seed -1", "--seed is -1; it must be at least 0"),
        ("collapse tiny --checkpoint 7", "run 'tiny' has no checkpoint '7'"),
        ("collapse tiny --frozen-at 7", "run 'tiny' has no checkpoint '7'"),
        ("collapse tiny --layers 9", "the model has no layer '9'"),
        ("collapse tiny --curve 9 --patterns 60 --queries 12 --device cpu", "run 'tiny' was not measured in layer '9'"),
        ("collapse tiny --positions first", "positions are 'first'; they must be last"),
        ("alignment tiny --beta hot", "--beta is 'hot'; it must be a positive number"),
        ("alignment tiny --over-training --checkpoint 4", "--checkpoint 4 is one checkpoint and --over-training all of them"),
        ("alignment tiny --layers 9", "the model has no block '9'; there are 1 to 2"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_2(call, words, complaint):
    status, out, err = call(words)
    assert (status, out) == (2, "")
    lines = [line for line in err.splitlines() if line.startswith("memlab: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"memlab: {complaint}")
