"""What a run has memorised lies in its hidden states: found with the commands that a person types, on a run that was really trained."""

import json
import os
import signal
import time

import pytest

pytestmark = pytest.mark.slow

SMALL = ("data.tokens=2500", "train.steps=220", "train.eval_every=110", "train.threads=1")


@pytest.fixture(scope="module")
def run(lab):
    """A model of 4 layers, 128 wide, that knows 2,500 tokens of Python's documentation by heart."""
    settings = [word for setting in SMALL for word in ("--set", setting)]
    done = lab.memlab("train", "demo", "--name", "by-heart", *settings)
    assert done.returncode == 0, done.stderr
    return lab.home / "runs" / "by-heart"


def answer(lab, *arguments):
    done = lab.memlab(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_training_text_lies_nearer_to_the_stored_patterns_than_held_out_text_and_not_so_before_training(lab, run):
    trained, untrained = (
        {reading["layer"]: reading for reading in answer(lab, "inspect", "by-heart", "--train", "5", "--checkpoint", step)["readings"]}
        for step in ("last", "0")
    )
    for layer in ("2", "3", "4"):
        training, held_out = (trained[layer][part][2] for part in ("training", "held_out"))  # medians of squared distances
        assert training < 0.8 * held_out, layer
        before, control = (untrained[layer][part][2] for part in ("training", "held_out"))
        assert before == pytest.approx(control, rel=0.2), layer


def test_it_says_the_text_that_it_was_trained_on_word_for_word_and_no_other(lab, run):
    figures = answer(lab, "memorized", "by-heart", "--measures", "extraction,membership")["figures"]
    values = {(figure["name"], figure["part"]): figure["estimate"] for part in figures.values() for figure in part}
    assert values["passages extracted", "training"]["value"] > 0.9
    assert values["passages extracted", "validation"]["high"] < 0.1
    assert values["AUC by loss", "both"]["low"] > 0.95


def test_an_interrupted_store_is_no_store_and_goes_on(lab, run):
    arguments = ("patterns", "by-heart", "--positions", "every:3", "--checkpoint", "128")
    process = lab.background(*arguments)
    deadline = time.monotonic() + 60
    while "storing" not in (line := process.stderr.readline()) and process.poll() is None:
        assert time.monotonic() < deadline, line
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert (run / "patterns" / "step-000128").exists() == (process.returncode == 0)
    assert answer(lab, *arguments)["n_patterns"] == len(range(2, 64, 3)) * 39


def test_a_run_that_cannot_be_written_to_keeps_its_patterns_under_the_home(lab, run):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    run.chmod(0o555)
    try:
        stored = answer(lab, "patterns", "by-heart", "--checkpoint", "64")
    finally:
        run.chmod(0o755)
    assert str(lab.home / "cache") in stored["path"]
