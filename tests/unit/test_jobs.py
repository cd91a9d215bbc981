"""Experiments as runs: found again by their settings, a finished one first; what is to be trained has a name of its own, and a time."""

import dataclasses
import json

import pytest
from fabricated_run import EXPERIMENT, FACTS, evaluated, fabricate, started
from typer.testing import CliRunner

from memlab import config
from memlab.cli.app import app
from memlab.cli.several import train_to_the_end
from memlab.errors import RunError, UnknownName, UsageError
from memlab.lab import jobs as lab
from memlab.lab import queue
from memlab.lab.jobs import Asked, jobs_of
from memlab.lab.queue import Job, train_all
from memlab.rundir import RunDir
from memlab.training import launch

OTHER = config.changed(EXPERIMENT, {"train.lr": 0.5})

PRESET = """
[data]
source = "uniform"
source_options = {{ documents = 16, length = 8, vocabulary = 32, validation_documents = 16 }}
tokenizer = "word"
rows = "documents"
[model]
size = "nano"
context = 10
[train]
steps = 500
batch = 16
lr = {lr}
warmup = 1
precision = "fp32"
threads = 1
"""


def made(home, name, experiment=EXPERIMENT, rows=(), **fields):
    """A run that is there."""
    (home / "runs").mkdir(exist_ok=True)
    run = fabricate(home / "runs" / name, rows, **fields)
    run.config_path.write_text(json.dumps(config.to_dict(experiment)))
    return run


def names(home, *asked):
    return [job.run.name for job in jobs_of(home, asked)]


def test_a_run_is_found_by_its_settings_whatever_its_name_its_words_and_its_device(tmp_path):
    made(tmp_path, "other", OTHER)
    made(tmp_path, "mine", config.changed(EXPERIMENT, {"train.device": "cpu"}))
    assert names(tmp_path, Asked("demo", dataclasses.replace(EXPERIMENT, expect="much"))) == ["mine"]
    assert names(tmp_path, Asked("demo", config.changed(EXPERIMENT, {"train.seed": 1}))) == ["demo-1"]


def test_a_run_that_was_changed_when_it_was_resumed_is_another_one(tmp_path):
    extended = [{"changes": {}}, {"changes": {"train.steps": 200}}]
    made(tmp_path, "longer", facts={**FACTS, "attempts": extended})
    assert names(tmp_path, Asked("demo", EXPERIMENT)) == ["demo-1"]
    assert names(tmp_path, Asked("demo", config.changed(EXPERIMENT, {"train.steps": 200}))) == ["longer"]


@pytest.mark.parametrize(
    ("statuses", "found"), [(("stopped", "finished", "failed"), 1), (("failed", "stopped"), 1), (("stopped", "stopped"), 1)]
)
def test_of_several_the_one_is_taken_that_is_nearest_to_its_end_and_of_equals_the_newest(tmp_path, statuses, found):
    for number, status in enumerate(statuses):
        made(tmp_path, f"run-{number}", status=status)
    for number in range(len(statuses)):
        path = tmp_path / "runs" / f"run-{number}" / "config.json"
        path.touch()
    assert names(tmp_path, Asked("demo", EXPERIMENT)) == [f"run-{found}"]


def test_runs_yet_to_be_made_have_different_names_unless_they_are_the_same(tmp_path):
    made(tmp_path, "demo-1", OTHER)
    third = config.changed(EXPERIMENT, {"train.seed": 3})
    asked = Asked("demo", EXPERIMENT), Asked("demo", third), Asked("again", EXPERIMENT)
    assert names(tmp_path, *asked) == ["demo-2", "demo-3", "demo-2"]


def test_an_experiment_on_several_machines_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"demo is for several machines \(train.nodes\)"):
        names(tmp_path, Asked("demo", config.changed(EXPERIMENT, {"train.nodes": 2})))


def test_what_is_left_of_a_run_goes_at_its_own_pace_and_alike_ones_are_measured_once(tmp_path, monkeypatch):
    measured = []
    monkeypatch.setattr(lab, "plan", lambda experiment, *_: measured.append(experiment) or {"seconds": 7.0})
    begun = made(tmp_path, "begun", rows=[started(), evaluated(25, 1.0, 2.0, seconds=50.0)], status="stopped")
    new = [Job(RunDir(tmp_path / name), config.changed(EXPERIMENT, {"train.seed": seed})) for seed, name in enumerate("ab")]
    third = Job(RunDir(tmp_path / "c"), OTHER)
    assert lab.seconds_of(tmp_path, [Job(begun, EXPERIMENT), *new, third]) == [150.0, 7.0, 7.0, 7.0]
    assert len(measured) == 2


def test_what_another_command_trains_is_waited_for_and_left_to_it(tmp_path, monkeypatch):
    theirs = made(tmp_path, "theirs", status="running")
    monkeypatch.setattr(launch, "stop", lambda run: pytest.fail("it was stopped"))
    monkeypatch.setattr(queue.time, "sleep", lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train_all(tmp_path, [Job(theirs, EXPERIMENT)])


def test_a_name_that_another_command_has_taken_meanwhile_is_no_result(tmp_path, monkeypatch):
    job = Job(made(tmp_path, "taken", OTHER, status="stopped"), EXPERIMENT)
    monkeypatch.setattr(queue, "train_all", lambda *_: None)
    with pytest.raises(RunError, match=r"another command has made .*taken meanwhile"):
        train_to_the_end(tmp_path, [job])


def call(home, *words, command="compare"):
    return CliRunner().invoke(app, ["--home", str(home), command, *map(str, words)])


def test_a_preset_that_nobody_has_trained_is_said_to_be_one(tmp_path):
    with pytest.raises(UnknownName, match="no run 'docs-full', but a preset: --train trains it"):
        raise call(tmp_path, "docs-full", "demo").exception
    with pytest.raises(UnknownName, match="no preset and no run 'docs-ful'; did you mean 'docs-full'"):
        raise call(tmp_path, "docs-ful", "demo", "--train").exception
    with pytest.raises(UsageError, match="--set changes presets that are trained: add --train"):
        raise call(tmp_path, "docs-full", "demo", "--set", "train.steps=1").exception
    with pytest.raises(UsageError, match="demo-1 is named twice"):
        raise call(tmp_path, "demo", "demo", "--train").exception


@pytest.mark.slow
def test_presets_are_trained_once_and_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "plan", lambda *_: {"seconds": 65.0})
    presets = [tmp_path / f"{name}.toml" for name in ("slow", "fast")]
    for path, lr in zip(presets, (1e-4, 1e-2), strict=True):
        path.write_text(PRESET.format(lr=lr))
    asked = (*presets, "--train", "--set", "train.steps=30", "--set", "train.eval_every=30", "--json")
    first = call(tmp_path, *asked)
    assert "Training 2 runs, about 2 m 10 s one after the other" in first.stderr
    found = json.loads(first.stdout)
    assert found["runs"] == ["slow-1", "fast-1"]
    assert found["facts"]["step"] == [30, 30]
    assert found["differences"] == {"train.lr": [1e-4, 1e-2]}
    assert (tmp_path / "runs" / "slow-1" / "experiment.toml").read_text() == presets[0].read_text()
    monkeypatch.setattr(launch, "start", lambda *_: pytest.fail("it was trained again"))
    again = call(tmp_path, *asked)
    assert (json.loads(again.stdout), again.stderr) == (found, "")
    courses = call(tmp_path, *asked, "--checkpoint", "last", command="collapse")
    assert [course["run"] for course in json.loads(courses.stdout)] == ["slow-1", "fast-1"]
    page = tmp_path / "page.html"
    written = call(tmp_path, *asked[:-1], "--quick", "-o", page, command="report")
    assert written.stdout.startswith(f"wrote {page}")
    assert "slow-1" in page.read_text()
