"""Compilation is tried on a real batch, and its failure costs speed only."""

import functools

import numpy as np
import pytest
import torch

from memlab import config, models
from memlab.training.attention import choose_attention
from memlab.training.compilation import compile_losses
from memlab.training.device import Compute
from memlab.training.losses import TokenLosses

COMPUTE = Compute(device="cpu", device_name="", precision="fp32", threads=1, compile=True)
ROWS = np.arange(32).reshape(2, 16) % 40


def tiny():
    torch.manual_seed(0)
    return TokenLosses(models.build(config.Model(size="nano", context=16), 40).train())


def broken(error):
    def compile_module(module):
        def forward(*inputs):
            raise error

        return forward

    return compile_module


def test_a_compiler_that_fails_leaves_the_losses_as_they_are_and_says_why(monkeypatch):
    monkeypatch.setattr(torch, "compile", broken(RuntimeError("no C++ compiler\nand a long story")))
    losses = tiny()
    assert compile_losses(losses, ROWS, ROWS, COMPUTE) == (losses, "no C++ compiler")


def test_memory_that_is_used_up_is_not_taken_for_a_failure_of_the_compiler(monkeypatch):
    monkeypatch.setattr(torch, "compile", broken(torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(torch.OutOfMemoryError):
        compile_losses(tiny(), ROWS, ROWS, COMPUTE)


@pytest.mark.slow
def test_the_compiled_losses_are_the_same_and_start_without_gradients(monkeypatch):
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))  # all but the minute of C++
    losses = tiny()
    compiled, reason = compile_losses(losses, ROWS, ROWS, COMPUTE)
    assert reason == ""
    assert compiled is not losses
    assert all(weight.grad is None for weight in losses.parameters())
    ids = torch.from_numpy(ROWS)
    with torch.no_grad():
        torch.testing.assert_close(compiled(ids, ids), losses(ids, ids), atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt2", "vanilla", "openelm"])
def test_a_model_compiles_as_one_graph_with_attention_that_needs_no_mask(family):
    model = models.build(config.Model(family=family, size="nano", context=256), 40).train()
    choose_attention(model, COMPUTE, 256)
    kernels = []

    def look(graph, _):
        kernels.extend(node.kwargs for node in graph.graph.nodes if "scaled_dot_product_attention" in str(node.target))
        return graph.forward

    compiled = torch.compile(TokenLosses(model), fullgraph=True, backend=look)
    ids = torch.zeros(2, 256, dtype=torch.long)
    assert compiled(ids, ids).shape == (2, 256)
    assert len(kernels) == 2
    assert all(kernel["is_causal"] and kernel.get("attn_mask") is None for kernel in kernels)
