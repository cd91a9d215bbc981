"""Models: named sizes of each family, built, counted as the paper counts, saved and loaded. Importing this package loads no torch."""

from __future__ import annotations

import json
import math
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
    size = dict(sizes[model.size])
    for key, value in model.options.items():
        if key not in size:
            raise ConfigError(
                f"no setting 'model.options.{key}'{did_you_mean(f'model.options.{key}', [f'model.options.{known}' for known in size])}"
            )
        size[key] = _option(f"model.options.{key}", value, type(size[key]))
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
    """A saved model of any family of memlab's. Safetensors only; no code from the directory is run.

    Raises RunError where there is none, or where its files are damaged or do not hold exactly its weights.
    """
    from safetensors import SafetensorError
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
    strict = {"use_safetensors": True, "local_files_only": True, "trust_remote_code": False}
    advice = "remove it to go on from an earlier checkpoint"
    try:
        model, report = AutoModelForCausalLM.from_pretrained(folder, **strict, output_loading_info=True, ignore_mismatched_sizes=True)
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise RunError(f"{folder} cannot be loaded: {str(error).partition(chr(10))[0]}; {advice}") from None
    wrong = [str(name) for names in report.values() for name in names]  # transformers would go on with random weights
    if wrong:
        raise RunError(f"{folder} cannot be loaded: {len(wrong)} weights are missing, unknown or misshapen, as {min(wrong)}; {advice}")
    return model


def _option(name: str, value: Any, kind: type) -> Any:
    """A changed part of a size, of the same kind as before: a count from 1 on, or a number that is not negative."""
    value = config.convert(kind, value, name)
    least, most = (1, math.inf) if kind is int else (0, 1 if name.endswith("dropout") else math.inf)
    if not least <= value <= most:
        raise ConfigError(f"{name} is {value}; it must be {f'at least {least}' if most == math.inf else 'a share in [0, 1]'}")
    return value
