"""`memlab sweep`: what it says of a grid before, while and after it is trained, and how it goes on after Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fabricated_run import FACTS, evaluated, fabricate, started, trained

from memlab import config
from memlab.__main__ import main
from memlab.lab import grids, slurm
from memlab.rundir import RunDir
from memlab.training import launch

GRID = """
title = "Tiny"
preset = "demo"
sizes = ["1x8", "1x16"]
tokens = [72, 144]
later = 20

[data]
source = "uniform"
source_options = { documents = 32, length = 8, vocabulary = 16, validation_documents = 16 }
tokenizer = "word"
rows = "documents"

[model]
context = 9

[train]
steps = 1000
batch = 8
threads = 1
eval_every = 500
eval_rows = 8
checkpoint_every = 100
"""


@pytest.fixture
def grid(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(GRID)
    return path


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MEMLAB_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "90")

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["memlab", "sweep", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, capsys.readouterr()

    return run


def finish(home, grid, but=()):
    """Make the runs of a grid, all finished but some."""
    sweep = grids.read_grid(home, grid)
    for cell in sweep.cells():
        if cell.name not in but:
            path = grids.folder_of(home, sweep.name) / cell.name
            path.parent.mkdir(parents=True, exist_ok=True)
            course = [started(), evaluated(0, 3.0, 3.0), evaluated(500, 1.0, 2.0), trained(520, 1.9), evaluated(1000, 0.5, 2.5)]
            facts = {**FACTS, "data": {**FACTS["data"], "n_tokens": cell.amount, "tokens_per_epoch": cell.amount}}
            run = fabricate(path, course, facts=facts, step=1000)
            run.config_path.write_text(json.dumps(config.to_dict(sweep.experiment(cell))))


def test_a_finished_sweep_is_shown_and_nothing_is_trained(tmp_path, grid, call, monkeypatch):
    monkeypatch.setattr(launch, "start", lambda *_: pytest.fail("a cell was trained again"))
    finish(tmp_path, grid)
    status, said = call(grid, "--show", "train")
    assert status == 0
    for words in ("tiny: training loss", "1x16  N 1k", "┃ capacity", "entropy floor", "8.71e-10", "bits a token"):
        assert words in said.out
    status, said = call("tiny", "--once", "--json")
    found = json.loads(said.out)
    assert len(found["cells"]) == 4
    assert found["information"][0]["bits"] == 8 * 8 * 4, "8 documents of 8 words out of 16"
    assert [one["least"]["n_tokens"] for one in found["matched"]] == [72, 72]
    assert found["exponent"] is None, "one D only"


def test_the_map_is_written_as_a_picture(tmp_path, grid, call):
    pytest.importorskip("matplotlib")
    finish(tmp_path, grid)
    for kind, beginning in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        status, said = call(grid, "--once", f"--{kind}", tmp_path / "map")
        assert (status, "wrote" in said.out) == (0, True)
        assert (tmp_path / "map").read_bytes().startswith(beginning)


def test_looking_at_a_sweep_makes_nothing(tmp_path, grid, call):
    status, said = call(grid, "--once")
    assert status == 0
    assert "tiny: validation loss" in said.out
    assert not (tmp_path / "sweeps").exists()


def test_a_dry_run_says_which_cells_are_left_and_how_long_they_take(tmp_path, grid, call, monkeypatch):
    monkeypatch.setattr("memlab.lab.sweep.time_of", lambda home, jobs, progress: [30.0] * len(jobs))
    finish(tmp_path, grid, but=("1x8-144t-0", "1x16-72t-0", "1x16-144t-0"))
    status, said = call(grid, "--dry-run", "--jobs", "2")
    assert status == 0
    assert "4 cells" in said.out
    assert "1 finished" in said.out
    assert "The 3 that are left take about 1 m 30 s one after the other, 45 s at best with 2 at a time." in said.out
    assert not (tmp_path / "corpora").exists(), "nothing has been begun"


def test_grids_and_sweeps_are_listed(tmp_path, grid, call):
    grids.keep(tmp_path, grids.read_grid(tmp_path, grid))
    status, said = call("--list")
    assert status == 0
    for words in ("regimes", "tiny", "0 of 4 finished", "Tiny"):
        assert words in said.out
    (tmp_path / "sweeps" / "bad").mkdir()
    (tmp_path / "sweeps" / "bad" / "sweep.json").write_text("{")
    status, said = call("--list")
    assert (status, "unreadable" in said.out) == (0, True)
    assert call()[1].out == said.out, "without a grid it lists them"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["tinny"], "no grid or sweep 'tinny'"),
        (["none.toml"], "no file 'none.toml'"),
        (["regimes", "--show", "trian"], "did you mean 'train'"),
        (["regimes", "--executor", "pbs"], "it must be local or slurm"),
    ],
)
def test_wrong_requests_are_refused(call, arguments, complaint):
    status, said = call(*arguments)
    assert status == 2
    assert complaint in said.err


def test_a_file_without_its_ending_and_a_sweep_of_another_home_are_named(tmp_path, call, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").touch()
    assert "no grid or sweep 'mine'; the file of that name is called 'mine.toml'" in call("mine")[1].err
    other = tmp_path / "other" / "sweeps" / "theirs"
    other.mkdir(parents=True)
    (other / "sweep.json").touch()
    assert f"memlab --home {tmp_path / 'other'} sweep theirs" in call(str(other), "--once")[1].err


def test_slurm_without_submitit_says_what_to_install(tmp_path, grid, call, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    finish(tmp_path, grid, but=("1x8-72t-0",))
    status, said = call(grid, "--executor", "slurm")
    assert status == 2
    assert "pip install 'memlab[slurm]'" in said.err


def test_an_option_that_submitit_does_not_know_is_refused(tmp_path, grid):
    pytest.importorskip("submitit")
    finish(tmp_path, grid, but=("1x8-72t-0",))
    from memlab.lab.sweep import jobs_of

    jobs = jobs_of(tmp_path, grids.read_grid(tmp_path, grid))
    with pytest.raises(Exception, match="submitit refuses") as caught:
        slurm.train(tmp_path, jobs, tmp_path / "slurm", options={"slurm_colour": "red"}, cluster="local")
    assert caught.value.exit_status == 2


@pytest.mark.slow
def test_a_sweep_that_was_left_with_ctrl_c_goes_on_where_it_was(tmp_path, grid):
    grid.write_text(GRID.replace('"1x8", "1x16"', '"1x8"'))
    words = [Path(sys.executable).with_name("memlab"), "sweep", grid]
    options = {"env": {**os.environ, "MEMLAB_HOME": str(tmp_path)}, "stdout": subprocess.PIPE, "text": True}
    first, second = (RunDir(tmp_path / "sweeps" / "tiny" / name) for name in ("1x8-72t-0", "1x8-144t-0"))
    finish(tmp_path, grid, but=(second.name,))
    before = first.events_path.read_bytes()
    process = subprocess.Popen(words, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler), **options)
    deadline = time.monotonic() + 120
    while not (second.config_path.exists() and second.status() == "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "1 of 2 cells are finished; the same command goes on with the others." in said
    assert second.status() == "stopped"
    done = subprocess.run(words, timeout=120, check=True, **options)
    assert first.events_path.read_bytes() == before, "what was finished has not been touched"
    assert second.status() == "finished"
    assert "2/2  1x8 on 144 tokens, seed 0: finished; training" in done.stdout
    assert "1/2" not in done.stdout
