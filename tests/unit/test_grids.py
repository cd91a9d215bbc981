"""A grid's TOML: which runs it means, where they lie, and what is wrong with one that makes no sense."""

import json

import pytest

from memlab.errors import ConfigError, MemlabError, RunError, UnknownName
from memlab.lab import grids
from memlab.lab.grids import Cell

GRID = """
title = "Tiny"
preset = "demo"
sizes = ["1x16", "nano"]
tokens = [2_000, 500]
seeds = [0, 7]
later = 50

[data]
source = "uniform"
source_options = { documents = 40, length = 16 }
tokenizer = "word"

[train]
epochs = 3
"""


def written(tmp_path, text=GRID, name="tiny"):
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    return path


def test_a_grid_is_every_size_on_every_amount_by_every_seed(tmp_path):
    sweep = grids.read_grid(tmp_path, written(tmp_path))
    cells = sweep.cells()
    assert len(cells) == len({cell.name for cell in cells}) == 8
    assert [cell.name for cell in cells[:3]] == ["1x16-500t-0", "1x16-2000t-0", "nano-500t-0"]
    for cell in cells:
        one = sweep.experiment(cell)
        assert (one.train.seed, one.data.tokens, one.train.epochs, one.train.steps) == (cell.seed, cell.amount, 3, None)
        assert one.data.source_options == {"documents": 40, "length": 16}
    assert sweep.experiment(Cell("1x16", 500, 0)).model.options == {"n_layer": 1, "n_embd": 16, "n_head": 2}
    assert sweep.experiment(Cell("nano", 500, 0)).model.size == "nano"


def test_fractions_are_shares_however_they_are_written(tmp_path):
    sweep = grids.read_grid(tmp_path, written(tmp_path, GRID.replace("tokens = [2_000, 500]", 'fractions = ["0.1%", 0.5, "all"]')))
    assert sweep.amounts == [0.001, 0.5, 1.0]
    assert [cell.name for cell in sweep.cells()[:3]] == ["1x16-0.1pc-0", "1x16-50pc-0", "1x16-100pc-0"]
    assert sweep.experiment(sweep.cells()[0]).data.fraction == 0.001


def test_no_name_of_a_size_leads_out_of_the_sweep():
    assert Cell("../../evil\x00/x", 1, 0).name == "..-..-evil-x-1t-0"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("sizes = [", "size = ["), "no setting 'grid.size'; did you mean 'grid.sizes'"),
        (('preset = "demo"', ""), "grid.preset is missing"),
        (("seeds = [0, 7]", 'fractions = ["1%"]'), "either grid.fractions or grid.tokens"),
        (("tokens = [2_000, 500]", ""), "either grid.fractions or grid.tokens"),
        (('"nano"', '"nanno"'), "no size 'nanno'; did you mean 'nano'"),
        (('"demo"', '"demmo"'), "no preset 'demmo'"),
        (("epochs = 3", "epocs = 3"), "train.epocs"),
        (("later = 50", "later = 0"), "grid.later must be at least 1"),
        (('title = "Tiny"', "title = "), "cannot be read"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused_by_name(tmp_path, change, complaint):
    with pytest.raises(ConfigError if "no size" not in complaint and "preset 'd" not in complaint else UnknownName) as caught:
        grids.read_grid(tmp_path, written(tmp_path, GRID.replace(*change)))
    assert "tiny.toml" in str(caught.value)
    assert complaint in str(caught.value)


def test_a_sweep_is_found_by_file_by_grid_and_by_its_name_in_the_home(tmp_path):
    sweep = grids.find_sweep(tmp_path, str(written(tmp_path)))
    grids.keep(tmp_path, sweep)
    assert grids.find_sweep(tmp_path, "tiny") == sweep
    assert grids.sweep_names(tmp_path) == ["tiny"]
    for name in grids.grid_names():
        assert grids.find_sweep(tmp_path, name).name == name
    for word in ("tinny", "tinny.toml"):
        with pytest.raises(UnknownName):
            grids.find_sweep(tmp_path, word)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "grid": {"preset": "x"}, "base": {}}'])
def test_a_damaged_sweep_says_which_file(tmp_path, text):
    folder = tmp_path / "sweeps" / "one"
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text(text)
    with pytest.raises(MemlabError, match=r"sweep\.json"):
        grids.load(folder)


def test_a_kept_fraction_that_is_none_is_damage(tmp_path):
    sweep = grids.read_grid(tmp_path, written(tmp_path, GRID.replace("tokens = [2_000, 500]", 'fractions = ["1%"]')))
    grids.keep(tmp_path, sweep)
    path = grids.folder_of(tmp_path, "tiny") / "sweep.json"
    table = json.loads(path.read_text())
    table["grid"]["fractions"] = ["much"]
    path.write_text(json.dumps(table))
    with pytest.raises(RunError, match="fraction is 'much'"):
        grids.load(path.parent)
