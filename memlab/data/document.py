"""A document: a piece of text with its name and, where the source decides it, its split."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One text. `split` is empty where the corpus is to decide, else 'train', 'validation' or a split of the source's own."""

    text: str
    name: str
    split: str = ""
