"""Anybody's model, only to be looked at: a directory or a name on the Hugging Face Hub, causal or an encoder, with its own tokenizer.

Only its configuration, its safetensors and its tokenizer are read; no pickle, and no code but transformers'.
"""

import contextlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab import models
from memlab.errors import ConfigError
from memlab.online import online

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

_NOT_USED = ("pooler",)  # weights that no hidden state depends on; a model stored without them gets random ones


@dataclass(frozen=True, eq=False)
class Outside:
    """A model in float32 without dropout, its fast tokenizer, and how many tokens it sees at most (0: no limit known)."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    context: int


def is_model(path: Path) -> bool:
    """Whether a directory has the configuration of a model, and not that of a run."""
    with contextlib.suppress(OSError, ValueError, UnicodeDecodeError):
        return '"model_type"' in (path / "config.json").read_text(encoding="utf-8")
    return False


def open_outside(name: str) -> Outside:
    """The model of that directory or Hub's name. Raises ConfigError where it cannot be had, is no model of text, or is not whole."""
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"  # else transformers asks the Hub to convert a model that has pickles only
    place = os.path.expanduser(name)
    is_here = os.path.isdir(place)
    if not is_here:
        _check_name(name)
    with online(needed=not is_here), _silent():
        configuration = _configuration(name, place, is_here)
        model = _weights(name, place, configuration, is_here)
        tokenizer = _tokenizer(name, place, is_here)
    if max(tokenizer.get_vocab().values()) >= model.get_input_embeddings().num_embeddings:
        raise ConfigError(f"the tokenizer of '{name}' has tokens that the model does not know; they do not belong together")
    limits = (getattr(configuration, "max_position_embeddings", None), tokenizer.model_max_length)
    return Outside(model.eval(), tokenizer, min((limit for limit in limits if limit and limit < 1e9), default=0))


def _configuration(name: str, place: str, is_here: bool) -> "PreTrainedConfig":
    from transformers import AutoConfig, PreTrainedConfig, __version__
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        table, _ = PreTrainedConfig.get_config_dict(place, local_files_only=is_here)
    except OSError as error:
        if is_here:
            raise ConfigError(f"'{name}' holds no model: {_line(error)}") from None
        advice = f"give a run, the directory of a saved model, or where there is a network fetch it: hf download {shlex.quote(name)}"
        raise ConfigError(
            f"'{name}' is no run or directory here and cannot be had from the Hugging Face Hub: {_line(error)}; {advice}"
        ) from None
    kind, kernel = table.get("model_type"), models.foreign_kernel(table)
    if kernel:
        raise ConfigError(f"'{name}' asks for the code '{kernel}' of the Hugging Face Hub, and memlab runs no code of others")
    models.introduce(kind or "")
    if kind not in CONFIG_MAPPING:
        raise ConfigError(
            f"'{name}' is a model of type '{kind}', which transformers {__version__} does not have; memlab runs no code of others"
        )
    configuration = AutoConfig.from_pretrained(place, trust_remote_code=False, local_files_only=is_here)
    if getattr(configuration, "is_encoder_decoder", False):
        raise ConfigError(f"'{name}' is an encoder with a decoder; choose a model that is one of the two")
    if configuration.get_text_config() is not configuration:
        raise ConfigError(f"'{name}' is a model of more than text; choose one of text alone")
    return configuration


def _weights(name: str, place: str, configuration: "PreTrainedConfig", is_here: bool) -> "PreTrainedModel":
    import torch
    from safetensors import SafetensorError
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoModel, AutoModelForCausalLM

    causal = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(configuration), None)
    is_causal = causal is not None and causal.__name__ in (configuration.architectures or [])
    loader = AutoModelForCausalLM if is_causal else AutoModel
    try:
        model, report = loader.from_pretrained(
            place,
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
        raise ConfigError(f"the weights of '{name}' cannot be loaded: {_line(error)}; {advice}") from None
    wrong = [str(key) for part in ("missing_keys", "mismatched_keys") for key in report[part]]
    wrong = [key for key in wrong if not key.lstrip("('").startswith(_NOT_USED)]
    if wrong:
        raise ConfigError(f"the weights of '{name}' cannot be loaded: {len(wrong)} are missing or misshapen, as {min(wrong)}")
    return model


def _tokenizer(name: str, place: str, is_here: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False, local_files_only=is_here)
    except Exception as error:  # tokenizers raises nothing narrower for a damaged file
        raise ConfigError(f"the tokenizer of '{name}' cannot be loaded: {_line(error)}; its files must lie beside the model's") from error
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigError(f"the tokenizer of '{name}' has no fast implementation (a tokenizer.json); choose a model that has one")
    return tokenizer


def _check_name(name: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        raise ConfigError(f"'{name}' is no run, no directory of a model, and cannot be a name on the Hugging Face Hub") from None


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without transformers' remarks on weights that are not used."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
