"""Anybody's model, only to be looked at: a directory or a name on the Hugging Face Hub, causal or an encoder, with its own tokenizer."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.errors import ConfigError
from memlab.online import online

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

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
    what, place = f"'{name}'", os.path.expanduser(name)
    with _silent():
        model = _model(place, what)
        tokenizer = _tokenizer(place, what)
    if max(tokenizer.get_vocab().values()) >= model.get_input_embeddings().num_embeddings:
        raise ConfigError(f"the tokenizer of {what} has tokens that the model does not know; they do not belong together")
    limits = (getattr(model.config, "max_position_embeddings", None), tokenizer.model_max_length)
    return Outside(model.eval(), tokenizer, min((limit for limit in limits if limit and limit < 1e9), default=0))


def _model(place: str, what: str) -> "PreTrainedModel":
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoModel, AutoModelForCausalLM

    from memlab.models import stored

    configuration = stored.read_configuration(place, what)
    if getattr(configuration, "is_encoder_decoder", False):
        raise ConfigError(f"{what} is an encoder with a decoder; choose a model that is one of the two")
    causal = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(configuration), None)
    is_causal = causal is not None and causal.__name__ in (configuration.architectures or [])
    return stored.read_weights(place, configuration, AutoModelForCausalLM if is_causal else AutoModel, what, _NOT_USED)


def _tokenizer(place: str, what: str) -> Any:
    from transformers import AutoTokenizer

    from memlab.models.stored import first_line

    is_here = os.path.isdir(place)
    try:
        with online(needed=not is_here):
            tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False, local_files_only=is_here)
    except Exception as error:  # tokenizers raises nothing narrower for a damaged file
        raise ConfigError(
            f"the tokenizer of {what} cannot be loaded: {first_line(error)}; its files must lie beside the model's"
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigError(f"the tokenizer of {what} has no fast implementation (a tokenizer.json); choose a model that has one")
    return tokenizer


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
