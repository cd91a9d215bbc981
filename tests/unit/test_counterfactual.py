"""Counterfactual memorisation: with and without are told by what each run was trained on, and a split drawn at random tells nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fabricated_run import EXPERIMENT
from tiny_run import make_run, run_on
from typer.testing import CliRunner

from memlab import config
from memlab.cli.app import app
from memlab.data.rows import IGNORED
from memlab.errors import DataError, UsageError
from memlab.lab import counterfactual as lab
from memlab.lab.remembering import open_model
from memlab.measures import resampling
from memlab.measures.counterfactual import beyond, cut, effects, rows_of, tokens_trained_on, within
from memlab.measures.estimates import rate, share

pytestmark = pytest.mark.slow

TEXT = config.Data(
    source="uniform",
    source_options={"documents": 48, "length": 12, "vocabulary": 40, "validation_documents": 48},
    tokenizer="word",
    rows="documents",
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Four runs on both halves of two divisions of one text, all of which they know by heart; and their home."""
    home = tmp_path_factory.mktemp("home")
    asked = lab.halves("tiny", replace(EXPERIMENT, data=TEXT), "", 4)
    return [run_on(home, f"half-{number}", one.experiment.data, learn=80) for number, one in enumerate(asked)], home


def test_each_document_is_in_half_of_the_models_and_every_model_has_its_own_seed(models):
    seen = np.stack([tokens_trained_on(open_model(run, models[1]).data) > 0 for run in models[0]])
    assert (seen.sum(0) == 2).all()
    assert 0 < (seen[0] & seen[2]).sum() < seen[0].sum(), "the two divisions differ"
    asked = lab.halves("tiny", EXPERIMENT, "", 6)
    assert len({one.experiment.train.seed for one in asked}) == 6
    assert {(one.experiment.data.subset_seed, one.experiment.data.subset_part) for one in asked} == {
        (s, p) for s in range(3) for p in range(2)
    }


@pytest.mark.parametrize("n_models", [2, 5])
def test_halves_come_in_pairs(n_models):
    with pytest.raises(UsageError, match=f"--models is {n_models}; it must be an even number of at least 4"):
        lab.halves("tiny", EXPERIMENT, "", n_models)


@pytest.mark.parametrize("rows", ["windows", "documents"])
@pytest.mark.parametrize("how", [{}, {"tokens": 333}, {"subset_share": 0.5, "subset_part": 1, "tokens": 200}, {"order": "random"}])
def test_what_a_run_is_trained_on_is_what_its_rows_predict(tmp_path, rows, how):
    """Every token of the rows, found again in the documents."""
    memory = open_model(make_run(tmp_path, "tiny", rows, 0, **how), tmp_path)
    train, tokens = memory.data.train, memory.data.corpus.tokens("train")
    seen = np.zeros(len(tokens), int)
    if rows == "documents":
        for row in range(len(train)):
            seen[train.origin(row)[0]] = train.lengths[row]
    else:
        ends = (len(train) - 1) * (1 if how.get("order") else train.context) + train.context
        documents, offsets = train.stream.locate(np.arange(ends + 1))
        np.maximum.at(seen, documents, offsets + 1)
    assert tokens_trained_on(memory.data).tolist() == seen.tolist()


def test_documents_are_cut_into_pieces_that_make_them_up():
    lengths, documents = np.array([7, 3, 9, 1]), np.array([0, 2, 3])
    pieces = cut(lengths, documents, 4, only_first=False)
    assert list(zip(pieces.documents, pieces.starts, pieces.stops, strict=True)) == [(0, 0, 4), (0, 4, 7), (2, 0, 4), (2, 4, 8)]
    assert cut(lengths, documents, 4, only_first=True).stops.tolist() == [4, 4]
    assert within(pieces, np.array([4, 0, 6, 0])).tolist() == [1, 0, 1, -1]


def test_a_piece_is_asked_after_the_token_before_it(models):
    memory = open_model(models[0][0], models[1])
    tokens = memory.data.corpus.tokens("train")
    inputs, targets = rows_of(cut(np.array([13, 13]), np.array([1]), 8, only_first=False), tokens, 99)
    text = tokens[1].tolist()
    assert targets[0].tolist() == text[:8]
    assert inputs[0].tolist() == [99, *text[:7]]
    assert targets[1].tolist() == [*text[8:], *[IGNORED] * 3]
    assert inputs[1, :5].tolist() == text[7:12]


def test_the_effect_is_the_difference_of_means_with_the_standard_error_over_models():
    generator = np.random.default_rng(0)
    accuracies, member = generator.random((6, 4)), np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 0, -1], [0, 1, 1]])
    found = effects(accuracies[:, :3], member)
    for number in range(3):
        ins, outs = (accuracies[member[:, number] == kind, number] for kind in (1, 0))
        assert found.value[number] == pytest.approx(ins.mean() - outs.mean())
        assert found.error[number] == pytest.approx(np.sqrt(ins.var(ddof=1) / len(ins) + outs.var(ddof=1) / len(outs)))


def test_chance_is_seldom_told_apart_from_chance_where_passages_of_one_document_hang_together(monkeypatch):
    monkeypatch.setattr(resampling, "RESAMPLES", 200)
    generator, documents = np.random.default_rng(8), np.repeat(np.arange(20), 10)
    told = {"documents": 0, "as it was": 0}
    for number in range(100):
        training, control = (generator.normal(size=20)[documents] + 0.2 * generator.normal(size=200) for _ in range(2))
        told["documents"] += beyond(training, documents, control, documents, number).is_told
        told["as it was"] += rate(int((training > np.quantile(control, 0.975)).sum()), 200).low > 0.025
    assert told["documents"] <= 6
    assert told["as it was"] > 15


def test_the_bound_is_found_anew_in_each_resample():
    generator = np.random.default_rng(3)
    training, control = generator.normal(2, 1, 60), generator.normal(0, 1, 40)
    documents, others = np.arange(60) // 5, np.arange(40) // 5
    found = beyond(training, documents, control, others, 7)
    drawn, other_drawn, shares = np.random.default_rng(7), np.random.default_rng(8), []
    for _ in range(resampling.RESAMPLES):
        some = np.concatenate([training[documents == one] for one in drawn.integers(0, 12, 12)])
        bound = np.quantile(np.concatenate([control[others == one] for one in other_drawn.integers(0, 8, 8)]), 0.975)
        shares.append((some > bound).mean())
    low, high = resampling.percentiles(np.array(shares), 8)
    assert (found.share.low, found.share.high) == pytest.approx((low, high))
    given = share(training > found.bound, 7, documents)
    assert found.share.high - found.share.low > given.high - given.low
    assert found.control == (control > np.quantile(control, 0.975)).mean()
    assert found.is_told


def test_of_a_control_with_ties_less_lies_above_than_its_quantile_says():
    control = np.repeat([0.0, 0.5], [90, 10])
    found = beyond(np.full(50, 0.5), np.arange(50) // 5, control, np.arange(100) // 5)
    assert (found.bound, found.control, found.share.value, found.share.low) == (0.5, 0.0, 0.0, 0.0)
    assert not found.is_told


def test_what_only_training_can_teach_shows_and_a_drawn_split_does_not(models):
    found = lab.counterfactual(*models)
    assert len(found.training) == 48
    training, control = found.mean["training"].value, found.mean["held_out"].value
    assert training.low > 0.3
    assert control.low < 0 < control.high
    assert abs(control.value) < 0.05
    assert found.above.low > 0.5
    assert found.is_beyond_chance
    assert found.control_above <= 0.05
    assert found.n_documents == {"training": 48, "held_out": 48}
    assert [passage.value for passage in found.training] == sorted((passage.value for passage in found.training), reverse=True)
    best = found.training[0]
    assert (best.n_with, best.n_without) == (2, 2)
    assert best.value == pytest.approx(best.with_it - best.without)
    assert not found.has_fixed_windows


def test_what_the_models_predict_is_kept_and_follows_the_passages(models, monkeypatch):
    first = lab.counterfactual(*models)
    monkeypatch.setattr(lab, "load_checkpoint", lambda *_: pytest.fail("a model was asked again"))
    assert lab.counterfactual(*models) == first
    with pytest.raises(pytest.fail.Exception, match="asked again"):
        lab.counterfactual(*models, n=10)


def test_runs_that_tell_nothing_apart_are_refused(models, tmp_path_factory):
    runs, home = models
    whole = [run_on(home, f"whole-{number}", TEXT, learn=0) for number in range(2)]
    with pytest.raises(DataError, match="no passage is in 2 of these runs and missing in 2"):
        lab.counterfactual(whole, home)
    with pytest.raises(UsageError, match="a run is named twice"):
        lab.counterfactual([*runs, runs[0]], home)
    other = run_on(home, "other", replace(TEXT, source_options={**TEXT.source_options, "seed": 1}), learn=0)
    with pytest.raises(UsageError, match="run 'other' has another text than 'half-0'"):
        lab.counterfactual([*runs, other], home)


def test_the_command_takes_runs_and_shows_the_control(models):
    names = [run.name for run in models[0]]

    def call(*words):
        return CliRunner().invoke(app, ["--home", str(models[1]), "counterfactual", *words], catch_exceptions=True)

    said = call(*names, "--top", "3").stdout
    assert "held-out text, the control" in said
    assert "Memorised beyond chance" in said
    found = json.loads(call(*names, "--json").stdout)
    assert found["runs"] == names
    assert len(found["training"]) == len(found["held_out"]) == 48


def test_models_that_learned_nothing_are_said_to_be_chance(tmp_path):
    asked = lab.halves("tiny", replace(EXPERIMENT, data=TEXT), "", 4)
    runs = [run_on(tmp_path, f"half-{number}", one.experiment.data, learn=0) for number, one in enumerate(asked)]
    words = ["--home", str(tmp_path), "counterfactual", *(run.name for run in runs), "--top", "0"]
    said = " ".join(CliRunner().invoke(app, words, catch_exceptions=False).stdout.split())
    assert "Memorisation cannot be told apart from chance: 0.0% (0.0% to" in said
    assert "48 passages of training text from 48 documents" in said


def test_too_few_runs_are_refused(models):
    names = [run.name for run in models[0]]

    def call(*words):
        return CliRunner().invoke(app, ["--home", str(models[1]), "counterfactual", *words], catch_exceptions=True)

    with pytest.raises(UsageError, match="2 runs are too few"):
        raise call(*names[:2]).exception
