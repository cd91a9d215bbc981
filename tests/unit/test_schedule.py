"""The learning rate is a closed form of the step, and every kind of budget becomes a number of steps."""

import math

import pytest

from memlab.config import Train
from memlab.errors import ConfigError
from memlab.training.schedule import ends_at_zero, learning_rate, steps_of_budget


def test_the_warm_up_rises_linearly_to_the_peak_in_its_last_step():
    train = Train(steps=100, lr=2.0, warmup=4)
    assert [learning_rate(step, train, 100) for step in range(4)] == [0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize(("schedule", "middle"), [("cosine", 1.1), ("linear", 1.1)])
def test_a_decay_goes_from_the_peak_over_the_middle_to_the_end_and_stays_there(schedule, middle):
    train = Train(steps=110, lr=2.0, min_lr=0.2, warmup=10, schedule=schedule)
    rates = [learning_rate(step, train, 110) for step in (10, 60, 110, 111, 10_000)]
    assert rates == pytest.approx([2.0, middle, 0.2, 0.2, 0.2])


def test_the_decays_are_half_a_cosine_and_a_straight_line():
    for step in range(100):
        share = step / 100
        cosine = learning_rate(step, Train(steps=100, lr=1.0, min_lr=0.1, warmup=0), 100)
        linear = learning_rate(step, Train(steps=100, lr=1.0, min_lr=0.1, warmup=0, schedule="linear"), 100)
        assert cosine == pytest.approx(0.1 + 0.9 * math.cos(math.pi / 2 * share) ** 2)
        assert linear == pytest.approx(1.0 - 0.9 * share)


def test_a_constant_rate_stays_at_the_peak_after_the_warm_up():
    train = Train(steps=10, lr=0.5, min_lr=0.1, warmup=2, schedule="constant")
    assert [learning_rate(step, train, 10) for step in (1, 2, 9, 1000)] == [0.5] * 4


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("warmup", [0, 7, 500])
def test_a_run_that_is_extended_has_the_same_rates_up_to_where_it_stopped(schedule, warmup):
    short = Train(steps=100, warmup=warmup, schedule=schedule, min_lr=1e-5)
    long = Train(steps=300, warmup=warmup, schedule=schedule, min_lr=1e-5)
    assert [learning_rate(step, long, 100) for step in range(100)] == [learning_rate(step, short, 100) for step in range(100)]


def test_a_decay_to_nothing_is_known_as_such():
    assert ends_at_zero(Train())
    assert not ends_at_zero(Train(min_lr=1e-6))
    assert not ends_at_zero(Train(schedule="constant"))


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        ({"steps": 7}, 7),
        ({"steps": 0}, 0),
        ({"n_tokens": 8 * 5 * 3}, 3),  # 8 rows of 5 tokens a step
        ({"n_tokens": 8 * 5 * 3 + 1}, 4),
        ({"n_tokens": 1}, 1),
        ({"n_tokens": 1e-5}, 1),
        ({"epochs": 2}, 25),  # 100 rows, 8 at a time
        ({"epochs": 0.01}, 1),
        ({"minutes": 0.5}, 60),  # half a second a step
        ({"minutes": 1e-9}, 1),
    ],
)
def test_a_budget_is_enough_steps_for_what_was_asked(budget, steps):
    assert steps_of_budget(Train(batch=8, **budget), tokens_per_row=5.0, tokens_per_epoch=500, seconds_per_step=0.5) == steps


def test_a_missing_budget_is_an_error_that_names_the_choices():
    with pytest.raises(ConfigError, match=r"train\.steps, train\.n_tokens, train\.epochs and train\.minutes"):
        steps_of_budget(Train(), 5.0, 500, 0.5)
