"""The capacity experiment: what a cell stores comes exactly from its losses, and only cells that are full and converged make a plateau."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest
from fabricated_run import FACTS, evaluated, fabricate, started

from memlab import config
from memlab.errors import MemlabError, RunError, UsageError
from memlab.lab import capacity as lab
from memlab.rundir import RunDir
from memlab.training import launch

GRID = lab.Grid(sizes=((1, 8), (2, 16)), documents=(10, 40), seeds=(0, 1), steps=100, length=8, vocabulary=64, batch=16)
PER_DOCUMENT = 8 * 6
CELL = lab.Cell("", "1x8", 1000, 100, 0, 4800.0, 4136.0, 2000.0, -50.0, 0.0, True)


def nats(stored_bits, documents):
    """The loss per predicted token at which so many bits of some documents are stored."""
    return (documents * PER_DOCUMENT - stored_bits) * math.log(2) / (documents * 9)


def write(path, experiment, stored, before=None, held_out=-30.0):
    """The finished run of a cell that stores so many bits."""
    n = experiment.data.source_options["documents"]
    earlier = stored if before is None else before
    rows = [started(), evaluated(80, nats(earlier, n), 9.0), evaluated(100, nats(stored, n), nats(held_out, n))]
    path.parent.mkdir(parents=True, exist_ok=True)
    run = fabricate(path, rows, facts={**FACTS, "model": {**FACTS["model"], "n_params_total": 1000}})
    run.config_path.write_text(json.dumps(config.to_dict(experiment)))
    return run


def test_a_grid_is_every_size_on_every_number_of_documents_by_every_seed():
    experiments = GRID.experiments()
    assert len(experiments) == len({lab.path_of(lab.Path("/home"), one) for one in experiments}) == 8
    assert {one.data.source_options["seed"] for one in experiments} == {one.train.seed for one in experiments} == {0, 1}
    for one in experiments:
        assert one.train.eval_rows >= one.data.source_options["documents"], "the last evaluation is over all of them"
        assert one.model.options["n_embd"] % one.model.options["n_head"] == 0
        assert one.train.batch <= one.data.source_options["documents"]


def test_a_cell_is_found_by_all_of_its_settings_but_its_device(tmp_path):
    one = GRID.experiments()[0]
    path = lab.path_of(tmp_path, one)
    assert lab.path_of(tmp_path, config.changed(one, {"train.device": "cuda"})) == path
    assert lab.path_of(tmp_path, config.changed(one, {"train.steps": 101})) != path


@pytest.mark.parametrize("stored", [0.0, 123.0, 480.0])
def test_what_is_stored_is_the_entropy_without_the_code_length(tmp_path, stored):
    cell = lab.read_cell(write(tmp_path / "cell", GRID.experiments()[0], stored), GRID)
    assert cell.data_bits == pytest.approx(10 * PER_DOCUMENT)
    assert cell.most_bits == pytest.approx(10 * (PER_DOCUMENT - math.log2(10)))
    assert cell.stored_bits == pytest.approx(stored, abs=1e-6)
    assert cell.held_out_bits == pytest.approx(-30)
    assert (cell.size, cell.documents, cell.n_params) == ("1x8", 10, 1000)


@pytest.mark.parametrize(("before", "has_converged"), [(300.0, True), (298.0, True), (295.0, False), (310.0, True)])
def test_a_cell_that_still_rises_over_its_last_fifth_has_not_converged(tmp_path, before, has_converged):
    cell = lab.read_cell(write(tmp_path / "cell", GRID.experiments()[0], 300.0, before), GRID)
    assert cell.rise == pytest.approx((300 - before) / 300)
    assert cell.has_converged is has_converged


def test_a_log_without_its_end_is_refused(tmp_path):
    run = fabricate(tmp_path / "cell", [started(), evaluated(80, 1.0, 2.0)])
    with pytest.raises(RunError, match="no evaluation at its end"):
        lab.read_cell(run, GRID)


def test_a_plateau_is_of_cells_that_are_full_and_converged():
    def cell(documents, stored, seed=0, has_converged=True):
        return dataclasses.replace(
            CELL,
            documents=documents,
            data_bits=48.0 * documents,
            most_bits=(48 - math.log2(documents)) * documents,
            stored_bits=stored,
            seed=seed,
            has_converged=has_converged,
        )

    all_stored, rising = cell(20, 870.0), cell(400, 9000.0, has_converged=False)
    full = [cell(100, 2000.0), cell(100, 2200.0, seed=1), cell(200, 1800.0)]
    found = lab.plateau_of([all_stored, *full, rising])
    assert found.is_reached
    assert (found.value, found.low, found.high, found.n_cells) == (pytest.approx(2.1), 1.8, 2.2, 3)
    below = lab.plateau_of([all_stored, rising])
    assert (below.is_reached, below.n_cells, below.value) == (False, 0, 9.0)


def test_the_picture_has_a_curve_for_each_size_and_marks_what_had_not_converged():
    cells = [CELL, dataclasses.replace(CELL, seed=1, stored_bits=1000.0), dataclasses.replace(CELL, size="1x16", has_converged=False)]
    plateaus = [lab.plateau_of([cell for cell in cells if cell.size == size]) for size in ("1x8", "1x16")]
    small, large, loose, line = lab.series_of(lab.Capacity(cells, plateaus, {}, []))
    assert (small.x, small.y) == ([4800.0], [1500.0])
    assert large.y == [2000.0]
    assert (loose.name, loose.y) == ("1x16, not converged", [2000.0])
    assert (list(line.x), list(line.y)) == ([0.0], [0.0]), "the most lies far above the picture"


def test_finished_cells_are_not_trained_again(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "start", lambda *_: pytest.fail("a cell was trained again"))
    for number, one in enumerate(GRID.experiments()):
        write(lab.path_of(tmp_path, one), one, 100.0 + number)
    found = lab.capacity(tmp_path, GRID)
    assert [cell.stored_bits for cell in found.cells] == pytest.approx([100 + number for number in range(8)])
    assert [plateau.size for plateau in found.plateaus] == ["1x8", "2x16"]
    assert found.published == {"rounded": 3.6, "bf16": 3.51, "fp32": 3.83}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [("2x", "--sizes is '2x'"), ("0x8", "--sizes"), ("", "--sizes"), ("1x8,,1x16", "--sizes")],
)
def test_sizes_that_are_none_are_refused(words, complaint):
    with pytest.raises(UsageError, match=complaint):
        lab.sizes_of(words)


@pytest.mark.parametrize("change", [{"steps": 3}, {"documents": (0,)}, {"vocabulary": 1}, {"batch": 0}, {"length": 0}, {"seeds": ()}])
def test_a_grid_that_cannot_be_trained_is_refused(change):
    with pytest.raises(UsageError, match="--" + next(iter(change))):
        dataclasses.replace(GRID, **change)
    with pytest.raises(UsageError, match="--documents is 'many'"):
        lab.numbers_of("documents", "many")


class _Left(MemlabError):
    pass


@pytest.mark.slow
def test_a_command_that_was_stopped_goes_on_and_the_model_stores_what_it_was_given(tmp_path):
    grid = dataclasses.replace(GRID, sizes=((1, 16),), documents=(4,), seeds=(0,), steps=800)
    path = lab.path_of(tmp_path, grid.experiments()[0])

    def leave(doing, done, total, unit):
        if doing.startswith("training"):
            raise _Left

    with pytest.raises(_Left):
        lab.capacity(tmp_path, grid, device="cpu", progress=leave)
    assert RunDir(path).status() == "stopped", "its trainer has left"
    cell = lab.capacity(tmp_path, grid, device="cpu").cells[0]
    most = 4 * PER_DOCUMENT - 4 * math.log2(4)  # which of the four it is cannot be known
    assert 0.8 * most < cell.stored_bits <= most + 1e-6
    assert cell.held_out_bits < 0
    command = [sys.executable, "-m", "memlab", "--home", str(tmp_path), "capacity", "--sizes", "1x16", "--documents", "4"]
    said = subprocess.run([*command, "--steps", "800", "--batch", "16"], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    assert "bits per parameter" in said.stdout
