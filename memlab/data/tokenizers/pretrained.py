"""The own tokenizer of any pre-trained model, from the Hugging Face Hub or from a folder."""

from collections.abc import Iterable
from dataclasses import dataclass

from memlab.config import setting
from memlab.data.document import Document
from memlab.errors import ConfigError

_ADVICE = (
    "give a model's name as on https://huggingface.co/models, or a folder with its tokenizer.json, tokenizer_config.json and config.json "
    "(a few MB) as data.tokenizer_options.path"
)


@dataclass(frozen=True)
class Options:
    """Which model's."""

    path: str = setting("", "the model's name on the Hub, or a folder with its tokenizer (required)")

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError(
                "data.tokenizer_options.path is empty; name a model of the Hub or a folder, for example "
                "data.tokenizer_options.path=EleutherAI/pythia-70m"
            )


def build(documents: Iterable[Document], options: Options):
    """The model's tokenizer; the documents are not looked at. Whether text comes back exactly is the tokenizer's own affair.

    Code that comes with a model is not run.
    """
    from transformers import AutoTokenizer

    from memlab.data.tokenizers import _published

    return _published.load(options.path, lambda path: AutoTokenizer.from_pretrained(path, trust_remote_code=False), _ADVICE)


def fingerprint(options: Options) -> str:
    """A hash of what the files hold."""
    from memlab.data.tokenizers import _published

    return _published.fingerprint(build([], options))
