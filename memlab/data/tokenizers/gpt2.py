"""GPT-2's own byte-level BPE of 50,257 tokens; any text comes back exactly."""

from collections.abc import Iterable
from dataclasses import dataclass

from memlab.config import setting
from memlab.data.document import Document
from memlab.errors import ConfigError

_REPOSITORY = "openai-community/gpt2"
_ADVICE = (
    f"download tokenizer.json, or vocab.json and merges.txt (about 2 MB), from https://huggingface.co/{_REPOSITORY}, for example "
    f"`hf download {_REPOSITORY} tokenizer.json --local-dir FOLDER`, and set data.tokenizer_options.path to the folder"
)


@dataclass(frozen=True)
class Options:
    """Where its files are."""

    path: str = setting(_REPOSITORY, "its name on the Hub, or a folder with tokenizer.json, or with vocab.json and merges.txt")

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError(f"data.tokenizer_options.path is empty; name a folder, or leave the setting at '{_REPOSITORY}'")


def build(documents: Iterable[Document], options: Options):
    """GPT-2's tokenizer; the documents are not looked at. <|endoftext|> begins, ends and pads, as nothing is added to the vocabulary."""
    from transformers import GPT2TokenizerFast

    from memlab.data.tokenizers import _published

    return _published.load(options.path, GPT2TokenizerFast.from_pretrained, _ADVICE)


def fingerprint(options: Options) -> str:
    """A hash of what the files hold."""
    from memlab.data.tokenizers import _published

    return _published.fingerprint(build([], options))
