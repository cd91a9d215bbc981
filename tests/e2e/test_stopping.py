"""Whoever asks a trainer to stop gets a saved run in state `stopped`, whatever it is doing just then, and resuming goes on exactly."""

import os
import re
import signal

import pytest
from conftest import EXACT, outcome, steps_done, until

pytestmark = pytest.mark.slow


def test_a_run_stopped_in_every_way_ends_as_one_never_interrupted(lab, reference):
    run = lab.start("stopped", EXACT)
    stop_at(lab, run, 12, lambda: lab.kill(run, signal.SIGTERM))
    stop_at(lab, run, 30, lambda: lab.kill(run, signal.SIGINT))
    stop_at(lab, run, 50, run.stop_path.touch)
    at = stop_at(lab, run, 80, lambda: lab.kill(run, signal.SIGHUP))  # a row of training is written, an evaluation begins
    assert at == 80
    assert not [row for row in run.events() if row["kind"] == "eval" and row["step"] == 80], "it left in the middle of the evaluation"
    asked = stop_at(lab, run, 100, lambda: lab.memlab("stop", run.name))
    assert asked < 180
    lab.finish(run)
    lab.finish(reference)
    assert outcome(run) == outcome(reference)


def stop_at(lab, run, step, ask) -> int:
    """Ask at this step, resume, and say where it had stopped."""
    until(lambda: steps_done(run) >= step, f"{run.name} is at step {step}")
    ask()
    lab.finish(run, "stopped")
    stopped = run.state().step
    assert stopped >= step
    assert (run.checkpoints / f"step-{stopped:06d}").is_dir(), "it has saved where it stopped"
    lab.resume(run)
    assert not run.stop_path.exists()
    return stopped


def test_memlab_stop_says_where_it_stopped_and_how_to_go_on(lab):
    run = lab.start("asked", {"train.steps": 100_000})
    until(lambda: steps_done(run) > 0, "it trains")
    done = lab.memlab("stop", "asked")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"asked is stopped at step {run.state().step:,} of 100,000; `memlab resume asked` goes on\n"
    again = lab.memlab("stop", "asked")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("memlab: run 'asked' is not being trained; it is stopped: `memlab resume asked` goes on with it")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_before_torch_is_even_loaded_stops_it(lab, number):
    run = lab.start(f"early-{number.name}")
    os.kill(run.state().pid, number)  # at once: the interpreter may not have begun
    lab.finish(run, "stopped")
    assert run.state().step == 0
    log = run.log_path.read_text()
    assert not log or re.fullmatch(r"attempt 1, process \d+, memlab .*\n", log)


def test_a_stop_while_the_corpus_is_built_or_waited_for_is_a_stop_and_the_build_goes_on_later(lab):
    changes = {"data.source_options.documents": 40_000, "data.source_options.length": 9, "train.steps": 5, "data.tokens": 1000}

    def doing(run):
        return (run.state().work or {}).get("doing", "")

    builder = lab.start("building", changes)
    until(lambda: doing(builder) in ("reading the source", "tokenising"), "the corpus is being built")
    os.kill(builder.state().pid, signal.SIGSTOP)  # for as long as this test needs it
    shown = lab.memlab("watch", "building", "--once")
    assert f"starting · {doing(builder)}" in shown.stdout

    waiter = lab.start("waiting", changes)
    until(lambda: doing(waiter) == "waiting for another process that builds this corpus", "another run waits for it")
    lab.kill(waiter, signal.SIGTERM)
    lab.finish(waiter, "stopped")

    os.kill(builder.state().pid, signal.SIGCONT)
    lab.kill(builder, signal.SIGTERM)
    lab.finish(builder, "stopped")
    assert (builder.state().work, builder.state().step) == (None, 0)
    lab.resume(builder)
    lab.finish(builder)
    assert builder.provenance()["data"]["n_tokens"] == 1000
