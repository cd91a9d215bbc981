"""Runs, presets and plug-ins as plain rows."""

import json

from fabricated_run import EXPERIMENT, evaluated, fabricate

from memlab import config, registry
from memlab.lab.describe import changed_settings
from memlab.lab.listing import budget_words, plugin_rows, preset_rows, run_row, run_rows


def test_a_run_is_one_row_of_what_is_known_of_it(tmp_path):
    rows = [evaluated(0, 4.0, 4.5), evaluated(50, 2.0, 3.0), evaluated(100, 1.0, 3.5)]
    row = run_row(fabricate(tmp_path / "run", rows))
    assert (row["name"], row["state"], row["step"], row["steps"]) == ("run", "finished", 100, 100)
    assert (row["n_params"], row["n_tokens"], row["fraction"], row["n_over_d_squared"]) == (1000, 500, 0.25, 1000 / 500**2)
    assert (row["train_loss"], row["validation_loss"], row["best_validation_loss"]) == (1.0, 3.5, 3.0)
    assert row["losses"] == [4.5, 3.0, 3.5]
    assert (row["problem"], row["path"]) == ("", str(tmp_path / "run"))


def test_no_steps_are_as_many_as_were_planned_once_that_is_known(tmp_path):
    assert run_row(fabricate(tmp_path / "run", [evaluated(0, 4.0, 4.5)], steps=0))["steps"] == 0


def test_a_run_that_has_not_begun_has_the_same_columns(tmp_path):
    begun, waiting = fabricate(tmp_path / "a", [evaluated(0, 4.0, 4.5)]), fabricate(tmp_path / "b", facts=None, steps=0)
    assert run_row(begun).keys() == run_row(waiting).keys()
    assert run_row(waiting)["n_params"] is run_row(waiting)["train_loss"] is run_row(waiting)["steps"] is None


def test_a_run_that_cannot_be_read_is_a_row_that_says_why(tmp_path):
    (tmp_path / "runs").mkdir()
    fabricate(tmp_path / "runs" / "good")
    for name in ("config.json", "state.json", "provenance.json"):
        (fabricate(tmp_path / "runs" / name.partition(".")[0]).path / name).write_text("{")
    rows = {row["name"]: row for row in run_rows(tmp_path)}
    assert rows["good"]["state"] == "finished"
    for name in ("config", "state", "provenance"):
        assert rows[name]["state"] == "unreadable"
        assert f"{name}.json cannot be read" in rows[name]["problem"]


def test_every_preset_has_its_words_and_its_budget():
    rows = preset_rows()
    assert [row["name"] for row in rows] == registry.preset_names()
    assert all(row["experiment"] and row["expect"] and row["budget"] != "no budget" for row in rows)
    assert json.dumps(rows)


def test_every_plug_in_says_what_it_is_and_a_family_its_sizes():
    for kind in ("source", "tokenizer", "family"):
        rows = plugin_rows(kind)
        assert [row["name"] for row in rows] == registry.names(kind)
        assert all(row["summary"] for row in rows)
    assert "nano" in plugin_rows("family")[0]["sizes"]


def test_a_budget_is_said_as_it_was_given():
    budgets = ({"steps": 1500}, {"steps": 0}, {"n_tokens": 2e6}, {"epochs": 2.5}, {"minutes": 10}, {})
    assert [budget_words(config.Train(**budget)) for budget in budgets] == [
        "1,500 steps",
        "0 steps",
        "2e+06 tokens",
        "2.5 epochs",
        "10 minutes",
        "no budget",
    ]


def test_changed_settings_are_those_that_are_not_as_by_default():
    assert changed_settings(config.Experiment()) == []
    assert changed_settings(EXPERIMENT) == [("train.steps", "100"), ("train.min_lr", "1e-05")]
    changed = config.changed(EXPERIMENT, {"data.source_options": {"documents": 5, "seed": 1}, "data.insertions": [{"length": 3}]})
    assert dict(changed_settings(changed))["data.source_options"] == "documents = 5, seed = 1"
    assert ("train.steps", "0") in changed_settings(config.Experiment(train=config.Train(steps=0)))
    assert "data.insertions" in dict(changed_settings(changed))
