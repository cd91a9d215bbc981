"""A document as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere, light and dark, for paper too.

All words are made harmless by `safe`, escaped, and isolated where they run from right to left; a policy in the page forbids the browser
to run or to fetch anything.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

from memlab.render.document import Block, Code, Document, Facts, Figure, Listing, Numbers, Passage, Section, picture
from memlab.render.inline import inline
from memlab.render.palette import rgb
from memlab.render.safe import safe
from memlab.render.strip import EMPTY, KINDS
from memlab.render.tables import Column, is_right, text_of

GENERATOR = "memlab report"  # by which a page of ours is known
NO_PICTURE = "pictures are left out, for matplotlib is not installed; pip install 'memlab[pictures]'"

_FEW_COLUMNS = 3  # that a narrow page has room for
_LONG = 24  # letters of a cell that may be broken into lines although its column is of numbers, or names the row

END_OF_LINE = "↵"  # which more fonts have than the sign that a terminal gets

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

# Letters of scripts that run from right to left, with the blanks between them.
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
    "(?:[ ]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff])*"
)


def page(document: Document) -> str:
    """The whole file."""
    numbers = Numbers()
    sections = "\n".join(_section(section, f"s{number}", 2, numbers) for number, section in enumerate(document.sections, 1))
    note = f'<p class="note">{words(document.note)}</p>' if document.note else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="generator" content="{GENERATOR}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{words(document.title, plain=True)} · memlab report</title>
<style>
{_style()}</style>
</head>
<body>
<header>
<p class="kind">memlab report</p>
<h1>{words(document.title)}</h1>
<p class="lead">{words(document.lead)}</p>
{note}
</header>
<nav aria-label="Contents">
<h2>Contents</h2>
{_contents(document.sections, "s")}
</nav>
<main>
{sections}
</main>
</body>
</html>
"""


def words(text: str, plain: bool = False, newlines: bool = False) -> str:
    """Text as HTML shows it and no more; plain without isolation of what runs from right to left, for places that hold no elements."""
    escaped = html.escape(safe(text, newlines=newlines)).replace("␊", END_OF_LINE)
    return escaped if plain else _RIGHT_TO_LEFT.sub(r"<bdi>\g<0></bdi>", escaped)


def _style() -> str:
    colors = "".join(f"--{name}:#{_hex(kind.style)};" for name, kind in KINDS.items())
    return f":root{{{colors}}}\n{Path(__file__).with_name('page.css').read_text(encoding='utf-8')}"


def _hex(style: str) -> str:
    """The colour of an SGR sequence of 256."""
    return bytes(rgb(int(style.rpartition(";")[2]))).hex()


def _contents(sections: Sequence[Section], before: str) -> str:
    entries = []
    for number, section in enumerate(sections, 1):
        parts = _contents(section.parts, f"{before}{number}-") if section.parts else ""
        entries.append(f'<li><a href="#{before}{number}">{words(section.heading)}</a>{parts}</li>')
    return f"<ol>{''.join(entries)}</ol>"


def _section(section: Section, name: str, level: int, numbers: Numbers) -> str:
    blocks = [_block(block, numbers) for block in section.blocks]
    first = next((number for number, block in enumerate(section.blocks) if isinstance(block, Passage)), None)
    if first is not None:
        blocks.insert(first, _legend())
    parts = (_section(part, f"{name}-{number}", level + 1, numbers) for number, part in enumerate(section.parts, 1))
    inside = "\n".join([*blocks, *parts])
    return f'<section id="{name}" class="level{level}"><h{level}>{words(section.heading)}</h{level}>\n{inside}\n</section>'


@singledispatch
def _block(block: Block, numbers: Numbers) -> str:
    return f"<p>{words(block)}</p>"


@_block.register
def _(block: Facts, numbers: Numbers) -> str:
    pairs = "".join(f"<div><dt>{words(name)}</dt><dd>{words(value)}</dd></div>" for name, value in block.pairs)
    if not block.heading:
        return f"<dl>{pairs}</dl>{_how(block.command)}"
    inside = f"<dl>{pairs}</dl>{_how(block.command)}"
    if block.is_folded:
        return f'<details class="card"><summary>{words(block.heading)}</summary>{inside}</details>'
    return f'<div class="card"><p class="name">{words(block.heading)}</p>{inside}</div>'


@_block.register
def _(block: Code, numbers: Numbers) -> str:
    return f'<pre tabindex="0">{words(block.text, newlines=True)}</pre>{_how(block.command)}'


@_block.register
def _(block: Listing, numbers: Numbers) -> str:
    name, place = numbers.name("Table")
    columns = [column if isinstance(column, Column) else Column(column) for column in block.columns]
    aligned = ["number" if is_right(column, block.rows) else "" for column in columns]
    titles = zip(columns, aligned, strict=True)
    head = "".join(f'<th scope="col"{_class(align)}>{words(column.title or column.key)}</th>' for column, align in titles)
    rows = "\n".join(f"<tr>{''.join(_cells(row, columns, aligned))}</tr>" for row in block.rows)
    many = ' class="many"' if len(columns) > _FEW_COLUMNS else ""
    return (
        f'<figure id="{place}" class="table"><figcaption id="{place}-words">{_caption(name, block.caption)}</figcaption>'
        f'<div class="wide" tabindex="0" role="region" aria-labelledby="{place}-words"><table{many}>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>{_how(block.command)}</figure>"
    )


@_block.register
def _(block: Figure, numbers: Numbers) -> str:
    name, place = numbers.name("Figure")
    drawn = picture(block, "inline")
    shown = inline(drawn, place, block.title, block.caption) if drawn else f'<p class="note">{words(NO_PICTURE)}</p>'
    return (
        f'<figure id="{place}"><div class="wide" tabindex="0" role="region" aria-label="{words(block.title, plain=True)}">{shown}</div>'
        f"<figcaption>{_caption(name, block.caption)}</figcaption>{_how(block.command)}</figure>"
    )


@_block.register
def _(block: Passage, numbers: Numbers) -> str:
    name, place = numbers.name("Figure")
    tokens = "".join(_token(token.text, token.name, token.note) for token in block.tokens)
    return (
        f'<figure id="{place}"><p class="strip">{tokens}</p>'
        f"<figcaption>{_caption(name, block.caption)}</figcaption>{_how(block.command)}</figure>"
    )


def _token(text: str, name: str, note: str) -> str:
    kind = name if name in KINDS else "given"
    told = f' title="{words(note, plain=True)}"' if note else ""
    shown = words(text, plain=True).replace(END_OF_LINE, f"{END_OF_LINE}\n") or EMPTY
    return f'<span class="{kind}"{told}>{shown}</span>'


def _cells(row: Mapping[str, Any], columns: Sequence[Column], aligned: Sequence[str]) -> Iterator[str]:
    """The first names the row. Each knows its column's title, which stands before it where the page is too narrow for a table."""
    for number, (column, align) in enumerate(zip(columns, aligned, strict=True)):
        text = text_of(row.get(column.key))
        told = f'{_class(align, "long" * (len(text) > _LONG))} data-title="{words(column.title or column.key, plain=True)}">{words(text)}'
        yield f"<td{told}</td>" if number else f'<th scope="row"{told}</th>'


def _class(*names: str) -> str:
    given = " ".join(filter(None, names))
    return f' class="{given}"' if given else ""


def _caption(name: str, told: str) -> str:
    return f"<b>{name}.</b> {words(told)}"


def _how(command: str) -> str:
    return f'<p class="how"><code>{words(command)}</code></p>' if command else ""


def _legend() -> str:
    """What the marks below the tokens of a passage mean."""
    entries = "".join(
        f'<li><span class="{name}">{name}</span> {words(kind.sign)} {words(kind.meaning)}</li>' for name, kind in KINDS.items()
    )
    return f'<aside class="legend" aria-label="Classes of tokens"><ul>{entries}</ul></aside>'
