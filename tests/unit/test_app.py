"""What is wrong with the words of a command line is said with the words that are right."""

import pytest

from memlab.cli import app
from memlab.errors import UsageError


def refused(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["memlab", *words])
    with pytest.raises(UsageError) as raised:
        app.run()
    return str(raised.value)


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["runs", "--ascii"], "memlab --ascii runs"),
        (["train", "demo", "--home", "there"], "memlab --home PATH train"),
        (["train", "demo", "--home=there"], "memlab --home PATH train"),
        (["watch", "--version"], "memlab --version watch"),
    ],
)
def test_an_option_of_memlab_itself_is_told_to_stand_before_the_command(monkeypatch, words, right):
    assert right in refused(monkeypatch, *words)
    assert "stands before the command" in refused(monkeypatch, *words)


def test_an_option_that_is_none_is_not(monkeypatch):
    assert refused(monkeypatch, "runs", "--jsn").startswith("No such option: --jsn")
    assert "before the command" not in refused(monkeypatch, "--asci")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("sweep regimes --jobs 0", "--jobs is 0; it must be at least 1"),
        ("sweep regimes --dry-run --jobs -2", "--jobs is -2; it must be at least 1"),
        ("capacity --jobs 0", "--jobs is 0; it must be at least 1"),
        ("counterfactual demo --jobs 0", "--jobs is 0; it must be at least 1"),
        ("counterfactual demo --seed -1", "--seed is -1; it must be at least 0"),
        ("memorized any --seed -1", "--seed is -1; it must be at least 0"),
        ("forgetting any --seed -1", "--seed is -1; it must be at least 0"),
        ("memorized any --top -1", "--top is -1; it must be at least 0"),
        ("report any --seed -1", "--seed is -1; it must be at least 0"),
    ],
)
def test_a_number_below_the_least_is_refused_before_anything_is_done(monkeypatch, tmp_path, words, problem):
    assert refused(monkeypatch, "--home", str(tmp_path), *words.split()) == problem
    assert not list(tmp_path.iterdir())
