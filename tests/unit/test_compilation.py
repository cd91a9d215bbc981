"""Compilation is tried on a real batch, and its failure costs speed only."""

import functools

import numpy as np
import pytest
import torch

from memlab import config, models
from memlab.training.compilation import compile_model
from memlab.training.device import Compute

COMPUTE = Compute(device="cpu", device_name="", precision="fp32", threads=1, compile=True)
ROWS = np.arange(32).reshape(2, 16) % 40


def tiny():
    torch.manual_seed(0)
    return models.build(config.Model(size="nano", context=16), 40).train()


def broken(error):
    def compile_model(model):
        def forward(**inputs):
            raise error

        return forward

    return compile_model


def test_a_compiler_that_fails_leaves_the_model_itself_and_says_why(monkeypatch):
    monkeypatch.setattr(torch, "compile", broken(RuntimeError("no C++ compiler\nand a long story")))
    model = tiny()
    assert compile_model(model, ROWS, ROWS, COMPUTE) == (model, "no C++ compiler")


def test_memory_that_is_used_up_is_not_taken_for_a_failure_of_the_compiler(monkeypatch):
    monkeypatch.setattr(torch, "compile", broken(torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(torch.OutOfMemoryError):
        compile_model(tiny(), ROWS, ROWS, COMPUTE)


@pytest.mark.slow
def test_the_compiled_model_computes_the_same_and_starts_without_gradients(monkeypatch):
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))  # all but the minute of C++
    model = tiny()
    compiled, reason = compile_model(model, ROWS, ROWS, COMPUTE)
    assert reason == ""
    assert compiled is not model
    assert all(weight.grad is None for weight in model.parameters())
    ids = torch.from_numpy(ROWS)
    with torch.no_grad():
        torch.testing.assert_close(compiled(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-5, rtol=1e-5)
