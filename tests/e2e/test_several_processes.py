"""Several processes train one run as one would, stop together, and leave nothing behind, whichever of them is killed."""

import contextlib
import os
import shlex
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from conftest import steps_done, until

pytestmark = pytest.mark.slow

# Sentences: rows of unequal length, so that the processes predict unequal numbers of tokens; and an odd number of them.
SENTENCES = {
    "data.source": "question_formation",
    "data.source_options.lines": 400,
    "data.source_options.validation_lines": 40,
    "data.source_options.test_lines": 0,
    "data.source_options.gen_lines": 0,
    "model.context": 40,
    "train.batch": 13,
    "train.accumulate": 1,
    "train.lr": 1e-3,
    "train.steps": 24,
    "train.log_every": 1,
    "train.eval_every": 8,
    "train.eval_rows": 33,
}
ENDLESS = {**SENTENCES, "train.steps": 1_000_000, "train.eval_every": 1_000_000, "train.checkpoint_every": 1_000_000}


def test_two_processes_have_the_losses_of_one(lab):
    alone = lab.start("alone", SENTENCES)
    lab.finish(alone)
    together = lab.start("together", {**SENTENCES, "train.devices": 2})
    lab.finish(together)
    for kind, figures in (("train", ("loss",)), ("eval", ("train_loss", "validation_loss"))):
        for figure in figures:
            expected = [row[figure] for row in alone.events() if row["kind"] == kind and row["step"] <= 20]
            found = [row[figure] for row in together.events() if row["kind"] == kind and row["step"] <= 20]
            assert len(expected) > 2
            assert found == pytest.approx(expected, rel=1e-5)
    assert [row["tokens"] for row in together.events()][-1] == [row["tokens"] for row in alone.events()][-1]


def test_a_batch_in_parts_is_the_same_batch_in_several_processes(lab):
    whole = lab.start("whole", {**SENTENCES, "train.batch": 12})
    lab.finish(whole)
    parts = lab.start("parts", {**SENTENCES, "train.batch": 12, "train.accumulate": 4, "train.devices": 2})
    lab.finish(parts)
    losses = [[row["loss"] for row in run.events() if row["kind"] == "train"][:20] for run in (whole, parts)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize("ask", ["STOP", "SIGTERM"])
def test_whoever_is_asked_all_stop_at_the_same_step_and_another_number_goes_on(lab, ask):
    run = lab.start(f"asked-{ask}", {**ENDLESS, "train.devices": 2})
    until(lambda: steps_done(run) >= 5, "it trains", 60)
    members = family(run)
    folder = Path(members[1].environ()["MEMLAB_MEETING_PLACE"]).parent
    assert folder.is_dir()
    assert len(members) == 3, "torchrun and two trainers"
    assert all(is_loopback(member) for member in members), "nothing listens to other machines"
    if ask == "STOP":
        run.stop_path.touch()
    else:
        os.kill(run.state().pid, signal.SIGTERM)
    lab.finish(run, "stopped")
    gone(members)
    assert not folder.exists(), "what they wrote for each other is removed"
    stopped = run.state().step
    assert (run.checkpoints / f"step-{stopped:06d}" / "optimizer.safetensors").exists(), "it has saved where all of them stopped"
    assert "lost the others" not in run.log_path.read_text()
    lab.resume(run, {"train.devices": 3 if ask == "STOP" else 1})
    until(lambda: steps_done(run) >= stopped + 3, "it goes on", 60)
    assert len(family(run)) == (4 if ask == "STOP" else 1)
    lab.kill(run, signal.SIGTERM)
    lab.finish(run, "stopped")


@pytest.mark.parametrize("victim", ["torchrun", "leader", "member"])
def test_when_one_is_killed_the_run_fails_or_is_lost_and_no_process_is_left(lab, victim):
    run = lab.start(f"killed-{victim}", {**ENDLESS, "train.devices": 2})
    until(lambda: steps_done(run) >= 5, "it trains", 60)
    members = family(run)
    ranks = {member.environ().get("RANK", ""): member for member in members}
    ranks[{"torchrun": "", "leader": "0", "member": "1"}[victim]].send_signal(signal.SIGKILL)
    gone(members)
    assert run.status() in ("failed", "lost")
    if run.status() == "failed":
        assert "has lost the others of this run" in run.state().error
    lab.resume(run, {"train.devices": 1})
    until(lambda: steps_done(run) >= 1, "it goes on from its last checkpoint", 60)
    lab.kill(run, signal.SIGTERM)
    lab.finish(run, "stopped")


def test_what_only_the_first_process_can_see_is_said_once_and_plainly(lab):
    run = lab.start("wrong", {**SENTENCES, "train.devices": 2, "model.context": 5, "data.rows": "windows", "data.fraction": 1e-9})
    lab.finish(run, "failed")
    assert "fewer than one window" in run.state().error
    assert "internal error" not in run.log_path.read_text()


def test_two_machines_start_and_resume_with_the_printed_lines_and_the_wrong_number_is_refused(lab):
    settings = [word for name, value in ENDLESS.items() for word in ("--set", f"{name}={value}")]
    made = lab.memlab("train", lab.toml("")[0], "--name", "machines", "--nodes", "2", *settings)
    assert made.returncode == 0, made.stderr
    run = lab.run("machines")
    lines = [shlex.split(line) for line in made.stdout.splitlines() if "torch.distributed.run" in line]
    assert len(lines) == 2
    assert "it was never started; `memlab resume machines` starts it, or says how" in lab.memlab("watch", "machines").stderr
    assert lab.memlab("resume", "machines").stdout == made.stdout, "the same lines resume it"

    alone = [word for line in lines[:1] for word in line if word not in ("--nnodes", "2", "--node-rank", "0")]
    refused = subprocess.run(alone, **lab.process(capture_output=True, text=True, timeout=60))
    assert refused.returncode == 1
    lab.finish(run, "failed")
    assert "torchrun has started 1 processes, but train.devices is 1 and train.nodes 2" in run.state().error

    with contextlib.ExitStack() as machines:
        both = [
            machines.enter_context(subprocess.Popen(line, **lab.process(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
            for line in lines
        ]
        until(lambda: steps_done(run) >= 5, "it trains", 90)
        run.stop_path.touch()
        assert [machine.wait(60) for machine in both] == [0, 0]
    assert run.status() == "stopped"


def family(run) -> list[psutil.Process]:
    """The process that state.json names, and those that it started."""
    parent = psutil.Process(run.state().pid)
    return [parent, *parent.children(recursive=True)]


def gone(members) -> None:
    """Wait until none of them runs any more."""
    _, alive = psutil.wait_procs(members, timeout=30)
    assert not [member for member in alive if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]


def is_loopback(member) -> bool:
    listening = [connection for connection in member.net_connections("inet") if connection.status == psutil.CONN_LISTEN]
    return all(connection.laddr.ip in ("127.0.0.1", "::1") for connection in listening)
