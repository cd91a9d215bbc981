"""Hidden states: the vectors that a model holds at every position, before and after each of its blocks.

They are the patterns and the queries of the associative memory. A state that is computed again in another batch differs by about 1e-6 of
its length, since sums are then taken in another order.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from memlab import models
from memlab.errors import UnknownName, UsageError, did_you_mean

NORM = "norm"


def layer_names(model: PreTrainedModel) -> list[str]:
    """What the layers of a model are called: 0, what enters the first block; 1 … l, what each block leaves; norm, the last one normalised.

    `norm` is the state after the final LayerNorm, from which the logits are made; a post-norm model has none. transformers'
    `hidden_states` hold it in place of the last block's own output.
    """
    names = [str(number) for number in range(len(models.blocks(model)) + 1)]
    ids = torch.tensor([[0, 1]], device=model.device)
    found = hidden_states(model, ids, [names[-1], NORM])
    return names if torch.equal(found[names[-1]], found[NORM]) else [*names, NORM]


def describe_layer(name: str, names: Sequence[str]) -> str:
    """A layer in words, such as `block 3 of 6`."""
    n_blocks = sum(known != NORM for known in names) - 1
    return {"0": "what enters block 1", NORM: "after the final LayerNorm"}.get(name, f"after block {name} of {n_blocks}")


def choose_layers(words: str, names: Sequence[str]) -> list[str]:
    """The layers that `all` or a list such as `0,6,12` means, in the order of the model. -1 is the last block. Raises UnknownName."""
    if words == "all":
        return list(names)
    counted = [name for name in names if name != NORM]
    wanted = [word.strip() for word in words.split(",") if word.strip()]
    if not wanted:
        raise UsageError(f"layers are '{words}'; give all, or numbers such as {names[0]},{counted[-1]}")
    wanted = [
        counted[int(word)] if word.startswith("-") and word[1:].isdecimal() and int(word) >= -len(counted) else word for word in wanted
    ]
    for word in wanted:
        if word not in names:
            raise UnknownName(f"the model has no layer '{word}'{did_you_mean(word, list(names))}")
    return [name for name in names if name in wanted]


def hidden_states(model: PreTrainedModel, inputs: Tensor, names: Sequence[str], mask: Tensor | None = None) -> dict[str, Tensor]:
    """The states of some layers at every position: inputs (B, T) -> by name (B, T, C), float32, on the model's device.

    Causal models need no mask, for what is padded stands behind; encoders take one (B, T), 1 where there is a token.
    """
    with torch.no_grad(), _caught(model) as states:
        given = {} if mask is None else {"attention_mask": mask}
        output = model.base_model(input_ids=inputs, **given)
    states[NORM] = output.last_hidden_state
    return {name: states[name].float() for name in names}


def widths(model: PreTrainedModel, names: Sequence[str]) -> dict[str, int]:
    """C of each layer."""
    ids = torch.tensor([[0, 1]], device=model.device)
    return {name: state.shape[-1] for name, state in hidden_states(model, ids, names).items()}


@contextlib.contextmanager
def _caught(model: PreTrainedModel) -> Iterator[dict[str, Tensor]]:
    """What enters the first block, under 0, and what each block leaves, as the model runs."""
    states: dict[str, Tensor] = {}
    blocks = models.blocks(model)

    def before(module: Any, arguments: tuple, keywords: dict) -> None:
        states["0"] = arguments[0] if arguments else keywords["hidden_states"]

    def after(name: str) -> Any:
        def catch(module: Any, arguments: tuple, output: Any) -> None:
            states[name] = output[0] if isinstance(output, tuple) else output

        return catch

    hooks = [blocks[0].register_forward_pre_hook(before, with_kwargs=True)]
    hooks += [block.register_forward_hook(after(str(number))) for number, block in enumerate(blocks, 1)]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()
