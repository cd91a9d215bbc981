"""Amounts as they are typed: steps through fractions and tokens, and budgets in other units."""

import pytest

from memlab.lab import amounts


@pytest.mark.parametrize(
    ("amount", "down", "up"),
    [
        ("100 %", "10 %", "100 %"),
        ("5 %", "1 %", "10 %"),
        ("0.1 %", "0.1 %", "1 %"),
        ("8,192 tokens", "4,096 tokens", "16,384 tokens"),
        ("10k tokens", "5,000 tokens", "20,000 tokens"),
        ("1 token", "1 tokens", "2 tokens"),
        ("some tokens", "100 %", "100 %"),
        ("all", "10 %", "all"),
    ],
)
def test_fractions_step_through_those_of_the_paper_and_tokens_double(amount, down, up):
    assert (amounts.stepped(amount, up=False), amounts.stepped(amount, up=True)) == (down, up)


@pytest.mark.parametrize(
    ("amount", "whole", "down", "up"),
    [
        ("700", True, "350", "1400"),
        ("1", True, "1", "2"),
        ("10k", True, "5000", "20000"),
        ("2.5", False, "1.25", "5"),
        ("x", True, "x", "x"),
    ],
)
def test_budgets_double_and_halve(amount, whole, down, up):
    assert (amounts.doubled(amount, up=False, whole=whole), amounts.doubled(amount, up=True, whole=whole)) == (down, up)


def test_seeds_go_one_by_one_and_stay_at_0():
    assert (amounts.next_seed("7", up=True), amounts.next_seed("7", up=False), amounts.next_seed("0", up=False)) == ("8", "6", "0")
    assert amounts.next_seed("seven", up=True) == "seven"


def test_whole_numbers_of_any_length_are_read_exactly():
    assert amounts.parse_amount("train.seed", "99999999999999999999", "0", whole=True) == 99999999999999999999
    assert amounts.parse_amount("train.steps", "10k", "0", whole=True) == 10_000


RATES = {"steps": 1.0, "n_tokens": 1024.0, "epochs": 0.126, "minutes": 0.001}


@pytest.mark.parametrize(
    ("amount", "kind", "other", "found"),
    [
        ("5000", "steps", "n_tokens", "5120000"),
        ("5k", "steps", "epochs", "630"),
        ("700", "steps", "epochs", "88.2"),
        ("1M", "n_tokens", "steps", "977"),
        ("0.001", "epochs", "steps", "1"),
        ("2", "minutes", "steps", "2000"),
        ("0", "steps", "epochs", "100"),
        ("many", "steps", "n_tokens", "1M"),
        ("", "minutes", "steps", "1000"),
    ],
)
def test_a_budget_is_as_much_training_in_another_unit(amount, kind, other, found):
    assert amounts.converted(amount, kind, other, RATES) == found
