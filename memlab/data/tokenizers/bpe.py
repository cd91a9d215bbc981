"""Byte-level byte-pair encoding, trained on the training part; any text comes back exactly."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from memlab.config import setting
from memlab.data.document import Document
from memlab.errors import ConfigError

_SMALLEST = 256 + 3


@dataclass(frozen=True)
class Options:
    """How many tokens, and what they are learned from."""

    vocabulary: int = setting(4096, "tokens in all")
    training_characters: int = setting(200_000_000, "how much of the training part the merges are learned from, from its beginning")

    def __post_init__(self) -> None:
        if self.vocabulary < _SMALLEST:
            raise ConfigError(
                f"data.tokenizer_options.vocabulary is {self.vocabulary}; it must be at least {_SMALLEST}: 256 bytes and 3 special tokens"
            )
        if self.training_characters < 1:
            raise ConfigError(f"data.tokenizer_options.training_characters is {self.training_characters}; it must be at least 1")


def build(documents: Iterable[Document], options: Options):
    """A byte-level BPE tokenizer with merges learned by the `tokenizers` library."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from memlab.data.tokenizers._wrap import BEGIN, END, PAD, wrap

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=options.vocabulary,
        special_tokens=[PAD, BEGIN, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(documents, options.training_characters), trainer)
    return wrap(tokenizer, unknown=False)


def _texts(documents: Iterable[Document], characters: int) -> Iterator[str]:
    for document in documents:
        if characters > 0:
            yield document.text
        characters -= len(document.text)
