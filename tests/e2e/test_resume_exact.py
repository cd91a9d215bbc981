"""A run that is killed and resumed ends with the same weights, bit by bit, and the same measurements as one never interrupted."""

import os
import random
import signal

import pytest
from conftest import EXACT, outcome, steps_done, until

pytestmark = pytest.mark.slow


def test_a_run_killed_three_times_ends_as_one_never_interrupted(lab, reference):
    chance = random.Random(7)
    run = lab.start("killed", EXACT)
    kill_at(lab, run, chance.randint(5, 70))
    lab.resume(run)
    kill_while_saving(lab, run, after=chance.randint(81, 110))
    lab.resume(run)
    kill_at(lab, run, chance.randint(125, 155))
    lab.resume(run)
    lab.finish(run)
    lab.finish(reference)
    assert outcome(run) == outcome(reference)
    starts = [row for row in run.events() if row["kind"] in ("started", "resumed")]
    assert [row["kind"] for row in starts] == ["started", "resumed", "resumed", "resumed"]
    assert all(row["from_step"] > 0 for row in starts[1:]), "no attempt began from the beginning again"
    assert not list(run.checkpoints.glob(".*")), "what a killed save left behind is gone"


def kill_at(lab, run, step):
    until(lambda: steps_done(run) >= step, f"{run.name} is at step {step}")
    lab.kill(run)
    assert run.status() == "lost"


def kill_while_saving(lab, run, after):
    """Frozen first, so that the checkpoint cannot become whole between the look and the kill."""
    until(lambda: steps_done(run) >= after, f"{run.name} is at step {after}")
    pid = run.state().pid

    def frozen_in_a_save():
        until(lambda: any(run.checkpoints.glob(".step-*")), "a checkpoint is being written")
        os.kill(pid, signal.SIGSTOP)
        if any(run.checkpoints.glob(".step-*")):
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    until(frozen_in_a_save, "the trainer is caught in the middle of a save")
    lab.kill(run)
    assert list(run.checkpoints.glob(".step-*"))
