"""Bytes of UTF-8, one token each: 256 of them and the special ones; any text comes back exactly."""

from collections.abc import Iterable
from dataclasses import dataclass

from memlab.data.document import Document


@dataclass(frozen=True)
class Options:
    """Bytes have nothing to set."""


def build(documents: Iterable[Document], options: Options):
    """A byte-level tokenizer; the documents are not looked at."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    from memlab.data.tokenizers._wrap import BEGIN, END, PAD, wrap

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([PAD, BEGIN, END, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return wrap(tokenizer, unknown=False)
