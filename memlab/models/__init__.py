"""Models: named sizes of each family, built, counted as the paper counts, saved and loaded. Importing this package loads no torch."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab import config, registry
from memlab.errors import ConfigError, RunError, UnknownName, did_you_mean

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel


def size_of(model: config.Model) -> dict[str, Any]:
    """The named size with the configuration's options applied. Raises UnknownName or ConfigError with the nearest right word.

    Of a family that takes any model (ANY_SIZE) a size is that model's name or directory, without options.
    """
    constants = registry.describe("family", model.family).constants
    if "ANY_SIZE" in constants:
        if model.options:
            raise ConfigError(f"model.options sets {', '.join(model.options)}, but family '{model.family}' takes a model as it is")
        return {"name": model.size}
    sizes = constants["SIZES"]
    if model.size not in sizes:
        raise UnknownName(f"family '{model.family}' has no size '{model.size}'{did_you_mean(model.size, sizes)}")
    size = dict(sizes[model.size])
    for key, value in model.options.items():
        if key not in size:
            raise ConfigError(
                f"no setting 'model.options.{key}'{did_you_mean(f'model.options.{key}', [f'model.options.{known}' for known in size])}"
            )
        size[key] = _option(f"model.options.{key}", value, size[key])
    _check_shape(size)
    return size


def settle(model: config.Model) -> config.Model:
    """The same with the whole path of a directory that is its size: a trainer works in another one."""
    path = os.path.abspath(os.path.expanduser(model.size))
    takes_any = "ANY_SIZE" in registry.describe("family", model.family).constants
    return dataclasses.replace(model, size=path) if takes_any and os.path.isdir(path) else model


def configure(model: config.Model, vocab_size: int) -> PreTrainedConfig:
    """The architecture of `build` without its weights; transformers' names for its sizes hold, such as hidden_size."""
    return registry.load("family", model.family).configure(size_of(model), vocab_size, model.context)


def build(model: config.Model, vocab_size: int) -> PreTrainedModel:
    """A model in float32: new, with weights from torch's current random state, or with those that its family loads."""
    from transformers import AutoModelForCausalLM

    configuration = configure(model, vocab_size)
    load_weights = getattr(registry.load("family", model.family), "load", None)
    return load_weights(size_of(model), configuration) if load_weights else AutoModelForCausalLM.from_config(configuration)


def count_parameters(model: PreTrainedModel) -> tuple[int, int]:
    """(N, total): N as the paper counts it, attention and feed-forward only (about 12·l·d_emb²), and every parameter, tied ones once.

    N are the parameters of the parts of every block that are not norms; embeddings, positions and the output layer are not in a block.
    A norm within a part, as of queries and keys, belongs to it. Raises ConfigError for a model that is no stack of blocks.
    """
    parts = [part for block in blocks(model) for part in block.children() if "norm" not in type(part).__name__.lower()]
    counted = {weight: weight.numel() for part in parts for weight in part.parameters()}  # each once, if blocks share it
    return sum(counted.values()), sum(weight.numel() for weight in model.parameters())


def count_without_weights(model: config.Model, vocab_size: int) -> tuple[int, int]:
    """`count_parameters` of a model that is never given memory."""
    import torch
    from transformers import AutoModelForCausalLM

    configuration = configure(model, vocab_size)
    with torch.device("meta"):
        return count_parameters(AutoModelForCausalLM.from_config(configuration))


def blocks(model: PreTrainedModel) -> nn.ModuleList:
    """The blocks in order: the outermost list of as many modules as the configuration has layers.

    Raises ConfigError where there is none.
    """
    from torch import nn

    n_layer = model.config.get_text_config().num_hidden_layers
    lists = (module for module in model.base_model.modules() if isinstance(module, nn.ModuleList) and len(module) == n_layer)
    blocks = next(lists, None)
    if blocks is None:
        raise ConfigError(
            f"the attention and feed-forward parameters of {type(model).__name__} cannot be counted: it has no list of blocks"
        )
    return blocks


def has_plain_output(model: PreTrainedModel) -> bool:
    """Whether the logits are what the output layer makes of the last hidden state: some models scale or cap them afterwards."""
    import torch

    head, ids = model.get_output_embeddings(), torch.tensor([[0, 1]], device=model.device)
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            last = model.base_model(input_ids=ids).last_hidden_state
            return head is not None and torch.equal(head(last), model(input_ids=ids).logits)
    finally:
        model.train(was_training)


def load(folder: Path) -> PreTrainedModel:
    """A saved model of any family. Safetensors only; no code from the directory is run.

    Raises RunError where there is none, or where its files are damaged or do not hold exactly its weights.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        table = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = table["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder} holds no model: {error}") from None
    if kernel := foreign_kernel(table):
        raise RunError(f"{folder} asks for the code '{kernel}' of the Hugging Face Hub, and memlab runs no code of others")
    introduce(kind)
    strict = {"use_safetensors": True, "local_files_only": True, "trust_remote_code": False}
    advice = "remove it to go on from an earlier checkpoint"
    try:
        model, report = AutoModelForCausalLM.from_pretrained(folder, **strict, output_loading_info=True, ignore_mismatched_sizes=True)
    except (OSError, SafetensorError, ValueError, RuntimeError, ImportError) as error:
        raise RunError(f"{folder} cannot be loaded: {str(error).partition(chr(10))[0]}; {advice}") from None
    wrong = [str(name) for names in report.values() for name in names]  # transformers would go on with random weights
    if wrong:
        raise RunError(f"{folder} cannot be loaded: {len(wrong)} weights are missing, unknown or misshapen, as {min(wrong)}; {advice}")
    return model


def foreign_kernel(table: Any) -> str:
    """The compiled code on the Hub that a configuration names, anywhere in it, in place of transformers' own attention; else nothing."""
    if not isinstance(table, Mapping):
        return ""
    named = (str(value) for key, value in table.items() if key.endswith("implementation") and "/" in str(value))
    return next(named, "") or next(filter(None, map(foreign_kernel, table.values())), "")


def introduce(model_type: str) -> None:
    """Make a type of model known to transformers where a family of our own defines it: that happens when it is imported."""
    for name in registry.names("family"):
        if registry.describe("family", name).constants.get("MODEL_TYPE") == model_type:
            registry.load("family", name)


def _option(name: str, value: Any, before: Any) -> Any:
    """A changed part of a size, of the same kind as before: a count from 1 on, one of these a layer, or a number that is not negative."""
    if isinstance(before, tuple):
        return tuple(_option(name, item, before[0]) for item in (value if isinstance(value, list | tuple) else [value]))
    kind = type(before)
    value = config.convert(kind, value, name)
    least, most = (1, math.inf) if kind is int else (0, 1 if name.endswith("dropout") else math.inf)
    if not least <= value <= most:
        raise ConfigError(f"{name} is {value}; it must be {f'at least {least}' if most == math.inf else 'a share in [0, 1]'}")
    return value


def _check_shape(size: dict[str, Any]) -> None:
    """Raise ConfigError where n_head heads cannot share the width, or where numbers that are given layer by layer are not one a layer."""
    if size["n_embd"] % size.get("n_head", 1):
        raise ConfigError(f"model.options: n_embd is {size['n_embd']} and n_head is {size['n_head']}; the heads must divide the width")
    for key, value in size.items():
        if isinstance(value, tuple) and len(value) != size["n_layer"]:
            raise ConfigError(f"model.options: n_layer is {size['n_layer']} and {key} has {len(value)} numbers; give one a layer")
