"""Sentences on standard output, wrapped at the terminal's width."""

import textwrap

from memlab.cli.terminal import draw, look
from memlab.render.safe import safe

_NARROWEST = 20


def say_paragraphs(*paragraphs: str) -> None:
    """Each wrapped, an empty one as an empty line; what came from data or a file name is made harmless."""
    now = look()
    for words in paragraphs:  # made harmless before they are wrapped, for that changes their width
        draw(textwrap.fill(safe(words, ascii=now.ascii), max(_NARROWEST, now.width)))
