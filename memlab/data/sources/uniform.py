"""Uniform random tokens: nothing to learn, so whatever a model knows it has memorised.

A document is `length` words such as u0017, independent and equally likely, separated by spaces; the word tokenizer gives each its own
token. One document holds exactly length · log2(vocabulary) bits. Source: Morris et al. 2025 (arXiv 2505.24832), where the capacity of
language models is measured on such data (vocabulary 2,048, length 64).
"""

import hashlib
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache

from memlab.config import setting
from memlab.data.document import Document
from memlab.errors import ConfigError

QUICK = True  # a corpus is made in about a minute at most
VERSION = 1  # raised whenever the same options would give other documents


@dataclass(frozen=True)
class Options:
    """How many documents, how long, from how many words."""

    documents: int = setting(1024, "training documents; fewer are a prefix of more")
    length: int = setting(64, "words in a document")
    vocabulary: int = setting(2048, "different words")
    seed: int = setting(0, "seed of the draw")
    validation_documents: int = setting(256, "held-out documents, drawn the same way")

    def __post_init__(self) -> None:
        for name, least in (("documents", 1), ("length", 1), ("vocabulary", 2), ("seed", 0), ("validation_documents", 1)):
            value = getattr(self, name)
            if value < least:
                raise ConfigError(f"data.source_options.{name} is {value}; it must be at least {least}")


@dataclass(frozen=True)
class RandomDocuments:
    """The documents of some options: drawn anew, and the same, each time they are iterated over."""

    options: Options

    def __iter__(self) -> Iterator[Document]:
        words = _words(self.options.vocabulary)
        for split, number_of_documents in (("train", self.options.documents), ("validation", self.options.validation_documents)):
            generator = random.Random(f"{self.options.seed} {split}")
            for number in range(number_of_documents):
                text = " ".join(generator.choices(words, k=self.options.length))
                yield Document(text, f"{split}:{number}", split)


def documents(options: Options) -> Iterable[Document]:
    """The training documents, then the validation documents, each from its own stream of the seed.

    Draws are independent: a document that occurs twice (where vocabulary ** length is small) is not left out.
    """
    return RandomDocuments(options)


def fingerprint(options: Options) -> str:
    """Changes with every option and with the version of the draw."""
    return hashlib.sha256(repr((VERSION, astuple(options))).encode()).hexdigest()[:16]


def log_probability(text: str, options: Options) -> float:
    """ln p of one document: -length · ln(vocabulary) nats for any document that can occur, -inf for any other text."""
    words = text.split(" ")
    if len(words) != options.length or not _known_words(options.vocabulary).issuperset(words):
        return -math.inf
    return -entropy(options)


def next_words(prefix: Sequence[str], options: Options) -> dict[str | None, float]:
    """How likely each word is to come next after the first words of a document, None for its end; they sum to 1.

    Every word alike, whatever the words before, until there are `length`: then the end is certain, and beyond it nothing can follow.
    """
    if len(prefix) < options.length:
        return dict.fromkeys(_words(options.vocabulary), 1 / options.vocabulary)
    return {None: 1.0} if len(prefix) == options.length else {}


def entropy(options: Options) -> float:
    """Entropy of one document: length · ln(vocabulary), in nats."""
    return options.length * math.log(options.vocabulary)


@lru_cache(maxsize=4)
def _words(vocabulary: int) -> tuple[str, ...]:
    """u0000, u0001, …, with as many digits as the last one needs, at least four."""
    digits = max(4, len(str(vocabulary - 1)))
    return tuple(f"u{number:0{digits}}" for number in range(vocabulary))


@lru_cache(maxsize=4)
def _known_words(vocabulary: int) -> frozenset[str]:
    return frozenset(_words(vocabulary))
