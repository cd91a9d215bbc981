"""Which runs are wanted, and in which order."""

import pytest

from memlab.errors import UsageError
from memlab.lab.finding import condition, ordered

ROWS = [
    {"name": "Demo-1", "state": "running", "source": "installed_docs", "family": "gpt2", "size": "micro", "step": 10, "train_loss": 2.0},
    {"name": "demo-2", "state": "finished", "source": "files", "family": "vanilla", "size": "mini", "step": 30, "train_loss": None},
    {"name": "broken", "state": "unreadable", "problem": "why"},
    {"name": "full", "state": "finished", "source": "files", "family": "gpt2", "size": "micro", "step": 20, "train_loss": 1.0},
]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", ["Demo-1", "demo-2", "broken", "full"]),
        ("demo", ["Demo-1", "demo-2"]),
        ("DEMO state:finished", ["demo-2"]),
        ("micro", ["Demo-1", "full"]),
        ("size:mi", ["Demo-1", "demo-2", "full"]),
        ("files gpt2", ["full"]),
        ("source:docs", ["Demo-1"]),
        ("state:un name:b", ["broken"]),
        ("family:gpt2 state:stopped", []),
        ("state:", ["Demo-1", "demo-2", "broken", "full"]),
    ],
)
def test_every_word_must_occur_and_a_key_says_where(words, names):
    fits = condition(words)
    assert [row["name"] for row in ROWS if fits(row)] == names


def test_a_key_that_runs_do_not_have_is_named():
    with pytest.raises(UsageError, match="runs have no 'stat' to look for; did you mean 'state'"):
        condition("demo stat:running")


def test_what_has_no_value_comes_last_in_both_directions():
    assert [row["name"] for row in ordered(ROWS, "step", False)] == ["Demo-1", "full", "demo-2", "broken"]
    assert [row["name"] for row in ordered(ROWS, "step", True)] == ["demo-2", "full", "Demo-1", "broken"]
    assert [row["name"] for row in ordered(ROWS, "train_loss", False)] == ["full", "Demo-1", "broken", "demo-2"]


def test_without_a_key_it_is_the_order_in_which_they_were_made():
    assert [row["name"] for row in ordered(ROWS, "", True)] == ["full", "broken", "demo-2", "Demo-1"]
    assert ordered(ROWS, "", False) == ROWS
