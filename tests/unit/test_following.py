"""All runs of a home at once: the same figures as one by one, names first, and only what has changed is read again."""

import dataclasses
import json
import os
import random

import pytest
from fabricated_run import FACTS, evaluated, fabricate, resumed, started, trained

from memlab.errors import RunError
from memlab.lab.following import Runs
from memlab.lab.listing import run_row, run_rows
from memlab.rundir import events, state


def make(home, name, rows, age=0, **fields):
    run = fabricate(home / "runs" / name, rows, **fields)
    os.utime(run.config_path, (1e9 - age, 1e9 - age))
    return run


def rows_of(runs):
    """Without what `memlab runs` does not say."""
    return [{key: value for key, value in row.items() if key not in ("is_read", "doing")} for row in runs.rows()]


@pytest.fixture
def home(tmp_path):
    make(tmp_path, "old", [started(), evaluated(0, 8, 8), trained(10, 4), evaluated(10, 3, 5), trained(20, None)], age=3, step=15)
    make(tmp_path, "mid", [started(), evaluated(0, 8, 8), evaluated(50, 1, 2), resumed(10, 1.0), trained(15, 4)], age=2, status="stopped")
    make(tmp_path, "new", [], age=1, facts=None, status="starting")
    return tmp_path


def test_the_rows_are_those_of_the_runs_one_by_one(home):
    runs = Runs(home)
    assert runs.poll()
    assert rows_of(runs) == run_rows(home)
    assert [row["name"] for row in runs.rows()] == ["old", "mid", "new"]
    assert runs.rows()[0]["step"] == 20, "a row of training says how far it is, though it is not listed"
    assert runs.rows()[1]["losses"] == [8], "what was beyond the step that it was resumed from is gone"


def test_names_states_and_sizes_come_before_the_logs(home):
    runs = Runs(home)
    assert runs.poll(seconds=0)
    assert [(row["name"], row["state"], row["n_params"], row["is_read"]) for row in runs.rows()] == [
        ("old", "finished", 1000, False),
        ("mid", "stopped", 1000, False),
        ("new", "starting", None, True),
    ]
    assert not runs.is_complete
    while not runs.is_complete:
        runs.poll(seconds=0)
    assert rows_of(runs) == run_rows(home)


def test_only_what_has_changed_is_read_again(home, monkeypatch):
    runs = Runs(home)
    runs.poll()
    before = runs.rows()
    monkeypatch.setattr(events.Follower, "poll", lambda self: pytest.fail(f"{self.path} is read"))
    assert not runs.poll()
    assert all(one is other for one, other in zip(before, runs.rows(), strict=True))
    monkeypatch.undo()
    run = make(home, "newest", [started(), evaluated(0, 8, 8)], status="running")
    assert runs.poll()
    events.append(run.events_path, {"attempt": 1, **evaluated(30, 2.5, 3.5)})
    assert runs.poll()
    assert runs.rows()[-1]["validation_loss"] == 3.5
    assert runs.rows()[0] is before[0]
    os.rename(run.path, run.path.with_name(".gone"))
    assert runs.poll()
    assert len(runs.rows()) == 3


def test_a_run_that_cannot_be_read_says_why_until_it_can(home):
    run = make(home, "broken", [started(), evaluated(0, 8, 8)])
    run.provenance_path.write_text("{")
    runs = Runs(home)
    runs.poll()
    row = runs.rows()[-1]
    assert (row["state"], row["is_read"]) == ("unreadable", True)
    assert "provenance.json cannot be read" in row["problem"]
    assert not runs.poll()
    run.provenance_path.write_text(json.dumps(FACTS))
    assert runs.poll()
    assert rows_of(runs)[-1] == run_row(run)
    run.state_path.write_text("no state")
    assert runs.poll()
    assert "state.json cannot be read" in runs.rows()[-1]["problem"]


def test_a_log_that_may_not_be_read_is_a_reason_too(home):
    run = make(home, "closed", [])
    run.events_path.mkdir()
    runs = Runs(home)
    runs.poll()
    assert "events.jsonl cannot be read: Is a directory" in runs.rows()[-1]["problem"]


def test_a_trainer_that_dies_without_a_word_is_found_out(home, monkeypatch):
    run = make(home, "busy", [started()], status="running")
    runs = Runs(home)
    runs.poll()
    assert runs.rows()[-1]["state"] == "running"
    monkeypatch.setattr(state, "is_alive", lambda now: False)
    monkeypatch.setattr("memlab.lab.following._ALIVE_SECONDS", 0.0)
    assert runs.poll()
    assert runs.rows()[-1]["state"] == "lost"
    assert run.name in runs.rows()[-1]["problem"]


def test_what_a_starting_trainer_is_busy_with_is_told(home):
    work = {"doing": "tokenising", "done": 5, "total": 10, "unit": "documents", "since": 0.0}
    make(home, "starting", [], facts=None, status="starting", work=work)
    runs = Runs(home)
    runs.poll()
    assert runs.rows()[-1]["doing"].startswith("tokenising: 5 of 10 documents · ")


def test_a_home_without_runs_is_an_empty_list(tmp_path):
    runs = Runs(tmp_path / "nothing")
    assert not runs.poll()
    assert runs.rows() == []
    assert runs.is_complete


def test_a_follower_of_some_kinds_finds_all_of_them_and_the_last_row(tmp_path):
    """Against reading everything and choosing afterwards, with rows that mention a kind elsewhere, and lines that are no rows."""
    draw = random.Random(0)
    path = tmp_path / "events.jsonl"
    kinds = ("eval", "train", "checkpoint", "evaluation", "resumed")
    for chunk in range(20):
        with path.open("a") as file:
            for number in range(draw.randrange(5)):
                row = {"kind": draw.choice(kinds), "step": 10 * chunk + number, "from_step": 0, "note": draw.choice(["", "eval"])}
                file.write(draw.choice(["not a row\n", "", "{}\n"]) + json.dumps(row) + "\n")
        if chunk == 0:
            some, all_rows = events.Follower(path, ("eval", "resumed")), events.Follower(path)
        found, everything = some.poll(), all_rows.poll()
        assert [row for row in found if row["kind"] in ("eval", "resumed")] == [
            row for row in everything if row["kind"] in ("eval", "resumed")
        ]
        assert found[-1:] == everything[-1:]


def test_a_torn_last_line_is_left_for_later_whatever_its_kind(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"kind": "train", "step": 5}\n{"kind": "tra')
    follower = events.Follower(path, ("eval",))
    assert [row["step"] for row in follower.poll()] == [5]
    with path.open("a") as file:
        file.write('in", "step": 10}\n')
    assert [row["step"] for row in follower.poll()] == [10]
    assert follower.poll() == []


def test_a_home_that_cannot_be_listed_says_why(tmp_path, monkeypatch):
    def refuse(home):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("memlab.lab.following.runs_of", refuse)
    with pytest.raises(RunError, match="runs cannot be listed: Permission denied"):
        Runs(tmp_path).poll()


def test_the_state_as_written_is_followed(home):
    run = make(home, "busy", [started()], status="running")
    runs = Runs(home)
    runs.poll()
    state.write(run.state_path, dataclasses.replace(run.state(), status="failed", error="no space left"))
    assert runs.poll()
    assert (runs.rows()[-1]["state"], runs.rows()[-1]["problem"]) == ("failed", "no space left")
