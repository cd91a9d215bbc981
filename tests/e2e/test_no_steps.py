"""A saved model becomes a run: first only looked at, with a budget of no steps, then trained on; through the command line."""

import pytest
import torch
from conftest import outcome
from safetensors.torch import load_file

from memlab import models
from memlab.config import Model
from memlab.training import checkpoints

pytestmark = pytest.mark.slow

NO_STEPS = {"model.family": "pretrained", "model.size": "./saved", "train.steps": 0}


@pytest.fixture(scope="module")
def saved(lab):
    """A small GPT-2 in the directory where the command line runs."""
    torch.manual_seed(5)
    model = models.build(Model(family="gpt2", size="nano", context=16), 64)
    model.save_pretrained(lab.home / "saved")
    return lab.home / "saved"


@pytest.fixture(scope="module")
def inspected(lab, saved):
    """A run of no steps, and what the command line printed."""
    run = lab.run("inspected")
    return run, lab.memlab("train", *lab.toml("inspected", NO_STEPS))


def test_no_steps_make_a_finished_run_of_one_evaluation_and_one_checkpoint(saved, inspected):
    run, done = inspected
    assert (done.returncode, done.stderr) == (0, "")
    assert (run.status(), run.state().steps) == ("finished", 0)
    assert [(row["kind"], row["step"]) for row in run.events()] == [("started", 0), ("eval", 0), ("checkpoint", 0)]
    assert checkpoints.steps(run.checkpoints) == [0]
    kept, given = (load_file(folder / "model.safetensors") for folder in (checkpoints.path_of(run.checkpoints, 0), saved))
    assert kept.keys() == given.keys()
    assert all(torch.equal(kept[name], given[name]) for name in given)


def test_what_is_said_of_it_is_that_nothing_was_trained(lab, inspected):
    run, done = inspected
    assert "Nothing was trained: these are the losses of the model as it begins." in done.stdout
    assert "resume inspected --steps 1000\n" in done.stdout
    assert run.experiment().model.size == str(lab.home / "saved")
    assert run.provenance()["model"]["n_params"] == 99_456
    listed = lab.memlab("runs")
    assert "0/0" in next(line for line in listed.stdout.splitlines() if line.startswith("inspected"))
    for arguments in (("watch", "inspected"), ("sample", "inspected", "a", "--tokens", "3")):
        shown = lab.memlab(*arguments)
        assert (shown.returncode, shown.stderr) == (0, "")


def test_what_it_would_take_is_measured(lab, saved):
    done = lab.memlab("presets", lab.toml("")[0], *(word for key, value in NO_STEPS.items() for word in ("--set", f"{key}={value}")))
    assert done.returncode == 0
    assert "0 steps, 0 epochs" in done.stdout


def test_it_goes_on_as_if_it_had_been_trained_from_the_beginning(lab, saved, inspected):
    run, _ = inspected
    done = lab.memlab("resume", "inspected", "--steps", "4")
    assert done.returncode == 0
    assert (run.status(), run.state().step, run.provenance()["decided"]["decay_steps"]) == ("finished", 4, 4)
    direct = lab.run("direct")
    lab.memlab("train", *lab.toml("direct", {**NO_STEPS, "train.steps": 4}))
    assert outcome(run) == outcome(direct)


def test_a_model_that_does_not_fit_leaves_no_run_behind(lab, saved):
    run = lab.run("misfit")
    done = lab.memlab("train", *lab.toml("misfit", {**NO_STEPS, "model.context": 64}))
    assert (done.returncode, done.stderr) == (
        2,
        f"memlab: model.context is 64, but '{saved}' has positions for 16 tokens; choose at most as many\n",
    )
    assert not run.path.exists()
