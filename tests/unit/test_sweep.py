"""A sweep as it stands: what its cells say, the heat map with its line and floors, D* for each size; which runs are trained."""

import dataclasses
import json
import math

import numpy as np
import pytest
from fabricated_run import FACTS, evaluated, fabricate, started, trained

from memlab import config
from memlab.errors import RunError, UsageError
from memlab.lab import grids, sweep_shown
from memlab.lab import sweep as lab
from memlab.lab.grids import Cell, Grid, Sweep
from memlab.lab.queue import Job
from memlab.render import tiles
from memlab.rundir import RunDir
from memlab.training import launch

BASE = config.Experiment(
    data=config.Data(source="uniform", source_options={"documents": 32, "length": 8, "vocabulary": 16}, tokenizer="word", rows="documents"),
    model=config.Model(context=9),
    train=config.Train(steps=40, batch=8, lr=1e-2, warmup=1, threads=1, eval_every=10, log_every=5, checkpoint_every=10, eval_rows=8),
)
SWEEP = Sweep("tiny", Grid("demo", "Tiny", ("1x8", "1x16"), tokens=(72, 144), seeds=(0, 1), later=20), BASE)
N_PARAMS = {"1x8": 1000, "1x16": 4000}


def made(home, cell, n_params, square, validation=3.0, status="finished", training=1.0, confident=(0.5, 0.25)):
    """A finished run whose training losses lie so far from its least validation loss, of step 20, that their mean square is `square`."""
    path = grids.folder_of(home, "tiny") / cell.name
    path.parent.mkdir(parents=True, exist_ok=True)
    loss = validation - math.sqrt(square)
    course = [started(), evaluated(0, 4.0, 4.0), evaluated(20, 2.0, validation), trained(30, loss), trained(40, loss)]
    course.append(evaluated(40, training, validation + 1, confident=confident))
    facts = {**FACTS, "model": {**FACTS["model"], "n_params": n_params, "n_params_total": 2 * n_params}}
    facts["data"] = {**FACTS["data"], "n_tokens": cell.amount, "tokens_per_epoch": cell.amount}
    facts["floors"] = [{"name": "memorisation", "loss": 0.5, "how": ""}]
    run = fabricate(path, course, facts=facts, status=status, step=40)
    run.config_path.write_text(json.dumps(config.to_dict(SWEEP.experiment(cell))))
    return run


@pytest.fixture
def home(tmp_path):
    """1x8 stays with its validation loss from 72 tokens on, 1x16 from 144 on; seed 1 of 1x16 nowhere."""
    for cell in SWEEP.cells():
        near = cell.size == "1x8" or (cell.amount == 144 and cell.seed == 0)
        made(tmp_path, cell, N_PARAMS[cell.size], 0.01 if near else 0.09, training=1.0 + cell.seed)
    grids.keep(tmp_path, SWEEP)
    held = [{"amount": 72, "n_tokens": 72, "bits": 7000.0}, {"amount": 144, "n_tokens": 144, "bits": 20_000.0}]
    (grids.folder_of(tmp_path, "tiny") / "information.json").write_text(
        json.dumps([{**one, "exact": True, "how": "known"} for one in held])
    )
    return tmp_path


def test_a_cell_says_what_its_run_came_to(home):
    cell = lab.Follower(home, SWEEP).poll().of("1x16", 144)[0]
    assert (cell.state, cell.n_params, cell.n_tokens, cell.train_loss, cell.validation_loss) == ("finished", 4000, 144, 1.0, 4.0)
    assert (cell.best_validation_loss, cell.best_step, cell.gap) == (3.0, 20, 3.0)
    assert (cell.memorised, cell.control) == (0.5, 0.25)
    assert cell.square == pytest.approx(0.01)
    assert cell.bits_per_parameter == pytest.approx((3.0 - 1.0) * 144 / math.log(2) / 8000), "against its own best validation loss"


def test_a_known_entropy_is_the_reference_of_the_bits(home):
    run = RunDir(grids.folder_of(home, "tiny") / "1x16-144t-0")
    facts = run.provenance()
    facts["floors"].append({"name": "entropy", "loss": 2.5, "how": ""})
    run.provenance_path.write_text(json.dumps(facts))
    cell = lab.Follower(home, SWEEP).poll().of("1x16", 144)[0]
    assert cell.bits_per_parameter == pytest.approx((2.5 - 1.0) * 144 / math.log(2) / 8000)


def test_the_map_has_the_mean_over_seeds_the_floor_and_the_line_of_capacity(home):
    standing = lab.Follower(home, SWEEP).poll()
    table = sweep_shown.tiles(standing, "train")
    assert table.rows == ["1x16  N 4k", "1x8  N 1k", "memorisation floor"]
    assert table.columns == ["72", "144"]
    np.testing.assert_allclose(table.array(), [[1.5, 1.5], [1.5, 1.5], [0.5, 0.5]])
    # 3.6 bits × 8,000 parameters hold both amounts, × 2,000 only the first
    assert list(table.edges) == [2, 1, None]
    assert sweep_shown.tiles(standing, "train", seed=1).array()[0, 0] == 2.0
    assert sweep_shown.tiles(standing, "memorised").array()[0, 0] == 50, "in percent"
    assert sweep_shown.tiles(standing, "gap").rows == ["1x16  N 4k", "1x8  N 1k"], "a gap has no floor"
    assert [sweep_shown.regime(standing, standing.of(size, 144)[0]) for size in ("1x8", "1x16")] == ["part", "all"]


@pytest.mark.parametrize(("is_plain", "line"), [(False, "┃"), (True, "|")])
def test_the_line_of_capacity_is_drawn_before_the_first_cell_that_is_too_much(home, is_plain, line):
    table = sweep_shown.tiles(lab.Follower(home, SWEEP).poll(), "gap")
    picture = tiles.draw(table, width=40, height=6, cell=9, depth="none", ascii=is_plain)
    above, below = picture.lines[picture.top : picture.top + 2]
    assert below.index(line) == picture.left + 9
    assert above.index(line) == picture.left + 18


def test_least_data_and_exponent_come_from_the_cells_of_each_seed(home):
    found = {(one.size, one.seed): one for one in sweep_shown.matched_of(lab.Follower(home, SWEEP).poll())}
    assert found["1x8", 0].least.n_tokens == 72
    assert found["1x16", 0].least.n_tokens == 144
    assert found["1x16", 0].ratio == pytest.approx(4000 / 144**2)
    assert found["1x16", 1].least is None
    fitted = sweep_shown.exponent_of(list(found.values()))
    assert fitted.value == pytest.approx(2.0), "four times the parameters on twice the data"
    assert (fitted.n, fitted.low) == (1, None)


def test_a_grid_that_looks_later_than_training_went_reaches_nothing(home):
    late = dataclasses.replace(SWEEP, grid=dataclasses.replace(SWEEP.grid, later=21))
    assert {one.least for one in sweep_shown.matched_of(lab.Follower(home, late).poll())} == {None}
    words = " ".join(sweep_shown.notes(lab.Follower(home, late).poll(), "train"))
    assert "over the 21 iterations after that one (in the paper 1,000), of losses that are means over 5 steps each" in words


def test_cells_that_are_not_there_yet_wait_and_damaged_ones_say_so(tmp_path):
    follower = lab.Follower(tmp_path, SWEEP)
    assert {cell.state for cell in follower.poll().cells} == {lab.WAITING}
    assert sweep_shown.tiles(follower.poll(), "train").rows == ["1x16", "1x8"]
    run = made(tmp_path, Cell("1x8", 72, 0), 1000, 0.01)
    run.state_path.write_text("{")
    cell = follower.poll().of("1x8", 72)[0]
    assert (cell.state, "state.json" in cell.problem) == ("unreadable", True)


@pytest.mark.parametrize("text", ["", "{}", '[{"amount": 72}]', '[{"amount": 72, "n_tokens": 1, "bits": "x", "how": 1}]'])
def test_damaged_information_draws_no_line(home, text):
    (grids.folder_of(home, "tiny") / "information.json").write_text(text)
    assert set(sweep_shown.tiles(lab.Follower(home, SWEEP).poll(), "gap").edges) == {None}


def test_a_run_of_another_grid_is_not_taken_for_a_cell(home):
    other = dataclasses.replace(SWEEP, base=config.changed(BASE, {"train.lr": 0.5}))
    with pytest.raises(UsageError, match="other settings"):
        lab.jobs_of(home, other)
    lab.jobs_of(home, dataclasses.replace(SWEEP, base=config.changed(BASE, {"train.device": "cpu"})))


def test_one_that_fails_is_left_behind_and_the_others_go_on(tmp_path, monkeypatch):
    bad = made(tmp_path, Cell("1x8", 72, 0), 1000, 0.01, status="failed")
    jobs = [Job(bad, BASE), Job(RunDir(tmp_path / "other"), BASE)]
    asked = []

    def train_all(home, left, at_once, progress):
        asked.append(list(left))
        if bad.path in {job.run.path for job in left}:
            raise RunError("it failed")

    monkeypatch.setattr(lab, "train_all", train_all)
    lab.train(tmp_path, jobs)
    assert asked == [jobs, jobs[1:]]


def test_finished_cells_are_not_trained_again(home, monkeypatch):
    monkeypatch.setattr(launch, "start", lambda *_: pytest.fail("a cell was trained again"))
    lab.train(home, lab.jobs_of(home, SWEEP))


@pytest.mark.slow
def test_the_same_cells_are_trained_by_submitit(tmp_path):
    pytest.importorskip("submitit")
    from memlab.lab import slurm

    sweep = dataclasses.replace(SWEEP, grid=dataclasses.replace(SWEEP.grid, sizes=("1x8",), tokens=(72,), seeds=(0,)))
    jobs = lab.prepare(tmp_path, sweep)
    slurm.train(tmp_path, jobs, tmp_path / "slurm", cluster="local")
    assert all(job.is_done for job in jobs)
    slurm.train(tmp_path, jobs, tmp_path / "slurm", cluster="local")  # nothing is left to submit
