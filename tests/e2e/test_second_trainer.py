"""One trainer per run directory: a second is refused, one that was replaced leaves without writing, a dead one is known as dead at once."""

import dataclasses
import json
import shutil

import pytest
from conftest import steps_done, until

from memlab.rundir import RunDir, state
from memlab.training import launch

pytestmark = pytest.mark.slow


@pytest.fixture
def training(lab, request) -> RunDir:
    """A run that trains until somebody ends it."""
    run = lab.start(request.node.name.replace("_", "-")[5:60], {"train.steps": 1_000_000})
    until(lambda: steps_done(run) > 5, "it trains")
    return run


def test_a_second_trainer_is_refused_in_one_line_and_a_dead_one_can_be_resumed(lab, training):
    run, pid = training, training.state().pid
    refused = lab.memlab("resume", run.name)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        f"memlab: run '{run.name}' is being trained by process {pid} on {run.state().host}; "
        f"`memlab watch {run.name}` shows it, `memlab stop {run.name}` ends it\n"
    )
    assert lab.memlab("remove", run.name, "--yes").stderr == f"memlab: run '{run.name}' is being trained; `memlab stop {run.name}` first\n"
    assert len(run.provenance()["attempts"]) == 1, "the refused attempt left no trace"

    lab.kill(run)
    assert run.status() == "lost"
    shown = lab.memlab("watch", run.name)
    assert shown.returncode == 1
    assert f"`memlab resume {run.name}` goes on from the last checkpoint" in shown.stderr
    before = max(row["step"] for row in run.events() if row["kind"] == "checkpoint")
    lab.resume(run)
    until(lambda: steps_done(run) > before + 5 and run.status() == "running", "it trains again")
    assert lab.memlab("stop", run.name).returncode == 0


def test_a_trainer_whose_directory_was_given_to_another_leaves_without_writing(lab, training):
    run, now = training, training.state()
    other = dataclasses.replace(now, owner="another", host="elsewhere")
    state.write(run.state_path, other)
    until(lambda: not state.is_alive(now), "the first trainer has left")
    assert launch.exit_status(run) == 1
    rows, there = run.events_path.read_bytes(), sorted(run.checkpoints.iterdir())
    assert run.state().owner == "another"
    assert run.state().status == "running"
    assert "now belongs to another trainer; this one leaves without writing" in run.log_path.read_text()
    assert "Traceback" not in run.log_path.read_text()
    assert (run.events_path.read_bytes(), sorted(run.checkpoints.iterdir())) == (rows, there)


def test_a_copied_run_directory_reads_everywhere(lab, memorised, tmp_path):
    copy = RunDir(shutil.copytree(memorised[0].path, tmp_path / "elsewhere" / "copy"))
    assert lab.memlab("watch", str(copy.path), "--once").stdout.splitlines()[0].startswith("copy · N ")
    assert json.loads(lab.memlab("watch", str(copy.path), "--json").stdout)["status"] == "finished"
    assert "u00" in lab.memlab("sample", str(copy.path), "u0001").stdout
    now = copy.state()
    state.write(copy.state_path, dataclasses.replace(now, status="running", pid=1, host="elsewhere"))
    shown = lab.memlab("watch", str(copy.path), "--once").stdout
    assert "running · step 120 of 120" in shown, "of another machine only its heartbeat is known"
