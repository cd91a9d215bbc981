"""A document of plain values: headings, words, tables, pictures and passages, to be written as a page or as Markdown."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from memlab.render.figure import Format, is_available
from memlab.render.tables import Column

SIZE = (820, 470)  # of a picture, in hundredths of an inch: its letters are as large as those of the text beside it


@dataclass(frozen=True)
class Facts:
    """Names and values in sentences: a card where it has a heading, on a page folded up at first if `is_folded`.

    `command` says how to come by them.
    """

    pairs: Sequence[tuple[str, str]]
    heading: str = ""
    command: str = ""
    is_folded: bool = False


@dataclass(frozen=True)
class Listing:
    """A table as `tables.table` takes it."""

    columns: Sequence[Column | str]
    rows: Sequence[Mapping[str, Any]]
    caption: str
    command: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture: how it is drawn, and with which arguments.

    `caption` says what is seen, its control and its approximations; `title` says in a few words what it is of.
    """

    draw: Literal["curves", "heat_map", "tiles"]
    values: Mapping[str, Any]
    title: str
    caption: str
    command: str = ""
    size: tuple[int, int] = SIZE


@dataclass(frozen=True)
class Token:
    """A token of a passage, the name of its class (empty where it is given), and what is known of it in a few words."""

    text: str
    name: str = ""
    note: str = ""


@dataclass(frozen=True)
class Passage:
    """A passage whose tokens are marked by their classes, as `strip` draws it."""

    tokens: Sequence[Token]
    caption: str
    command: str = ""


@dataclass(frozen=True)
class Code:
    """Lines to copy."""

    text: str
    command: str = ""


Block = str | Facts | Listing | Figure | Passage | Code


@dataclass(frozen=True)
class Section:
    """A heading, what is below it, and parts with headings of their own."""

    heading: str
    blocks: Sequence[Block] = ()
    parts: "Sequence[Section]" = ()


@dataclass(frozen=True)
class Document:
    """Everything. `lead` says in a sentence what came out, `note` what to know before reading on."""

    title: str
    lead: str
    sections: Sequence[Section]
    note: str = ""


class Numbers:
    """Figures and tables are counted through a document."""

    def __init__(self) -> None:
        self._next = {"Figure": itertools.count(1), "Table": itertools.count(1)}

    def name(self, kind: Literal["Figure", "Table"]) -> tuple[str, str]:
        """What the next one is called, and a word of its own: Figure 3, f3."""
        number = next(self._next[kind])
        return f"{kind} {number}", f"{kind[0].lower()}{number}"


def picture(figure: Figure, kind: Format) -> bytes | None:
    """The figure as a file, None where matplotlib is missing."""
    from memlab.render import image, tiles_image

    draw = {"curves": image.curves, "heat_map": image.heat_map, "tiles": tiles_image.draw}[figure.draw]
    return draw(**figure.values, kind=kind, size=figure.size) if is_available() else None
