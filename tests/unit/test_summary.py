"""The sentences and figures at the end of a run say what the two curves show, with the control beside each, and no more."""

import pytest
from fabricated_run import FACTS, evaluated, fabricate, started, trained

from memlab.lab.summary import facts, verdict
from memlab.lab.view import RunView


def judged(tmp_path, *rows):
    return verdict(RunView(fabricate(tmp_path / "run", rows)))


def test_many_sure_training_tokens_beside_few_sure_validation_tokens_are_memorised(tmp_path):
    said = judged(tmp_path, evaluated(0, 4.0, 4.0), evaluated(50, 1.0, 3.5), evaluated(100, 0.1, 6.0, (0.98, 0.04)))
    assert said == (
        "It has memorised: 98 % of its training tokens come with p > 0.9, and only 4 % of tokens it never saw; "
        "since its best point the validation loss rose by 2.50."
    )


def test_a_best_point_at_the_end_has_not_risen(tmp_path):
    said = judged(tmp_path, evaluated(0, 4.0, 4.0), evaluated(100, 0.1, 3.0, (0.98, 0.04)))
    assert said.endswith("and only 4 % of tokens it never saw.")


def test_sure_tokens_of_text_that_is_predictable_anyway_are_not_memorised(tmp_path):
    assert "stay together" in judged(tmp_path, evaluated(0, 4.0, 4.0), evaluated(100, 0.30, 0.31, (0.9, 0.9)))


def test_a_small_gap_is_together(tmp_path):
    said = judged(tmp_path, evaluated(0, 4.0, 4.0), evaluated(100, 2.0, 2.1))
    assert said == "Training and validation loss stay together (gap 0.100): what it knows, it knows of unseen text too."


@pytest.mark.parametrize(("span", "what"), [(50, "its spans of 50 tokens"), (0, "its documents")])
def test_held_out_text_that_stands_in_the_training_text_is_no_unseen_text(tmp_path, span, what):
    repeats = {"span": span, "repeated_in_training": 0.9, "validation_in_training": 0.75, "sampled": 1.0}
    facts = {**FACTS, "data": {**FACTS["data"], "repeats": repeats}}
    run = fabricate(tmp_path / "run", [evaluated(0, 4.0, 4.0), evaluated(100, 2.0, 2.1)], facts=facts)
    assert verdict(RunView(run)).endswith(f"unseen text too, though 75 % of {what} stand in the training text as well.")


def test_a_validation_loss_that_turned_is_overfitting(tmp_path):
    said = judged(tmp_path, evaluated(0, 4.0, 4.0), evaluated(50, 2.5, 3.0), evaluated(100, 1.5, 3.3))
    assert said == ("It overfits: the validation loss rose by 0.300 since its best point while the training loss fell on; the gap is 1.80.")


@pytest.mark.parametrize(("last", "turn"), [(3.05, "has risen by no more than 0.0500"), (2.9, "is at its best")])
def test_a_gap_without_a_turn_is_parting(tmp_path, last, turn):
    said = judged(tmp_path, evaluated(0, 4.0, 4.0), evaluated(50, 2.5, 3.0), evaluated(100, 2.0, last))
    assert said == f"The curves part: the gap is {last - 2:.3g} nats per token, but the validation loss {turn}.".replace("0.9 ", "0.900 ")


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [evaluated(0, 4.0, 4.0)],
        [evaluated(0, None, None), evaluated(10, None, None)],
        [evaluated(0, 4.0, 4.0), evaluated(10, None, None)],
    ],
)
def test_too_few_evaluations_say_nothing(tmp_path, rows):
    assert judged(tmp_path, *rows) == "Too few evaluations to say anything yet."


def test_an_evaluation_that_was_not_finite_is_left_out_of_the_verdict(tmp_path):
    assert "stay together" in judged(tmp_path, evaluated(0, 4.0, 4.0), evaluated(50, 2.0, 2.0), evaluated(100, None, None))


def test_the_figures_carry_their_controls(tmp_path):
    rows = [evaluated(0, 4.0, 4.5), evaluated(50, 2.0, 3.0), evaluated(100, 1.0, 3.5, (0.5, 0.25), seconds=75.0)]
    assert facts(RunView(fabricate(tmp_path / "run", rows))) == [
        ("model", "N 1,000 in attention and feed-forward, 1,500 in all"),
        ("data", "D 500 tokens, 25 % of the training part; D/N 0.500"),
        ("seen", "100 steps, 1k tokens, 2.22 epochs, 1 m 15 s"),
        ("training loss", "4.00 at the start, 1.00 at the end (nats per token, on fixed rows)"),
        ("validation loss", "3.00 at best (step 50), 3.50 at the end"),
        ("entropy floor", "2.00  mean of -ln p"),
        ("1, as stated", "1.00  as stated"),
        ("p > 0.9", "50 % of training tokens, 25 % of validation tokens (control)"),
        (
            "repeats",
            "25 % of training spans of 50 tokens stand there more than once, "
            "0 % of validation spans of 50 tokens stand in the training part",
        ),
    ]


def test_a_run_of_no_steps_says_the_losses_of_the_model_as_it_begins(tmp_path):
    view = RunView(fabricate(tmp_path / "run", [started(), evaluated(0, 4.0, 4.5)], steps=0))
    assert verdict(view) == "Nothing was trained: these are the losses of the model as it begins."
    found = dict(facts(view))
    assert (found["training loss"], found["validation loss"]) == ("4.00 (nats per token, on fixed rows)", "4.50")
    assert "seen" not in found


def test_losses_that_were_not_finite_are_called_so(tmp_path):
    found = dict(facts(RunView(fabricate(tmp_path / "run", [evaluated(0, 4.0, None), evaluated(10, None, None)]))))
    assert found["training loss"] == "4.00 at the start, not finite at the end (nats per token, on fixed rows)"
    assert found["validation loss"] == "not finite at the end"


def test_a_run_without_evaluations_has_the_facts_that_are_known(tmp_path):
    assert [name for name, _ in facts(RunView(fabricate(tmp_path / "run")))] == [
        "model",
        "data",
        "entropy floor",
        "1, as stated",
        "repeats",
    ]


def test_a_run_that_has_hardly_learned_is_not_praised_for_curves_that_stay_together(tmp_path):
    said = judged(tmp_path, evaluated(0, 9.0, 9.0), evaluated(200, 8.0, 8.1))
    assert said == "It has hardly begun to learn: its training loss has only come from 9.00 to 8.00."


def test_a_run_shorter_than_its_warm_up_says_so(tmp_path):
    said = judged(tmp_path, evaluated(0, 9.0, 9.0), evaluated(50, 8.0, 8.1))
    assert said.endswith("All of its steps belong to the warm-up of the learning rate, which takes 100.")


def test_a_run_stopped_between_evaluations_says_what_it_has_seen_and_when_it_was_measured(tmp_path):
    rows = [evaluated(0, 4.0, 4.0), evaluated(50, 2.0, 3.0), trained(60, 1.9, seconds=9.0)]
    shown = dict(facts(RunView(fabricate(tmp_path / "run", rows))))
    assert shown["seen"].startswith("60 steps, 600 tokens")
    assert shown["validation loss"] == "3.00 at best (step 50), 3.00 at step 50, last evaluated"


@pytest.mark.parametrize(("loss", "entropy", "is_said"), [(0.32, 0.998, True), (0.97, 0.998, False), (0.32, 2.0, False)])
def test_a_loss_below_the_stated_bound_is_said_to_be_so_where_the_bound_is_the_entropy(tmp_path, loss, entropy, is_said):
    floors = [{"name": "entropy", "loss": entropy, "how": ""}, {"name": "1, as stated", "loss": 1.0, "how": ""}]
    run = fabricate(tmp_path / "run", [evaluated(0, 4.0, 4.0), evaluated(100, loss, 2.3, (0.8, 0.6))], facts={**FACTS, "floors": floors})
    said = "lies below 1, the lower bound that the paper states" in verdict(RunView(run))
    assert said is is_said
