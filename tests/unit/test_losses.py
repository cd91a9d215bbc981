"""The loss of every token is the same whether the logits come whole or a piece at a time, and so is its gradient."""

import pytest
import torch
from torch.nn import functional

from memlab import config, models
from memlab.data.rows import IGNORED
from memlab.training import losses
from memlab.training.losses import TokenLosses

V, B, T = 37, 3, 11


def rows():
    torch.manual_seed(1)
    inputs, targets = torch.randint(0, V, (B, T)), torch.randint(0, V, (B, T))
    targets[1, 5:] = IGNORED
    return inputs, targets


@pytest.mark.parametrize("family", ["gpt2", "vanilla", "openelm"])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_losses_and_their_gradients_are_those_of_whole_logits(family, chunked, monkeypatch):
    monkeypatch.setattr(losses, "_CHUNK", 7)  # no divisor of B·T
    torch.manual_seed(0)
    model = models.build(config.Model(family=family, size="nano", context=T, options={"dropout": 0.0}), V)
    inputs, targets = rows()
    plain = functional.cross_entropy(model(input_ids=inputs).logits.transpose(1, 2), targets, ignore_index=IGNORED, reduction="none")
    plain.sum().backward()
    expected = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    found = TokenLosses(model, chunked)(inputs, targets)
    found.sum().backward()
    torch.testing.assert_close(found, plain)
    assert (found[1, 5:] == 0).all()
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.grad, expected[name], rtol=1e-4, atol=1e-6)
