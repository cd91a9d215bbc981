"""memlab landscape: what it prints, writes and refuses."""

import json
import sys

import pytest
from tiny_run import make_run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    make_run(home)
    return home


@pytest.fixture
def call(home, monkeypatch, capsys):
    from memlab.__main__ import main

    def run(*arguments, ascii_only=False, columns=100):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("MEMLAB_ASCII", "1" if ascii_only else "")
        monkeypatch.setattr(sys, "argv", ["memlab", "--home", str(home), "landscape", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, *capsys.readouterr()

    return run


def test_a_text_is_drawn_with_its_legend_and_what_attracts_it(call):
    status, out, err = call("tiny", "abcdef", "--layer", "1", "--beta", "30")
    assert (status, "laying the slice" in err) == (0, True)
    wanted = ["tiny at step 4, asked with the text given", "abcde[f]", "energy of layer 1", "◆ state", "two nearest patterns", "variance"]
    for words in [*wanted, "a tenth of the typical distance", "there may be others", "reached by"]:
        assert words in out
    assert "\x1b" not in out, "a pipe gets no colours"


@pytest.mark.parametrize("columns", [30, 50, 80])
def test_a_narrow_terminal_gets_lines_that_fit_and_seven_bits_are_enough(call, columns):
    status, out, _ = call("tiny", "--validation", "1", ascii_only=True, columns=columns)
    assert status == 0
    assert out.isascii()
    picture = out.split("\n\n")[1].splitlines()
    assert all(len(line) <= columns for line in picture)


def test_json_has_axes_energies_and_markers_with_what_they_are(call):
    status, out, _ = call("tiny", "--train", "2", "--plane", "pca", "--json")
    found = json.loads(out)
    assert (status, found["plane"], found["part"]) == (0, "pca", "training")
    assert len(found["energies"]) == len(found["v"])
    assert len(found["energies"][0]) == len(found["u"])
    assert found["u"] == sorted(found["u"])
    assert {"u", "v", "off", "in_slice", "row", "distance", "weight"} <= set(found["patterns"][0])
    assert {"energy", "at_pattern", "of_state", "n_starts"} <= set(found["fixed_points"][0])
    assert all(str(one["row"]) in found["contexts"] for one in [*found["patterns"], *found["fixed_points"]])
    assert found["n_starts"] == sum(one["n_starts"] for one in found["fixed_points"])


def test_the_same_question_has_the_same_answer(call):
    assert call("tiny", "abc", "--plane", "random", "--seed", "3", "--json") == call(
        "tiny", "abc", "--plane", "random", "--seed", "3", "--json"
    )
    assert call("tiny", "abc", "--plane", "random", "--seed", "4", "--json")[1] != call("tiny", "abc", "--plane", "random", "--json")[1]


def test_pictures_are_written_beside_the_text(call, tmp_path):
    pytest.importorskip("matplotlib")
    status, out, _ = call("tiny", "abc", "--png", tmp_path / "a.png", "--svg", tmp_path / "a.svg")
    assert status == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    assert f"wrote {tmp_path / 'a.png'}" in out


def test_without_matplotlib_the_reason_is_said_before_anything_is_computed(call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.style", None)
    status, out, err = call("tiny", "abc", "--png", tmp_path / "a.png")
    assert (status, out) == (2, "")
    assert "pictures need matplotlib" in err
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("tiny", "give one text"),
        ("tiny abc --train 1", "give one text"),
        ("tini abc", "no run 'tini'; did you mean 'tiny'?"),
        ("tiny abc --plane flat", "there is no plane 'flat'"),
        ("tiny abc --beta warm", "--beta is 'warm'"),
        ("tiny abc --zoom 0", "the zoom is 0"),
        ("tiny abc --layer 7", "the model has no layer '7'"),
        ("tiny abc --position 3", "position 3 is not in the text"),
        ("tiny --train 999", "there is no training passage 999"),
        ("tiny --file nowhere.txt", "nowhere.txt"),
        ("tiny abc --checkpoint 3", "no checkpoint '3'"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_2(call, arguments, complaint):
    status, out, err = call(*arguments.split())
    assert (status, out) == (2, "")
    assert complaint in err.splitlines()[-1]
