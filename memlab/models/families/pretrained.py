"""Any causal language model, by name or directory: to train it on, or only inspect it (train.steps=0).

`model.size` is a model's name on the Hugging Face Hub, as `gpt2-medium`, or the directory of a saved one, a run's checkpoint for example.
Only its configuration and its safetensors are loaded, as float32, whatever they are stored as; no pickle, and no code but transformers'.
Dropout is what its configuration says. The tokenizer is not taken from it: data.tokenizer must be the one that it was trained with.
"""

import os
import shlex
from pathlib import Path

import torch
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel, __version__
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import logging

from memlab import models
from memlab.errors import ConfigError
from memlab.online import online

SIZES = {}
ANY_SIZE = "a model's name on the Hugging Face Hub, or the directory of a saved one"

os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"  # else transformers asks the Hub to convert a model that has pickles only


def configure(size: dict, vocab_size: int, context: int) -> PreTrainedConfig:
    """The model's own configuration. Raises ConfigError where it cannot be had, is no causal language model's, or does not fit the run."""
    name = size["name"]
    is_here = Path(name).is_dir()
    if not is_here:
        _check_name(name)
    with online(needed=not is_here):
        configuration = _read(name)
    _check_kind(name, configuration)
    positions = getattr(configuration, "max_position_embeddings", None)
    if positions and context > positions:
        raise ConfigError(f"model.context is {context}, but '{name}' has positions for {positions} tokens; choose at most as many")
    if vocab_size > configuration.vocab_size:
        raise ConfigError(
            f"the tokenizer has {vocab_size} tokens, but '{name}' knows {configuration.vocab_size}; "
            "choose the data.tokenizer that it was trained with"
        )
    configuration.use_cache = False
    configuration.dtype = torch.float32
    return configuration


def load(size: dict, configuration: PreTrainedConfig) -> PreTrainedModel:
    """The model with its weights. Raises ConfigError where they are not all there, as safetensors, in the shapes that are configured."""
    name = size["name"]
    logging.disable_progress_bar()
    try:
        with online(needed=not Path(name).is_dir()):
            model, report = AutoModelForCausalLM.from_pretrained(
                name,
                config=configuration,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are in the report, and refused here
            )
    except (OSError, SafetensorError, ValueError, RuntimeError, ImportError) as error:
        raise ConfigError(
            f"the weights of '{name}' cannot be loaded: {_line(error)}; they must be whole, and safetensors: a pickle could run code"
        ) from None
    wrong = [str(key) for part in ("missing_keys", "mismatched_keys") for key in report[part]]
    if wrong:
        raise ConfigError(f"the weights of '{name}' cannot be loaded: {len(wrong)} are missing or misshapen, as {min(wrong)}")
    return model


def _read(name: str) -> PreTrainedConfig:
    """The configuration as it is stored, if transformers knows its type."""
    try:
        table, _ = PreTrainedConfig.get_config_dict(name)
    except OSError as error:
        if Path(name).is_dir():
            raise ConfigError(f"model.size is '{name}', which holds no model: {_line(error)}") from None
        raise ConfigError(
            f"model.size is '{name}', which is no directory here and cannot be had from the Hugging Face Hub: {_line(error)}; "
            f"give the directory of a saved model, or where there is a network fetch it: hf download {shlex.quote(name)}"
        ) from None
    kind = table.get("model_type")
    if kind is None:
        raise ConfigError(f"model.size is '{name}', which holds no model: no config.json that names its model_type")
    if kernel := models.foreign_kernel(table):
        raise ConfigError(f"model.size is '{name}', which asks for the code '{kernel}' of the Hub; memlab runs no code of others")
    models.introduce(kind)
    if kind not in CONFIG_MAPPING:
        raise ConfigError(
            f"model.size is '{name}', a model of type '{kind}', which transformers {__version__} does not have; "
            "memlab runs no code that comes with a model"
        )
    return AutoConfig.from_pretrained(name, trust_remote_code=False)


def _check_name(name: str) -> None:
    try:
        validate_repo_id(name)
    except HFValidationError:
        raise ConfigError(
            f"model.size is '{name}', which is no directory and cannot be a name on the Hugging Face Hub; give {ANY_SIZE}"
        ) from None


def _check_kind(name: str, configuration: PreTrainedConfig) -> None:
    """Raise ConfigError for what is no causal language model, or one whose weights are not plain numbers."""
    causal = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(configuration), None)
    stored = configuration.architectures or []
    if causal is None or (stored and causal.__name__ not in stored):
        what = ", ".join(stored) or f"a model of type '{configuration.model_type}'"
        raise ConfigError(f"model.size is '{name}', which is no causal language model but {what}")
    if configuration.get_text_config() is not configuration:
        raise ConfigError(f"model.size is '{name}', a model of more than text; choose one of text alone")
    if getattr(configuration, "quantization_config", None):
        raise ConfigError(f"model.size is '{name}', which is quantised and cannot be trained; choose it with plain weights")


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
