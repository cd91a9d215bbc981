"""Runs side by side: one colour a run, floors named once where they are the same, and just the settings that differ."""

import dataclasses
import json

import pytest
from fabricated_run import EXPERIMENT, evaluated, fabricate, started, trained
from tiny_run import make_run

from memlab import config
from memlab.errors import UnknownName, UsageError
from memlab.lab import compare, courses
from memlab.lab.memorized import examine, export, measure
from memlab.lab.remembering import open_model


@pytest.fixture
def views(tmp_path):
    first = fabricate(tmp_path / "first", [started(), trained(10, 3.0), evaluated(10, 2.5, 3.5, confident=(0.4, 0.2))])
    second = fabricate(tmp_path / "second", [started(), trained(20, 1.0), evaluated(20, 0.5, 6.0), evaluated(30, 0.25, 7.0)])
    changed = dataclasses.replace(EXPERIMENT, train=dataclasses.replace(EXPERIMENT.train, lr=0.5))
    second.config_path.write_text(json.dumps(config.to_dict(changed)))
    return compare.views_of([first, second])


def test_figures_stand_side_by_side(views):
    facts = compare.facts_of(views)
    assert facts["training loss"] == [2.5, 0.25]
    assert facts["gap"] == [1.0, 6.75]
    assert facts["best validation loss"] == [3.5, 6.0]
    assert facts["training tokens, p > 0.9"] == [0.4, 0.1]
    assert all(len(values) == 2 for values in facts.values())


def test_a_run_without_figures_leaves_its_place_empty(tmp_path, views):
    young = fabricate(tmp_path / "young", [], facts=None)
    facts = compare.facts_of([*views, *compare.views_of([views[0].run, young])[1:]])
    assert facts["N"] == [1000, 1000, None]
    assert facts["gap"][2] is None


def test_each_run_has_one_colour_and_one_glyph(views):
    series = courses.together(courses.numbered(views), courses.Wish()).series
    assert [one.name for one in series] == ["first training", "first validation", "second training", "second validation"]
    assert series[0].color == series[1].color != series[2].color == series[3].color
    assert len({one.glyph for one in series}) == 4, "all four are told apart without colour"


def test_floors_that_all_runs_share_are_named_once_and_others_with_their_run(views):
    views[1].provenance["floors"] = [{"name": "entropy", "loss": 2.0, "how": ""}, {"name": "memorisation", "loss": 0.010633, "how": ""}]
    floors = {floor.name: floor.value for floor in courses.floors_of(views)}
    assert floors == {"entropy floor": 2.0, "1, as stated, first": 1.0, "memorisation floor, second": 0.010633}


def test_just_the_settings_that_differ_are_listed(views):
    assert compare.differences(views) == {"train.lr": [EXPERIMENT.train.lr, 0.5]}


def test_fewer_than_two_runs_and_one_run_twice_are_refused(views):
    first = views[0].run
    with pytest.raises(UsageError, match="name another beside 'first'"):
        compare.views_of([first])
    with pytest.raises(UsageError, match="named twice"):
        compare.views_of([first, first])


# --- what a checkpoint has memorised


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return make_run(home, learn=40), home


def test_passages_are_ranked_by_score_and_then_by_loss(run):
    found = examine(*run, n=20, measures=[])
    for some in (found.training, found.held_out):
        keys = [(-passage.score, passage.loss) for passage in some]
        assert keys == sorted(keys)
    assert {passage.part for passage in found.held_out} == {"validation"}


def test_a_passage_is_the_text_of_its_row(run):
    memory = open_model(*run)
    for passage in examine(*run, n=5, measures=[]).training:
        window = memory.data.train.stream[passage.row * 16 : passage.row * 16 + 17]
        assert passage.prompt + passage.continuation == memory.tokenizer.decode(window)


def test_figures_are_kept_and_read_again(run, monkeypatch):
    first = measure(*run, n=6, measures=["exact"])
    monkeypatch.setattr("memlab.measures.memorisation.exact.measure", lambda material: pytest.fail("it was measured again"))
    assert measure(*run, n=6, measures=["exact"]) == first
    kept = json.loads((run[0].path / "measures" / "exact" / "step-000004.json").read_text())
    assert kept["measured"] == first["exact"]


def test_a_wrong_measure_is_named(run):
    with pytest.raises(UnknownName, match="no measure 'nope'"):
        measure(*run, measures=["nope"])


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_passages_are_exported_whole(run, tmp_path, suffix):
    import pyarrow.parquet as pq

    found, path = examine(*run, n=4, measures=[]), tmp_path / f"passages{suffix}"
    export(found, path)
    rows = pq.read_table(path).to_pylist() if suffix == ".parquet" else [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == [dataclasses.asdict(passage) for passage in (*found.training, *found.held_out)]


def test_another_kind_of_file_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.jsonl or \.parquet"):
        export(examine(*run, n=2, measures=[]), tmp_path / "passages.csv")
