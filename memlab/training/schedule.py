"""The learning rate as a function of the step, and the budget as a number of steps."""

import math

from memlab.config import Train, require_budget


def learning_rate(step: int, train: Train, decay_steps: int) -> float:
    """The rate of step `step` (from 0): linear warm-up to lr, then decay to min_lr at `decay_steps`, constant afterwards.

    cosine: min_lr + (lr - min_lr)·(1 + cos πu)/2, linear: lr + (min_lr - lr)·u, with u the share of the decay that is done.
    It depends on nothing else, so a run that is extended later has the same rates up to where it stopped before.
    """
    if step < train.warmup:
        return train.lr * (step + 1) / train.warmup
    if train.schedule == "constant":
        return train.lr
    done = min(1.0, (step - train.warmup) / max(1, decay_steps - train.warmup))
    left = (1 + math.cos(math.pi * done)) / 2 if train.schedule == "cosine" else 1 - done
    return train.min_lr + (train.lr - train.min_lr) * left


def ends_at_zero(train: Train) -> bool:
    """Whether nothing is learned any more once the decay is done."""
    return train.schedule != "constant" and train.min_lr == 0


def steps_of_budget(train: Train, tokens_per_row: float, tokens_per_epoch: int, seconds_per_step: float | None) -> int:
    """The budget in optimiser steps: as many as given, 0 too, and at least 1 for any other budget.

    `seconds_per_step` (measured) is needed for a budget in minutes only.
    """
    require_budget(train)
    if train.steps is not None:
        return train.steps
    if train.minutes:
        return max(1, round(train.minutes * 60 / seconds_per_step))
    n_tokens = train.n_tokens if train.n_tokens is not None else train.epochs * tokens_per_epoch
    return max(1, math.ceil(round(n_tokens / (train.batch * tokens_per_row), 6)))  # rounded: whole epochs are whole numbers of steps
