"""torch.compile where it works, and the model as it is where the compiler fails."""

from collections.abc import Callable

import numpy as np
import torch
from transformers import PreTrainedModel

from memlab.training.device import Compute
from memlab.training.evaluate import token_losses
from memlab.training.failure import explain


def compile_model(model: PreTrainedModel, inputs: np.ndarray, targets: np.ndarray, compute: Compute) -> tuple[Callable, str]:
    """The compiled forward pass, tried forward and backward on one batch; or the model itself, and why the compiler failed.

    Memory that is used up is no failure of the compiler and is raised. The model's gradients are None afterwards.
    """
    compiled = torch.compile(model)
    ids, wanted = (compute.tensor(part) for part in (inputs, targets))
    try:
        with compute.autocast():
            loss = token_losses(compiled, ids, wanted).sum()
        loss.backward()
    except RuntimeError as error:  # the base of all that the compiler's stages raise
        if explain(error):
            raise
        return model, str(error).strip().partition("\n")[0]
    finally:
        model.zero_grad(set_to_none=True)
    return compiled, ""
