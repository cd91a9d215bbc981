"""torch.compile where it works, and the model as it is where the compiler fails."""

import numpy as np
import torch
from torch import nn

from memlab.training.device import Compute
from memlab.training.failure import explain


def compile_losses(losses: nn.Module, inputs: np.ndarray, targets: np.ndarray, compute: Compute) -> tuple[nn.Module, str]:
    """TokenLosses compiled, tried forward and backward on one batch; or as they are, and why the compiler failed.

    Memory that is used up is no failure of the compiler and is raised. The gradients are None afterwards.
    """
    compiled = torch.compile(losses)
    ids, wanted = (compute.tensor(part) for part in (inputs, targets))
    try:
        with compute.autocast():
            loss = compiled(ids, wanted).sum()
        loss.backward()
    except RuntimeError as error:  # the base of all that the compiler's stages raise
        if explain(error):
            raise
        return losses, str(error).strip().partition("\n")[0]
    finally:
        losses.zero_grad(set_to_none=True)
    return compiled, ""
