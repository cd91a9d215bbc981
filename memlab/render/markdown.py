"""A document as Markdown, with its pictures as SVG files beside it: what shows Markdown shows no picture that lies within."""

import html
import re
from collections.abc import Iterable, Iterator
from functools import singledispatch
from itertools import groupby
from urllib.parse import quote

from memlab.render.document import Block, Code, Document, Facts, Figure, Listing, Numbers, Passage, Section, picture
from memlab.render.page import END_OF_LINE, GENERATOR, NO_PICTURE
from memlab.render.safe import safe
from memlab.render.strip import EMPTY, KINDS, sign_of
from memlab.render.tables import Column, is_right, text_of

# What could be read as Markdown: marks and links wherever they stand; at the beginning what begins a heading or a list.
_MARKS = re.compile(r"[\\`*_\[\]|~$@]|:(?=//|[\w+-]+:)|(?<=www)\.|^(?:[-+#=]+|[0-9]+[.)])(?=\s|$)")


def markdown(document: Document, folder: str) -> tuple[str, dict[str, bytes]]:
    """The text, and by name the pictures that it expects in a folder of this name beside it."""
    files: dict[str, bytes] = {}
    numbers = Numbers()
    blocks = [f"<!-- {GENERATOR} -->", f"# {words(document.title)}", words(document.lead)]
    blocks += [words(document.note)] if document.note else []
    for section in document.sections:
        blocks += _section(section, 2, folder, files, numbers)
    return "\n\n".join(blocks) + "\n", files


def words(text: str) -> str:
    """Text that Markdown, and HTML within it, shows as it is."""
    marked = _MARKS.sub(lambda match: "".join(sign if sign.isalnum() else "\\" + sign for sign in match[0]), safe(text))
    return html.escape(marked, quote=False).replace("␊", END_OF_LINE)


def _section(section: Section, level: int, folder: str, files: dict[str, bytes], numbers: Numbers) -> Iterator[str]:
    yield f"{'#' * level} {words(section.heading)}"
    if any(isinstance(block, Passage) for block in section.blocks):
        yield "; ".join(f"{words(kind.sign)} {name}: {words(kind.meaning)}" for name, kind in KINDS.items())
    for block in section.blocks:
        is_counted = isinstance(block, Figure | Passage | Listing)
        name, _ = numbers.name("Table" if isinstance(block, Listing) else "Figure") if is_counted else ("", "")
        if isinstance(block, Figure):
            yield _figure(block, f"{folder}/{name.lower().replace(' ', '-')}.svg", files)
        else:
            yield _block(block)
        if is_counted:
            yield f"**{name}.** {words(block.caption)}"
        if command := getattr(block, "command", ""):
            yield _code(command)
    for part in section.parts:
        yield from _section(part, level + 1, folder, files, numbers)


def _figure(block: Figure, path: str, files: dict[str, bytes]) -> str:
    drawn = picture(block, "svg")
    if drawn is None:
        return words(NO_PICTURE)
    files[path.rpartition("/")[2]] = drawn
    return f"![{words(block.title)}]({quote(path)})"


@singledispatch
def _block(block: Block) -> str:
    return words(block)


@_block.register
def _(block: Facts) -> str:
    heading = f"**{words(block.heading)}**\n\n" if block.heading else ""
    return heading + "\n".join(f"- **{words(name)}** {words(value)}" for name, value in block.pairs)


@_block.register
def _(block: Code) -> str:
    return _code(block.text)


@_block.register
def _(block: Listing) -> str:
    columns = [column if isinstance(column, Column) else Column(column) for column in block.columns]
    head = _row(column.title or column.key for column in columns)
    rule = "|" + "|".join("---:" if is_right(column, block.rows) else "---" for column in columns) + "|"
    return "\n".join([head, rule, *(_row(text_of(row.get(column.key)) for column in columns) for row in block.rows)])


@_block.register
def _(block: Passage) -> str:
    """Tokens of one class with its sign behind them."""
    groups = ((name, "".join(words(token.text) or EMPTY for token in some)) for name, some in groupby(block.tokens, lambda one: one.name))
    return "> " + "".join(told + _sign(name) for name, told in groups)


def _sign(name: str) -> str:
    return f"<sup>{words(sign_of(name))}</sup>" if name in KINDS else ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(words, cells)) + " |"


def _code(text: str) -> str:
    """Lines to copy, between marks that are longer than any in them."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{safe(text, newlines=True)}\n{fence}"
