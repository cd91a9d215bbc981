"""Whole words, split at white space; the vocabulary is every word of the training part."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from memlab.config import setting
from memlab.data.document import Document
from memlab.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """How many words."""

    vocabulary: int = setting(0, "at most so many words, the most frequent ones; 0: all of them")

    def __post_init__(self) -> None:
        if self.vocabulary < 0:
            raise ConfigError(f"data.tokenizer_options.vocabulary is {self.vocabulary}; it must be at least 0 (0: every word)")


def build(documents: Iterable[Document], options: Options):
    """A word-level tokenizer. Words that training text does not hold become the unknown token."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    from memlab.data.tokenizers._wrap import BEGIN, END, PAD, UNKNOWN, wrap

    counts: Counter[str] = Counter()
    for document in documents:
        counts.update(document.text.split())
    words = sorted(counts, key=lambda word: (-counts[word], word))
    chosen = sorted(words[: options.vocabulary or None])
    vocabulary = {word: number for number, word in enumerate([PAD, BEGIN, END, UNKNOWN, *chosen])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return wrap(tokenizer, unknown=True)
