"""Tokenizers that come with a published model, from the Hugging Face Hub or from a folder, as memlab needs them."""

import hashlib
import os
from collections.abc import Callable
from typing import Any

from memlab.errors import ConfigError, DataError

_BYTES = 256


def load(path: str, read: Callable[[str], Any], advice: str):
    """The tokenizer that `read` makes of a Hub's name or a folder; nothing is added to its vocabulary.

    Where it names no padding or beginning-of-text token, the end-of-text token is that too. Text that spells a special token is text.
    Raises DataError where it cannot be had, with `advice`; for one without a fast implementation and one without an end-of-text token.
    """
    from transformers import PreTrainedTokenizerFast

    from memlab.online import online

    place = os.path.expanduser(path)
    is_folder = os.path.isdir(place)
    if path.startswith((".", "/", "~")) and not is_folder:
        raise ConfigError(f"data.tokenizer_options.path is '{path}', which does not exist (looked for {place})")
    with online(needed=not is_folder):
        try:
            tokenizer = read(place)
        except Exception as error:  # tokenizers raises nothing narrower for a damaged file
            raise _unavailable(path, error, advice) from error
    if not getattr(tokenizer, "is_fast", False):
        raise DataError(f"tokenizer '{path}' has no fast implementation (a tokenizer.json); choose one that has")
    if len(tokenizer) <= _BYTES:  # what some classes make of a folder without the files
        raise _unavailable(path, "its files are not there", advice)
    end = tokenizer.eos_token
    if end is None:
        raise DataError(f"tokenizer '{path}' names no end-of-text token; choose that of a model that writes text, such as gpt2")
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    unknown = {} if tokenizer.unk_token in (None, end) else {"unk_token": tokenizer.unk_token}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=tokenizer.pad_token or end,
        bos_token=tokenizer.bos_token or end,
        eos_token=end,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
        **unknown,
    )


def fingerprint(tokenizer: Any) -> str:
    """A hash of everything that decides how it splits text."""
    return hashlib.blake2b((tokenizer.backend_tokenizer.to_str() + repr(tokenizer.special_tokens_map)).encode(), digest_size=16).hexdigest()


def _unavailable(path: str, error: object, advice: str) -> DataError:
    words = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return DataError(f"tokenizer '{path}' cannot be had here: {words}; {advice}")
