"""What a reader makes of a run directory: settled rows, marks, time left, and why it does not go on."""

import dataclasses
import json
import math
import os

import pytest
from fabricated_run import FACTS, evaluated, fabricate, resumed, started, trained

from memlab.errors import RunError
from memlab.lab.view import RunView, open_view, work_of
from memlab.rundir import events, state


def add(run, *rows):
    for row in rows:
        events.append(run.events_path, {"attempt": 1, **row})


def test_polling_brings_what_is_new_and_says_whether_there_was_anything(tmp_path):
    run = fabricate(tmp_path / "run", [started()], status="running")
    view = RunView(run)
    assert not view.poll()
    add(run, trained(5, 3.0))
    assert view.poll()
    assert [row["step"] for row in view.training] == [5]
    state.write(run.state_path, dataclasses.replace(run.state(), status="finished"))
    assert view.poll()
    assert (view.status, view.is_active) == ("finished", False)


def test_rows_beyond_the_step_that_a_run_was_resumed_from_are_gone(tmp_path):
    run = fabricate(
        tmp_path / "run", [started(), evaluated(0, 4, 4), trained(10, 3), evaluated(10, 3, 3.5), trained(20, 9)], status="running"
    )
    view = RunView(run)
    add(run, resumed(10, 1.0), trained(20, 2))
    view.poll()
    assert [(row["step"], row["loss"]) for row in view.training] == [(10, 3), (20, 2)]
    add(run, {**resumed(0, 0.0), "from_step": -1})
    view.poll()
    assert view.rows == [view.rows[-1]]
    assert view.rows[0]["kind"] == "resumed"


def test_series_are_by_steps_tokens_or_seconds_and_keep_what_is_not_finite(tmp_path):
    view = RunView(fabricate(tmp_path / "run", [trained(5, 3.0, 0.5), trained(10, None, 1.0), evaluated(10, None, 4.0, seconds=1.1)]))
    for axis, at in (("steps", [5.0, 10.0]), ("tokens", [50.0, 100.0]), ("seconds", [0.5, 1.0])):
        training, validation = view.series(axis)
        assert (training.name, training.role, training.x) == ("training", "train", at)
        assert training.y[0] == 3.0
        assert math.isnan(training.y[1])
        assert (validation.role, validation.y) == ("validation", [4.0])


def test_the_best_evaluation_is_the_lowest_finite_one_the_first_of_equals(tmp_path):
    assert RunView(fabricate(tmp_path / "none")).best() is None
    assert RunView(fabricate(tmp_path / "nan", [evaluated(0, None, None)])).best() is None
    rows = [evaluated(0, 5, 5), evaluated(10, 3, 2), evaluated(20, 2, None), evaluated(30, 1, 2), evaluated(40, 1, 6)]
    assert RunView(fabricate(tmp_path / "run", rows)).best()["step"] == 10


def test_the_best_is_marked_only_where_there_is_something_on_both_sides_of_it(tmp_path):
    rows = [evaluated(0, 5, 5), evaluated(10, 3, 4), evaluated(20, 2, 6)]
    assert [(mark.x, mark.text) for mark in RunView(fabricate(tmp_path / "turned", rows)).markers()] == [(10, "best")]
    assert RunView(fabricate(tmp_path / "falling", rows[:2])).markers() == []


def test_resuming_and_losses_that_are_not_finite_are_marked_on_every_axis(tmp_path):
    rows = [started(), resumed(10, 1.5), {"kind": "nonfinite", "step": 15, "tokens": 150, "seconds": 2.0, "what": "loss"}]
    view = RunView(fabricate(tmp_path / "run", rows))
    assert [(mark.x, mark.text) for mark in view.markers("steps")] == [(10, "resumed"), (15, "not finite")]
    assert [mark.x for mark in view.markers("tokens")] == [100, 150]
    assert [mark.x for mark in view.markers("seconds")] == [1.5, 2.0]


def test_floors_of_learning_are_called_so_and_the_stated_bound_is_not(tmp_path):
    assert [(floor.name, floor.value) for floor in RunView(fabricate(tmp_path / "run")).floors()] == [
        ("entropy floor", 2.0),
        ("1, as stated", 1.0),
    ]


def test_the_time_left_is_at_the_pace_of_the_second_half_of_this_attempt(tmp_path):
    slow_start = [started(), trained(5, 3, 50.0), trained(10, 3, 55.0), trained(15, 3, 60.0), trained(20, 3, 65.0)]
    run = fabricate(tmp_path / "run", slow_start, status="running")
    view = RunView(run)
    assert view.seconds_left() == pytest.approx(80.0)  # one second a step, 80 of 100 to go
    add(run, {**resumed(20, 65.0), "attempt": 2})
    view.poll()
    assert view.seconds_left() is None, "of this attempt nothing is known yet"
    add(run, {**trained(25, 3, 67.5), "attempt": 2})
    view.poll()
    assert view.seconds_left() == pytest.approx(37.5)


def test_there_is_no_time_left_for_a_run_that_does_not_run(tmp_path):
    rows = [started(), trained(5, 3, 5.0), trained(10, 3, 10.0)]
    for status in ("starting", "stopping", "finished", "stopped", "failed"):
        assert RunView(fabricate(tmp_path / status, rows, status=status)).seconds_left() is None


def test_a_failed_run_says_why_and_a_lost_one_how_to_go_on(tmp_path):
    failed = RunView(fabricate(tmp_path / "failed", status="failed", error="the loss is not finite"))
    assert failed.problem() == "the loss is not finite"
    lost = RunView(fabricate(tmp_path / "runs" / "lost", status="running", pid=2**22 + 1))
    assert lost.status == "lost"
    assert f"`memlab resume {lost.run.word}` goes on from the last checkpoint" in lost.problem()
    assert str(tmp_path / "runs" / "lost" / "log.txt") in lost.problem()
    assert RunView(fabricate(tmp_path / "fine")).problem() == ""


def test_a_run_that_is_silent_on_another_machine_may_be_a_copy_and_the_machine_is_named(tmp_path):
    run = fabricate(tmp_path / "runs" / "far", status="running", host="far.example")
    assert RunView(run).problem() == ""
    os.utime(run.state_path, (0, 0))
    view = RunView(run)
    assert view.status == "lost"
    assert "the trainer on far.example for a minute: it is gone, or this copies a run" in view.problem()


def test_a_trainer_that_ends_between_two_looks_is_not_lost(tmp_path, monkeypatch):
    run = fabricate(tmp_path / "run", status="running")

    def has_just_gone(now):
        state.write(run.state_path, dataclasses.replace(now, status="finished"))
        return False

    monkeypatch.setattr(state, "is_alive", has_just_gone)
    assert run.status() == "finished"
    view = RunView(run)
    assert (view.status, view.state.status) == ("finished", "finished")


def test_work_before_training_shows_how_far_it_is_and_how_long_it_takes(tmp_path, monkeypatch):
    monkeypatch.setattr("memlab.lab.view.time.time", lambda: 130.0)
    work = {"doing": "tokenising", "done": 25, "total": 100, "unit": "documents", "since": 100.0}
    found = work_of(RunView(fabricate(tmp_path / "run", status="starting", work=work)))
    assert (found.doing, found.done, found.total, found.unit, found.seconds_left) == ("tokenising", 25, 100, "documents", 90.0)
    unknown = work_of(RunView(fabricate(tmp_path / "unknown", status="starting", work={**work, "total": None})))
    assert unknown.seconds_left is None
    assert work_of(RunView(fabricate(tmp_path / "killed", status="starting", work=work, pid=2**22 + 1))) is None
    assert work_of(RunView(fabricate(tmp_path / "training", status="running"))) is None


def test_a_run_that_was_never_started_can_be_looked_at(tmp_path):
    run = fabricate(tmp_path / "run", facts=None)
    run.state_path.unlink()
    view = open_view(run)
    assert (view.status, view.step, view.steps, view.rows, view.has_facts) == ("lost", 0, 0, [], False)


@pytest.mark.parametrize(
    "row",
    [
        {"kind": "train", "step": 5},
        {**trained(5, 3.0), "loss": "3"},
        {**evaluated(5, 3.0, 3.0), "validation_loss": [1]},
        {**evaluated(5, 3.0, 3.0), "seconds": None},
        {**evaluated(5, 3.0, 3.0), "train_confident": True},
    ],
)
def test_a_row_without_its_figures_is_passed_over(tmp_path, row):
    view = RunView(fabricate(tmp_path / "run", [trained(2, 4.0), row, evaluated(9, 3.0, 3.0)]))
    assert [found["step"] for found in view.rows] == [2, 9]


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts.pop("model"),
        lambda facts: facts["data"].update(n_tokens="many"),
        lambda facts: facts["data"].update(available_tokens=0),
        lambda facts: facts["data"].update(repeats=None),
        lambda facts: facts["floors"].append({"name": "low"}),
        lambda facts: facts["floors"].append("low"),
        lambda facts: facts.update(floors=3),
        lambda facts: facts.update(data=[]),
    ],
)
def test_a_provenance_without_its_figures_is_an_error_that_names_the_file(tmp_path, change):
    facts = json.loads(json.dumps(FACTS))
    change(facts)
    with pytest.raises(RunError, match=r"provenance\.json is not a run's provenance"):
        RunView(fabricate(tmp_path / "run", facts=facts))
