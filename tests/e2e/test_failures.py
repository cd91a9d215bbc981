"""Whatever goes wrong ends in a clear line, a state that says so, and checkpoints that are still good."""

import contextlib
import json
import resource
import shutil
import subprocess

import pytest
import torch
from conftest import TINY, steps_done, until
from safetensors.torch import load_file

from memlab import config
from memlab.rundir import RunDir, create

SLOW = pytest.mark.slow
LIMITS = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux can limit another process")


# ----------------------------------------------------------------------------------------------------------------- losses


@SLOW
def test_a_loss_that_is_not_finite_fails_and_a_changed_setting_goes_on_from_the_last_good_checkpoint(lab):
    failed = lab.memlab("train", *lab.toml("diverged", {"train.lr": 1e30, "train.warmup": 0}))
    run = lab.run("diverged")
    assert (failed.returncode, run.status()) == (1, "failed")
    assert failed.stderr == f"memlab: {run.state().error}\n"
    assert "is not finite after 1 steps; the last good checkpoint is step 0." in failed.stderr
    assert all(torch.isfinite(weight).all() for weight in load_file(run.checkpoints / "step-000000" / "model.safetensors").values())
    assert not (run.checkpoints / "step-000001").exists(), "weights of 1e30 are no good checkpoint"

    refused = lab.memlab("resume", "diverged")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"memlab: run 'diverged' would fail again in the same way: {run.state().error}\n"
    assert lab.memlab("resume", "diverged", "--steps", "300").returncode == 2, "more steps do not help"

    lab.resume(run, {"train.lr": 1e-3})
    lab.finish(run)
    assert run.provenance()["attempts"][1]["changes"] == {"train.lr": 1e-3}
    assert (run.original().train.lr, run.experiment().train.lr) == (1e30, 1e-3)
    assert not [row for row in run.events() if row["kind"] == "nonfinite"], "what came after the good checkpoint is settled"


# ---------------------------------------------------------------------------------------------------------- memory, disk


@LIMITS
@SLOW
def test_memory_that_is_used_up_says_what_to_reduce(lab):
    run = lab.start("hungry", {"train.batch": 60_000})
    resource.prlimit(run.state().pid, resource.RLIMIT_AS, (3 << 30, 3 << 30))
    lab.finish(run, "failed")
    assert run.state().error.startswith(
        "out of memory with train.batch 60000, train.accumulate 1, model.context 10 and size 'nano'; raise train.accumulate "
    )
    assert "Traceback" in run.log_path.read_text()


@LIMITS
@SLOW
def test_a_full_disk_is_named_and_leaves_the_earlier_checkpoints_whole(lab):
    """A limit on the size of files stands for a full disk: writing fails in the middle of a file with an error of the system."""
    run = lab.start("full", {"train.steps": 1_000_000})
    until(lambda: steps_done(run) > 60, "it trains")
    resource.prlimit(run.state().pid, resource.RLIMIT_FSIZE, (100_000, 100_000))  # weights do not fit, the state does
    lab.finish(run, "failed")
    assert f"writing {run.checkpoints}/step-" in run.state().error
    assert "failed: File too large" in run.state().error
    assert not list(run.checkpoints.glob(".*")), "half a checkpoint takes no space"
    for checkpoint in run.checkpoints.iterdir():
        load_file(checkpoint / "model.safetensors")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@SLOW
def test_a_disk_that_is_full_from_the_start_is_one_clear_line(lab, small_disk):
    done = lab.memlab("--home", str(small_disk), "train", *lab.toml("nowhere"))
    assert done.returncode == 1
    assert done.stderr.startswith("memlab: writing ")
    assert done.stderr.endswith("failed: No space left on device; free some space there, or choose another place with --home\n")


# ------------------------------------------------------------------------------------------------------- wrong requests


def test_a_home_that_cannot_be_written_is_one_line(lab, tmp_path):
    done = lab.memlab("--home", "/proc/memlab", "train", *lab.toml("nowhere"))
    assert done.returncode == 1
    assert done.stderr.startswith("memlab: making /proc/memlab/runs failed: ")
    assert done.stderr.count("\n") == 1
    assert lab.memlab("--home", "/proc/memlab", "runs").returncode == 0
    (tmp_path / "file").write_text("")
    done = lab.memlab("--home", str(tmp_path / "file" / "home"), "runs")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"but {tmp_path / 'file'} is a file" in done.stderr


def test_a_name_that_is_taken_is_refused(lab):
    create_only(lab, "taken")
    done = lab.memlab("train", *lab.toml("taken"))
    assert done.returncode == 2
    assert done.stderr == "memlab: there is already a run 'taken'; choose another name, or `memlab remove taken` first\n"


@SLOW
def test_a_fraction_smaller_than_a_window_is_one_line_and_leaves_the_name_free(lab):
    done = lab.memlab("train", *lab.toml("wrong", {"data.rows": "windows", "data.fraction": 0.05, "model.context": 64}))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("memlab: 7 tokens are fewer than one window of 65 (model.context 64 and one more); take a larger")
    assert not lab.run("wrong").path.exists()


@SLOW
def test_an_empty_folder_as_source_is_one_line(lab, tmp_path):
    done = lab.memlab("train", "demo", "--name", "empty", "--set", "data.source=files", "--set", f"data.source_options.path={tmp_path}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"memlab: no files to read in folder '{tmp_path}'")
    assert not lab.run("empty").path.exists()


# ----------------------------------------------------------------------------------------------------- missing libraries


@pytest.fixture
def without_torch(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError(\"No module named 'torch'\", name='torch')\n")
    return {"PYTHONPATH": str(tmp_path)}


def test_without_torch_every_command_that_needs_it_says_so_in_one_line(lab, without_torch):
    reason = "a library cannot be imported: No module named 'torch'"
    line = f"memlab: {reason}; `memlab doctor` says which ones are missing and how to get them\n"
    run = with_a_checkpoint(lab, "checkpointed")
    trained = lab.memlab("train", *lab.toml("no-torch"), env=without_torch)
    assert (trained.returncode, trained.stderr) == (1, line)
    assert lab.run("no-torch").status() == "failed"
    sampled = lab.memlab("sample", run.name, env=without_torch)
    assert (sampled.returncode, sampled.stdout, sampled.stderr) == (1, "", line)
    estimated = lab.memlab("presets", lab.toml("")[0], env=without_torch)
    assert estimated.returncode == 1
    assert estimated.stderr.endswith(f"loading torch …\n{line}"), "the text is read before"
    checked = lab.memlab("doctor", env=without_torch)
    assert checked.returncode == 1
    assert "device: install torch first" in checked.stdout


# ------------------------------------------------------------------------------------------------------- corrupt files


@pytest.fixture(scope="module")
def spoiled(lab) -> dict[str, RunDir]:
    """A run for each file of a run directory that is not what it should be."""
    contents = {
        "config.json": "{",
        "state.json": '{"status": "running"}',
        "provenance.json": '{"attempts": [], "model": {}, "data": {"n_tokens": "many"}, "floors": []}',
        "events.jsonl": '{"kind": "eval", "step": 3, "tokens": "x"}\n\x00\xff{{{\n{"kind": "train", "step": 4}\n[]\n"x"\n',
    }
    found = {}
    for name, content in contents.items():
        run = create_only(lab, f"spoiled-{name.partition('.')[0]}")
        (run.path / name).write_text(content)
        found[name] = run
    return found


def test_listings_work_beside_runs_that_cannot_be_read_and_name_the_file(lab, spoiled):
    listed = {row["name"]: row for row in json.loads(lab.memlab("runs", "--json").stdout)}
    printed = lab.memlab("runs")
    assert printed.returncode == 0
    for name in ("config.json", "state.json", "provenance.json"):
        row = listed[spoiled[name].name]
        assert row["state"] == "unreadable"
        assert str(spoiled[name].path / name) in row["problem"]
        assert str(spoiled[name].path / name) in printed.stdout
    assert listed["spoiled-events"]["state"] == "lost"


@SLOW
def test_commands_on_a_run_that_cannot_be_read_name_the_file_in_one_line(lab, spoiled):
    for name in ("config.json", "state.json", "provenance.json"):
        run = spoiled[name]
        for command in (["watch", "--once"], ["watch", "--json"], ["watch"]):
            done = lab.memlab(*command[:1], run.name, *command[1:])
            assert (done.returncode, done.stderr.count("\n")) == (1, 1), (command, name, done.stderr)
            assert str(run.path / name) in done.stderr
    assert lab.memlab("prune", "--yes").returncode == 1, "what a run uses is not known"
    assert lab.memlab("watch", "spoiled-events", "--once").returncode == 0
    for run in spoiled.values():
        removed = lab.memlab("remove", run.name, "--yes")
        assert (removed.returncode, removed.stderr) == (0, ""), "a run that cannot be read can be removed"


def create_only(lab, name) -> RunDir:
    """A run directory that nobody has begun to train."""
    path = lab.run(name).path
    path.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)
    return create(path, TINY, config.load(TINY, "the tiny run"))


def with_a_checkpoint(lab, name) -> RunDir:
    run = create_only(lab, name)
    (run.checkpoints / "step-000001").mkdir()
    return run
