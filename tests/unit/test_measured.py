"""What is measured is kept beside its run, as long as nothing that it follows from has changed."""

import json
import shutil

import pytest
from fabricated_run import fabricate
from tiny_run import make_run

from memlab.errors import RunError
from memlab.lab.measured import kept, weights_and_text
from memlab.training import checkpoints


@pytest.fixture
def run(tmp_path):
    return fabricate(tmp_path / "home" / "runs" / "one")


@pytest.fixture
def ask(run, tmp_path):
    """Asks for a measure; what comes back says how often it was made."""
    made = []

    def ask(depends_on=None, home=tmp_path / "home", **options):
        made.append(None)

        def make():
            return {"times": len(made), "pair": (1, 2.5)}

        return kept(run, home, "thing", 500, {"seed": 0} if depends_on is None else depends_on, make, **options)

    return ask


def test_what_was_measured_is_found_again_as_it_was(run, ask):
    first = ask()
    assert first == {"times": 1, "pair": [1, 2.5]}
    assert ask() == first
    assert json.loads((run.path / "measures" / "thing" / "step-000500.json").read_text())["measured"] == first


def test_other_wishes_are_measured_anew(ask):
    assert [ask({"seed": seed})["times"] for seed in (0, 1, 1, 0)] == [1, 2, 2, 4]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"depends_on": {"seed": 0}}', '{"measured": 1}'])
def test_a_damaged_file_is_made_anew(run, ask, text):
    ask()
    (run.path / "measures" / "thing" / "step-000500.json").write_text(text)
    assert ask()["times"] == 2
    assert ask()["times"] == 2


def test_what_cannot_be_understood_is_made_anew(run, ask):
    path = run.path / "measures" / "thing" / "step-000500.json"
    ask()
    table = json.loads(path.read_text())
    path.write_text(json.dumps({**table, "measured": {}}))
    assert ask(read=lambda found: found["times"]) == 2


def test_numbers_that_are_not_finite_are_refused(run, tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        kept(run, tmp_path, "thing", 1, {}, lambda: float("nan"))


def test_a_run_that_cannot_be_written_keeps_it_in_the_home(run, ask, tmp_path, monkeypatch):
    monkeypatch.setattr("memlab.home.os.access", lambda path, mode: path != run.path)
    assert ask() == ask()
    assert not (run.path / "measures").exists()
    assert len(list((tmp_path / "home" / "cache").glob("one-*/measures/thing/step-000500.json"))) == 1


def test_weights_and_text_differ_where_one_of_them_does(tmp_path):
    run, other = make_run(tmp_path / "a", learn=1), make_run(tmp_path / "b", learn=2)
    assert weights_and_text(run, 0)["weights"] == weights_and_text(other, 0)["weights"]
    before = weights_and_text(run, 4)
    assert before["weights"] != weights_and_text(other, 4)["weights"]
    shutil.rmtree(checkpoints.path_of(run.checkpoints, 4))
    shutil.copytree(checkpoints.path_of(other.checkpoints, 4), checkpoints.path_of(run.checkpoints, 4))
    assert weights_and_text(run, 4) == {**before, "weights": weights_and_text(other, 4)["weights"]}


def test_a_run_without_text_says_what_to_do(tmp_path):
    run = fabricate(tmp_path / "runs" / "new", facts=None, status="running")
    with pytest.raises(RunError, match=f"has not recorded its data yet; `memlab watch {run.word}`"):
        weights_and_text(run, 0)
