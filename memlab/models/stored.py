"""A model that anybody has stored, in a directory or on the Hugging Face Hub: only its configuration and its safetensors are read.

No pickle, and no code but transformers'. Without a network what the Hub's cache has is found there.
"""

import os
import shlex
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel, __version__
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from memlab import models
from memlab.errors import ConfigError
from memlab.online import online

os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"  # else transformers asks the Hub to convert a model that has pickles only


def read_configuration(name: str, what: str) -> PreTrainedConfig:
    """The configuration of the model at `name`, called `what` in messages.

    Raises ConfigError where there is none, or none of text that transformers has.
    """
    is_here = os.path.isdir(name)
    if not is_here:
        _check_name(name, what)
    with online(needed=not is_here):
        _check(_table(name, what, is_here), what)
        configuration = AutoConfig.from_pretrained(name, trust_remote_code=False, local_files_only=is_here)
    if configuration.get_text_config() is not configuration:
        raise ConfigError(f"{what} is a model of more than text; choose one of text alone")
    return configuration


def read_weights(name: str, configuration: PreTrainedConfig, loader: Any, what: str, unused: tuple[str, ...] = ()) -> PreTrainedModel:
    """The model in float32, by one of transformers' Auto classes. `unused`: how the names of weights begin that may be missing.

    Raises ConfigError where the others are not all there, as safetensors, in the shapes that are configured.
    """
    import torch

    is_here = os.path.isdir(name)
    try:
        with online(needed=not is_here):
            model, report = loader.from_pretrained(
                name,
                config=configuration,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=is_here,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are in the report, and refused here
            )
    except (OSError, SafetensorError, ValueError, RuntimeError, ImportError) as error:
        advice = "they must be whole, and safetensors: a pickle could run code"
        raise ConfigError(f"the weights of {what} cannot be loaded: {first_line(error)}; {advice}") from None
    wrong = [str(key) for part in ("missing_keys", "mismatched_keys") for key in report[part]]
    wrong = [key for key in wrong if not (unused and key.lstrip("('").startswith(unused))]
    if wrong:
        raise ConfigError(f"the weights of {what} cannot be loaded: {len(wrong)} are missing or misshapen, as {min(wrong)}")
    return model


def first_line(error: Exception) -> str:
    """What an error says first, or its kind."""
    return (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")


def _check_name(name: str, what: str) -> None:
    try:
        validate_repo_id(name)
    except HFValidationError:
        raise ConfigError(f"{what} is no directory of a model, and cannot be a name on the Hugging Face Hub") from None


def _table(name: str, what: str, is_here: bool) -> dict[str, Any]:
    """The configuration as it is written."""
    try:
        return PreTrainedConfig.get_config_dict(name, local_files_only=is_here)[0]
    except OSError as error:
        if is_here:
            raise ConfigError(f"{what} holds no model: {first_line(error)}") from None
        advice = f"give the directory of a saved model, or where there is a network fetch it: hf download {shlex.quote(name)}"
        raise ConfigError(f"{what} is not here and cannot be had from the Hugging Face Hub: {first_line(error)}; {advice}") from None


def _check(table: dict[str, Any], what: str) -> None:
    """Raise ConfigError for what is no model, or one that only code of others could run."""
    kind, kernel = table.get("model_type"), models.foreign_kernel(table)
    if kind is None:
        raise ConfigError(f"{what} holds no model: no config.json that names its model_type")
    if kernel:
        raise ConfigError(f"{what} asks for the code '{kernel}' of the Hugging Face Hub, and memlab runs no code of others")
    models.introduce(kind)
    if kind not in CONFIG_MAPPING:
        raise ConfigError(f"{what} is of type '{kind}', which transformers {__version__} does not have; memlab runs no code of others")
