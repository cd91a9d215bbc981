"""memlab basin: level 0 always comes back, results are kept and follow from the seed, and the words follow from the numbers."""

import dataclasses
import json
import re

import pytest
from tiny_run import make_run
from typer.testing import CliRunner

from memlab.cli.app import app
from memlab.errors import DataError, UnknownName, UsageError
from memlab.lab import recovered
from memlab.lab.basin import CURVES, PARTS, Wishes, basin, parse_levels
from memlab.lab.remembering import store_patterns

pytestmark = pytest.mark.slow

SHORT = ["--train", "6", "--validation", "6", "--tokens", "4", "--levels", "0.5,3"]
FEW = {"train": 6, "validation": 6, "tokens": 4, "levels": (0.5, 3.0)}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def windows(home):
    return make_run(home, "windows", learn=60)


@pytest.fixture(scope="module")
def documents(home):
    return make_run(home, "documents", rows="documents")


@pytest.mark.parametrize("what", ["embeddings", "layer:1", "layer:-1", "tokens"])
@pytest.mark.parametrize("rows", ["windows", "documents"])
def test_undisturbed_everything_comes_back(home, windows, documents, rows, what):
    wishes = Wishes(what, **{**FEW, "levels": (0.5, 1.0)})
    found = basin(windows if rows == "windows" else documents, home, wishes)
    assert found.levels == [0.0, 0.5, 1.0]
    for part in PARTS:
        control = found.control[part]
        for curve in ("continuation", "fixed_point", "pattern"):
            assert found.curves[curve][part][0].value == 1
        assert [found.curves["continuation"][part][0].n, found.curves["fixed_point"][part][0].n] == [6, 6 - control.n_unsettled]
    assert (found.n_own > 0) == (rows == "documents")
    assert (found.unit is None) == (what == "tokens")
    assert recovered.reading(found).endswith(".")


def test_far_away_nothing_that_is_told_apart_comes_back(home, windows):
    found = basin(windows, home, Wishes(train=12, validation=12, tokens=6, levels=(1000.0,)))
    assert found.curves["continuation"]["training"][-1].value < 0.5


def test_results_follow_from_the_seed_and_are_kept(home, windows):
    first = basin(windows, home, Wishes(**FEW))
    path = windows.path / "measures" / "basin" / "step-000004.json"
    written = path.stat().st_mtime_ns
    assert basin(windows, home, Wishes(**FEW)) == first
    assert path.stat().st_mtime_ns == written
    path.write_text("{ damaged")
    assert basin(windows, home, Wishes(**FEW)) == first
    other = basin(windows, home, Wishes(**FEW, seed=1))
    assert other.seed == 1
    assert dataclasses.replace(other, seed=0) != first


def test_the_untrained_model_is_a_null_of_its_own(home, windows):
    assert basin(windows, home, Wishes(**FEW), "0").step == 0


def test_the_retrieval_may_run_elsewhere_and_at_another_beta(home, windows):
    found = basin(windows, home, Wishes("layer:1", **FEW, layer="norm", beta="2.5"))
    assert (found.layer, found.retrieval_layer, found.beta) == ("1", "norm", 2.5)


@pytest.mark.parametrize(
    ("wishes", "complaint"),
    [
        ({"what": "words"}, "--what is 'words'; it must be embeddings"),
        ({"what": "layer:"}, "--what is 'layer:'"),
        ({"train": 0}, "--train is 0"),
        ({"levels": (-1.0,)}, "--levels has -1"),
        ({"levels": (float("nan"),)}, "--levels has nan"),
        ({"what": "tokens", "levels": (1.5,)}, "shares of the tokens lie between 0 and 1"),
    ],
)
def test_wrong_wishes_are_refused_at_once(wishes, complaint):
    with pytest.raises(UsageError, match=complaint):
        Wishes(**wishes)


def test_wishes_that_this_run_does_not_have_are_refused(home, windows):
    for wishes, error, complaint in (
        ({"what": "layer:7"}, UnknownName, "the model has no layer '7'"),
        ({"what": "layer:norm"}, UsageError, "the last block is layer:2"),
        ({"beta": "hot"}, UsageError, "--beta is 'hot'"),
        ({"beta": "-1"}, UsageError, "beta is -1"),
        ({"layer": "0,1"}, UsageError, "--layer is '0,1'"),
        ({"tokens": 9}, UsageError, "--tokens is 9"),
    ):
        with pytest.raises(error, match=complaint):
            basin(windows, home, Wishes(**{**FEW, **wishes}))


def test_a_layer_that_is_not_stored_is_named(tmp_path):
    run = make_run(tmp_path, learn=1)
    store_patterns(run, tmp_path, layers="2")
    says = f"the stored patterns have no layer '0', only 2; store all: memlab patterns {run.word}"
    with pytest.raises(DataError, match=re.escape(says)):
        basin(run, tmp_path, Wishes(**FEW))


def test_levels_are_numbers():
    assert parse_levels("0.5, 1,") == (0.5, 1.0)
    with pytest.raises(UsageError, match="--levels is 'a'"):
        parse_levels("a")


@pytest.fixture
def found(home, windows):
    return basin(windows, home, Wishes(**FEW))


def with_shares(found, curve, training, held_out):
    rates = {part: [dataclasses.replace(found.curves[curve][part][0], value=s, low=s, high=s) for s in shares] for part, shares in
             (("training", training), ("validation", held_out))}  # fmt: skip
    return {**found.curves, curve: rates}


def test_the_sentence_says_what_the_numbers_say(found):
    half = {**found.half, "continuation": {"training": None, "validation": 0.25}}
    control = {part: dataclasses.replace(found.control[part], chance_of_fixed_point=1.0) for part in PARTS}
    curves = with_shares(found, "continuation", [1, 1, 0.9], [1, 0.2, 0.1])
    words = recovered.reading(dataclasses.replace(found, half=half, control=control, curves=curves))
    assert "training passages keep their continuation beyond 3 typical distances of noise, of the held-out ones up to 0.25" in words
    assert "training text higher beyond the intervals at 2 of 2 levels" in words
    assert "returning to it says nothing" in words
    curves = with_shares(found, "continuation", [1, 0.5, 0.5], [1, 0.5, 0.5])
    half = {curve: dict.fromkeys(PARTS, 1.0) for curve in CURVES}
    control = {part: dataclasses.replace(found.control[part], chance_of_fixed_point=0.0) for part in PARTS}
    words = recovered.reading(dataclasses.replace(found, half=half, control=control, curves=curves))
    assert "Half of the training and of the held-out passages keep their continuation up to 1 typical distances" in words
    assert "the intervals meet at every level" in words


@pytest.mark.parametrize("width", [30, 80, 140])
def test_the_command_prints_curves_a_table_and_a_sentence_within_the_width(home, windows, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    arguments = ["--home", str(home), "--ascii", "basin", "windows", *SHORT]
    monkeypatch.setenv("MEMLAB_ASCII", "")  # what --ascii sets is undone
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert shown.stdout.isascii()
    assert "95 % intervals from resampling documents" in " ".join(" ".join(lines).split())


def test_the_command_speaks_json_and_writes_pictures(home, windows, tmp_path):
    picture = tmp_path / "basin.svg"
    arguments = ["basin", "windows", *SHORT, "--json", "--svg", str(picture)]
    shown = CliRunner().invoke(app, ["--home", str(home), *arguments])
    table = json.loads(shown.stdout)
    assert table["levels"] == [0, 0.5, 3]
    assert table["curves"]["continuation"]["training"][0]["value"] == 1
    assert table["reading"]
    assert picture.read_bytes().startswith(b"<?xml")
