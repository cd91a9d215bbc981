"""memlab inspect as people and scripts use it: on a tiny run, in a pipe."""

import io
import json
import sys

import pytest
from tiny_run import make_run

from memlab.render.safe import is_harmful, width


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    make_run(home, "windows")
    make_run(home, "documents", rows="documents")
    return home


@pytest.fixture
def call(home, monkeypatch, capsys):
    """Exit status, standard output, standard error."""
    from memlab.__main__ import main

    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "argv", ["memlab", "--home", str(home), "inspect", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        monkeypatch.delenv("MEMLAB_ASCII", raising=False)
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, *capsys.readouterr()

    return run


def test_a_text_is_answered_in_words_and_numbers(call):
    status, out, _ = call("windows", "abcdef", "--beta", "auto")
    assert status == 0
    for words in (
        "asked with the text given",
        "abcde[f]",
        "held-out text",
        "by perplexity",
        "patterns",
        "ends at",
        "merge at",
        "1e-6 of its",
    ):
        assert words in out


def test_json_holds_everything_that_is_shown(call):
    status, out, _ = call("documents", "--train", 3, "--json", "--k", 2, "--layer", 1, "--position", 4)
    answer = json.loads(out)
    assert answer["seeds"] == {"patterns": 0, "queries": 0}
    assert status == 0
    assert (answer["layer"], answer["position"], len(answer["nearest"]), answer["card"]["layer"]) == ("1", 4, 2, "1")
    assert answer["asked"]["excluded"] > 0
    assert [one["layer"] for one in answer["readings"]] == ["0", "1", "2", "norm"]
    assert {"squared_distance", "energy", "mchn_energy", "effective_patterns", "scaled_energy"} <= set(answer["readings"][0])


def test_a_text_from_a_pipe_or_a_file_loses_its_last_line_feed_only(call, tmp_path):
    path = tmp_path / "text"
    path.write_text("ab\ncd\n")
    piped, read = call("windows", "-", "--json", stdin="ab\ncd\n"), call("windows", "--file", path, "--json")
    assert json.loads(piped[1])["asked"]["tokens"] == list("ab\ncd") == json.loads(read[1])["asked"]["tokens"]


def test_the_course_over_training_is_a_plot_and_a_table(call):
    status, out, _ = call("windows", "--validation", 0, "--over-training", "--plot", "patterns")
    assert status == 0
    for words in ("this text", "held-out text", "patterns in play", "step", "the same", "drawn with seed 0"):
        assert words in out
    course = json.loads(call("windows", "--validation", 0, "--over-training", "--json")[1])
    assert [moment["step"] for moment in course["moments"]] == [0, 4]


@pytest.mark.slow
def test_the_course_is_written_as_pictures(call, tmp_path):
    png, svg = tmp_path / "course.png", tmp_path / "course.svg"
    status, out, _ = call("windows", "--validation", 0, "--over-training", "--png", png, "--svg", svg)
    assert status == 0
    assert f"wrote {svg}" in out
    assert png.read_bytes().startswith(b"\x89PNG")
    drawn = svg.read_text()
    assert all(words in drawn for words in ("this text", "held-out text", "nearest d²"))


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_tables_fit_the_terminal_and_no_text_does_any_harm(call, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = call("windows", "a\x1b[2J\u202eb\x9b\n[red]")
    assert not any(map(is_harmful, out.replace("\n", "")))
    table = [line for line in out.splitlines() if line.startswith(("layer", "─", "norm", "next", "start", "basin"))]
    assert len(table) >= 6
    assert all(width(line) <= columns for line in table)


def test_seven_bits_are_enough(call, home, monkeypatch):
    monkeypatch.setenv("MEMLAB_ASCII", "1")
    from memlab.cli import inspect
    from memlab.cli.terminal import look

    monkeypatch.setattr(inspect, "look", lambda: look().__class__(80, 24, False, False, True))
    status, out, _ = call("windows", "abc")
    assert status == 0
    assert "beta = 1.00" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("windows", "give one text: as an argument"),
        ("windows abc --train 1", "give one text"),
        ("windows abc --beta warm", "--beta is 'warm'; it must be 1"),
        ("windows abc --layer 9", "the model has no layer '9'"),
        ("windows abc --position 3", "position 3 is not in the text; it has 3"),
        ("windows --train 999", "there is no training passage 999"),
        ("windows --validation -1", "there is no validation passage -1"),
        ("windows --file nowhere.txt", "reading nowhere.txt failed"),
        ("windows abc --k 0", "k is 0; at least one"),
        ("windows abc --checkpoint 3", "has no checkpoint '3'"),
        ("windows abc --png a.png", "--png and --svg draw the course over training; add --over-training"),
        ("windows abc --over-training --points 1", "--points is 1"),
        ("windoes abc", "no run 'windoes'; did you mean 'windows'?"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_2(call, arguments, complaint):
    status, out, err = call(*arguments.split())
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"memlab: {complaint}") or complaint in err.splitlines()[-1]
