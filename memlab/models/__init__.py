"""Models: named sizes of each family, built, counted as the paper counts, saved and loaded. Importing this package loads no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab import config, registry
from memlab.errors import ConfigError, RunError, UnknownName, did_you_mean

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def size_of(model: config.Model) -> dict[str, Any]:
    """The named size with the configuration's options applied. Raises UnknownName or ConfigError with the nearest right word."""
    sizes = registry.describe("family", model.family).constants["SIZES"]
    if model.size not in sizes:
        raise UnknownName(f"family '{model.family}' has no size '{model.size}'{did_you_mean(model.size, sizes)}")
    size = sizes[model.size]
    for key, value in model.options.items():
        if key not in size:
            raise ConfigError(f"no setting 'model.options.{key}'{did_you_mean(key, size)}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or (isinstance(size[key], int) and not isinstance(value, int)) or value < 0:
            raise ConfigError(
                f"model.options.{key} is {value!r}; it must be {'a whole number' if isinstance(size[key], int) else 'a number'}"
            )
    size = {**size, **model.options}
    if size["n_embd"] % size["n_head"]:
        raise ConfigError(f"model.options: n_embd is {size['n_embd']} and n_head is {size['n_head']}; the heads must divide the width")
    return size


def build(model: config.Model, vocab_size: int) -> PreTrainedModel:
    """A new model with weights from torch's current random state."""
    return registry.load("family", model.family).build(size_of(model), vocab_size, model.context)


def count_parameters(model: PreTrainedModel, family: str) -> tuple[int, int]:
    """(N, total): N as the paper counts it, attention and feed-forward only (about 12·l·d_emb²), and every parameter, tied ones once."""
    parts = registry.describe("family", family).constants["ATTENTION_AND_FEED_FORWARD"]
    counted = [(name, weight.numel()) for name, weight in model.named_parameters()]
    return sum(n for name, n in counted if set(parts) & set(name.split("."))), sum(n for _, n in counted)


def count_without_weights(model: config.Model, vocab_size: int) -> tuple[int, int]:
    """`count_parameters` of a model that is never given memory."""
    import torch

    with torch.device("meta"):
        return count_parameters(build(model, vocab_size), model.family)


def load(folder: Path) -> PreTrainedModel:
    """A saved model of any family of memlab's. Safetensors only; no code from the directory is run."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder} holds no model: {error}") from None
    for name in registry.names("family"):  # a family of our own makes itself known to transformers when it is imported
        if registry.describe("family", name).constants.get("MODEL_TYPE") == kind:
            registry.load("family", name)
    return AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, local_files_only=True, trust_remote_code=False)
