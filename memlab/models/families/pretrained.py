"""Any causal language model, by name or directory: to train it on, or only inspect it (train.steps=0).

`model.size` is a model's name on the Hugging Face Hub, as `gpt2-medium`, or the directory of a saved one, a run's checkpoint for example.
It is loaded as float32, whatever it is stored as. Dropout is what its configuration says. The tokenizer is not taken from it:
data.tokenizer must be the one that it was trained with.
"""

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from memlab.errors import ConfigError
from memlab.models import stored

SIZES = {}
ANY_SIZE = "a model's name on the Hugging Face Hub, or the directory of a saved one"


def configure(size: dict, vocab_size: int, context: int) -> PreTrainedConfig:
    """The model's own configuration. Raises ConfigError where it cannot be had, is no causal language model's, or does not fit the run."""
    name, what = size["name"], _what(size)
    configuration = stored.read_configuration(name, what)
    _check_kind(configuration, what)
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
    logging.disable_progress_bar()
    return stored.read_weights(size["name"], configuration, AutoModelForCausalLM, _what(size))


def _what(size: dict) -> str:
    return f"model.size '{size['name']}'"


def _check_kind(configuration: PreTrainedConfig, what: str) -> None:
    """Raise ConfigError for what is no causal language model, or one whose weights are not plain numbers."""
    causal = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(configuration), None)
    architectures = configuration.architectures or []
    if causal is None or (architectures and causal.__name__ not in architectures):
        kind = ", ".join(architectures) or f"a model of type '{configuration.model_type}'"
        raise ConfigError(f"{what} is no causal language model but {kind}")
    if getattr(configuration, "quantization_config", None):
        raise ConfigError(f"{what} is quantised and cannot be trained; choose it with plain weights")
