"""Losses on fixed rows agree with a plain computation, whatever the padding and the batch, and leave the model as it was."""

import math

import numpy as np
import pytest
import torch

from memlab import config, models
from memlab.data.rows import IGNORED
from memlab.training.device import Compute
from memlab.training.evaluate import evaluate, fixed_rows

CPU = Compute("cpu", "cpu", "fp32", 1, False)
V = 12


class PaddedRows:
    """Rows of unequal length, padded to the longest of those taken and `more`."""

    def __init__(self, lengths, more=0):
        generator = np.random.default_rng(0)
        self.rows = [generator.integers(0, V, length + 1) for length in lengths]
        self.more = more

    def __len__(self):
        return len(self.rows)

    def take(self, indices):
        chosen = [self.rows[index] for index in indices]
        longest = max(map(len, chosen)) - 1 + self.more
        inputs, targets = np.zeros((len(chosen), longest), np.int64), np.full((len(chosen), longest), IGNORED)
        for number, row in enumerate(chosen):
            inputs[number, : len(row) - 1], targets[number, : len(row) - 1] = row[:-1], row[1:]
        return inputs, targets


@pytest.fixture
def model():
    """With dropout, and sure of itself: some of its probabilities are above 0.9."""
    torch.manual_seed(0)
    built = models.build(config.Model(family="vanilla", size="nano", context=16), V)
    with torch.no_grad():
        built.lm_head.weight.mul_(8)
    return built


def plainly(model, rows):
    """Mean -ln p and the share of p > 0.9, row by row without padding, in float64."""
    model.eval()
    p = []
    for row in rows.rows:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor(row[:-1])[None]).logits[0].double()
        p += [logits.softmax(-1)[place, token].item() for place, token in enumerate(row[1:])]
    return -sum(map(math.log, p)) / len(p), sum(value > 0.9 for value in p) / len(p)


@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize("more", [0, 5])
def test_loss_and_confident_share_agree_with_a_plain_computation(model, batch, more):
    rows = PaddedRows([3, 9, 1, 7, 7, 2, 10], more)
    found = evaluate(model, rows, np.arange(7), CPU, batch)
    loss, share = plainly(model, rows)
    assert 0 < share < 1
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert found.confident == pytest.approx(share)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_in_the_mode_that_it_was_in_also_when_stopped_in_the_middle(model, training):
    def stop():
        raise KeyboardInterrupt

    model.train(training)
    evaluate(model, PaddedRows([3, 4]), np.arange(2), CPU, 1)
    assert model.training is training
    with pytest.raises(KeyboardInterrupt):
        evaluate(model, PaddedRows([3, 4]), np.arange(2), CPU, 1, stop)
    assert model.training is training


def test_dropout_is_off_and_no_gradient_is_kept(model):
    model.train()
    first, second = (evaluate(model, PaddedRows([9, 9]), np.arange(2), CPU, 2) for _ in range(2))
    assert first == second
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize(("there", "count"), [(10, 3), (10, 10), (10, 99), (1, 5), (1000, 256), (257, 256)])
def test_fixed_rows_are_as_many_as_asked_for_and_spread_from_first_to_last(there, count):
    found = fixed_rows(range(there), count)
    assert len(found) == min(there, count)
    assert found[0] == 0
    assert found[-1] == (there - 1 if count > 1 else 0)
    assert len(found) == 1 or np.ptp(np.diff(found)) <= 1
