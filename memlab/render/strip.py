"""A passage as a strip: every token with the sign and the colour of its class below it; and what belongs to a strip, as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.text import Text

from memlab.render.card import quoted
from memlab.render.look import PALETTE, QUIET
from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.scale import decimal, percent
from memlab.render.sheet import Runs, ansi, rich_text
from memlab.render.tables import Column, table

_Found = Mapping[str, Any]
_Pair = tuple[str, str, str, bool]  # the true token, the model's, the mark below them, whether they are the same


@dataclass(frozen=True)
class Kind:
    """How a class of tokens looks, and what it means in a few words."""

    sign: str
    plain: str
    style: str
    meaning: str


# The order in which they are listed. Each has a sign of its own, so that colour only repeats it.
KINDS = {
    "memorised": Kind("●", "#", f"1;38;5;{PALETTE[1]}", "right with p > 0.9, and the reference has it wrong"),
    "predictable": Kind("○", "o", f"38;5;{PALETTE[0]}", "the reference gets it right too"),
    "copied": Kind("=", "=", f"38;5;{PALETTE[2]}", "it followed the same two tokens before"),
    "unsure": Kind("?", "?", f"38;5;{PALETTE[5]}", "right, with p up to 0.9"),
    "wrong": Kind("×", "x", f"38;5;{PALETTE[6]}", "another token is likelier"),
}
EMPTY, _EMPTY_ASCII = "∅", "_"  # a token without text of its own: a part of a letter
_LABELS = ("text", "model")
_GAP = 2
ROOMY = 80  # columns from which on intervals are shown
_LEAST = 8  # columns of a strip, and of what stands beside a label


@dataclass(frozen=True)
class Spot:
    """Where a piece of a token is: its line, counted in lines of text, and its columns."""

    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Strip:
    """A drawn strip: a line of text and a line of signs below it, over and over. `spots` are those of each token, one for each line."""

    runs: list[Runs]
    spots: list[list[Spot]]

    def lines(self, color: bool = True) -> list[str]:
        """For a terminal, with SGR sequences where there is colour."""
        plain = ("".join(text for text, _ in runs) for runs in self.runs)
        return [ansi(runs) for runs in self.runs] if color else [line.rstrip() for line in plain]

    @property
    def texts(self) -> list[Text]:
        """For Rich and Textual."""
        return [rich_text(runs) for runs in self.runs]


def sign_of(name: str, ascii: bool = False) -> str:  # noqa: A002
    """The sign of a class; a blank for a token that is given."""
    kind = KINDS.get(name)
    return " " if kind is None else kind.plain if ascii else kind.sign


def draw(tokens: Sequence[tuple[str, str]], width: int, *, cursor: int | None = None, ascii: bool = False) -> Strip:  # noqa: A002
    """The strip of some tokens, (text, name of its class) each, wrapped between tokens to the width; a longer token goes on below.

    Text from data is made safe. The token under the cursor is in reverse video.
    """
    rows: list[list[tuple[str, str, str]]] = [[]]
    spots: list[list[Spot]] = []
    used = 0
    for number, (text, name) in enumerate(tokens):
        shown = safe(text, ascii=ascii) or (_EMPTY_ASCII if ascii else EMPTY)
        if used and used + cells(shown) > width:
            rows.append([])
            used = 0
        if used == 0 and shown.strip(" "):
            shown = shown.lstrip(" ")
        spots.append([])
        style = KINDS[name].style if name in KINDS else QUIET
        style = f"7;{style}" if number == cursor else style
        for part, marks in _pieces(shown, name, max(width, _LEAST), ascii):
            if used and used + cells(part) > width:
                rows.append([])
                used = 0
            spots[-1].append(Spot(len(rows) - 1, used, used + cells(part)))
            rows[-1].append((part, marks, style))
            used += cells(part)
    return Strip([runs for row in rows if row for runs in _two_lines(row)], spots)


def _pieces(shown: str, name: str, width: int, ascii: bool) -> list[tuple[str, str]]:  # noqa: A002
    """A token in pieces no wider than the width, with the marks below each: its sign at its first letter, a line under the rest."""
    parts = [""]
    for character in shown:
        if parts[-1] and cells(parts[-1] + character) > width:
            parts.append("")
        parts[-1] += character
    line = " " if name not in KINDS else "-" if ascii else "─"
    indent = len(shown) - len(shown.lstrip(" ")) if shown.strip(" ") else 0
    marks = " " * indent + sign_of(name, ascii) + line * (cells(shown) - indent - 1)
    found, start = [], 0
    for part in parts:
        found.append((part, marks[start : start + cells(part)]))
        start += cells(part)
    return found


def _two_lines(row: Sequence[tuple[str, str, str]]) -> list[Runs]:
    return [_joined([(text, style) for text, _, style in row]), _joined([(marks, style) for _, marks, style in row])]


def _joined(runs: Runs) -> Runs:
    return [("".join(text for text, _ in group), style) for style, group in groupby(runs, key=lambda run: run[1])]


def strip(found: _Found, width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """The tokens of a passage as a strip."""
    drawn = draw([(token["text"], token["name"]) for token in found["tokens"]], width, ascii=ascii)
    return "\n".join(drawn.lines(color))


def classes(found: _Found, width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """The legend: each class with its count and share here, its share of training and of held-out excerpts, and what it means."""
    by_name = {one["name"]: one for one in found["classes"]}
    rows = [
        {
            "class": f"{sign_of(name, ascii)} {name}",
            "n": by_name[name]["n"],
            "share": percent(by_name[name]["share"]),
            **{part: mean_words(by_name[name][part], width >= ROOMY) for part in ("training", "held_out")},
            "meaning": kind.meaning,
        }
        for name, kind in KINDS.items()
    ]
    columns = [
        Column("class", importance=9),
        Column("n", "here", right=True, importance=8),
        Column("share", "", right=True, importance=7),
        Column("training", "training", right=True, importance=6),
        Column("held_out", "held-out", right=True, importance=6),
        Column("meaning", importance=1),
    ]
    lines = table(rows, columns, width, color=color, ascii=ascii).split("\n")
    return "\n".join(_colored(line, color, ascii) for line in lines)


def tokens(found: _Found, width: int, at_most: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """One line a token: its class, probability, rank, loss in nats and bits, the reference's probability, the guess where it is wrong."""
    rows = [
        {
            "place": place,
            "token": quoted(token["text"], ascii),
            "class": f"{sign_of(token['name'], ascii)} {token['name']}",
            "p": _probability(token["probability"]),
            "rank": token["rank"],
            "nats": decimal(token["nats"]),
            "bits": decimal(token["bits"]),
            "reference": _probability(token["reference"]),
            "guess": quoted(token["guess"], ascii) if token["name"] == "wrong" else "",
        }
        for place, token in enumerate(found["tokens"])
        if token["name"]
    ]
    columns = [
        Column("place", "", right=True, importance=2),
        Column("token", importance=9, shortest=8),
        Column("class", importance=6),
        Column("p", right=True, importance=8),
        Column("rank", right=True, importance=5),
        Column("nats", right=True, importance=4),
        Column("bits", right=True, importance=3),
        Column("reference", "p, reference", right=True, importance=7),
        Column("guess", "guess", importance=1, shortest=6),
    ]
    lines = table(rows[:at_most], columns, width, color=color, ascii=ascii).split("\n")
    return "\n".join(_colored(line, color, ascii) for line in lines)


def continuation(found: _Found, width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """The true tokens above the model's own, a column each, and a mark below the first that differs."""
    one = found["continuation"]
    labels = [f"{label:<{max(map(len, _LABELS))}}" + " " * _GAP for label in _LABELS]
    room = max(width - len(labels[0]), _LEAST)
    columns = []
    for place, (truth, greedy, same) in enumerate(zip(one["truth"], one["greedy"], one["same"], strict=True)):
        both = [safe(text, room, ascii=ascii) or (_EMPTY_ASCII if ascii else EMPTY) for text in (truth, greedy)]
        indent = min(len(text) - len(text.lstrip(" ")) for text in both)  # below a letter, not below the blank before it
        mark = " " * indent + ("^" if ascii else "▲") if place == one["first_difference"] else ""
        columns.append((*both, mark, same))
    lines = []
    for block in _blocks(columns, room):
        padded = [(*(_padded(text, _size(column)) for text in column[:3]), column[3]) for column in block]
        texts = "".join(text for text, *_ in padded)
        models = "".join(_styled(greedy, "" if same else KINDS["wrong"].style, color) for _, greedy, _, same in padded)
        marks = "".join(mark for _, _, mark, _ in padded)
        lines += [_quiet(labels[0], color) + texts.rstrip(), _quiet(labels[1], color) + models.rstrip()]
        if marks.strip():
            lines.append(" " * len(labels[0]) + _styled(marks.rstrip(), KINDS["wrong"].style, color))
    return "\n".join(lines)


def _blocks(columns: Sequence[_Pair], width: int) -> list[list[_Pair]]:
    """Columns side by side, as many as fit, over and over."""
    blocks: list[list[_Pair]] = [[]]
    used = 0
    for column in columns:
        if blocks[-1] and used + _size(column) > width:
            blocks.append([])
            used = 0
        blocks[-1].append(column)
        used += _size(column)
    return blocks


def _size(column: _Pair) -> int:
    return max(map(cells, column[:2]))


def _padded(text: str, size: int) -> str:
    return text + " " * (size - cells(text))


def mean_words(estimate: Mapping[str, Any], with_interval: bool) -> str:
    """A mean share, with its interval where there is room and where resampling gives one: shares that are all equal have none."""
    low, high = (percent(estimate[end]).removesuffix(" %") for end in ("low", "high"))
    interval = f" ({low}-{high})" if with_interval and low != high else ""
    return percent(estimate["value"]) + interval


def _probability(value: float) -> str:
    return decimal(value, 3)


def _colored(line: str, color: bool, ascii: bool) -> str:  # noqa: A002
    """A line of a table with its class in the class's colour."""
    for name, kind in KINDS.items() if color else ():
        words = f"{sign_of(name, ascii)} {name}"
        if words in line:
            return line.replace(words, f"\x1b[{kind.style}m{words}\x1b[0m", 1)
    return line


def _styled(text: str, style: str, color: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if color and style and text else text


def _quiet(text: str, color: bool) -> str:
    return _styled(text, QUIET, color)
