"""Claims as text: a list of verdicts, and one claim in full. A claim is a mapping with the names of `lab.claims.Claim`."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memlab.render.look import PALETTE, QUIET
from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.tables import keyvalues

_Claim = Mapping[str, Any]
_BESIDE = 100  # columns from which on the reason stands beside the verdict
_GAP = 2
_LEAST = 12  # columns of a text
_ROOMY = 60  # columns from which on words stand beside a name
_BOLD, _DIM = "1", "2"


@dataclass(frozen=True)
class Kind:
    """How a verdict looks; colour only repeats its sign."""

    sign: str
    plain: str
    style: str


KINDS = {
    "holds": Kind("✓", "+", f"38;5;{PALETTE[2]}"),
    "holds in corrected form": Kind("≈", "~", f"38;5;{PALETTE[0]}"),
    "fails": Kind("✗", "x", f"38;5;{PALETTE[6]}"),
    "cannot be told from this run": Kind("?", "?", QUIET),
}
_PLURAL = dict(zip(KINDS, ("hold", "hold in corrected form", "fail", "cannot be told"), strict=True))


def sign(verdict: str, ascii: bool = False) -> str:  # noqa: A002
    """The sign of a verdict."""
    return KINDS[verdict].plain if ascii else KINDS[verdict].sign


def words(verdict: str) -> str:
    """A verdict without the run: it stands above, or there is none."""
    return verdict.removesuffix(" from this run")


def listing(claims: Sequence[_Claim], width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """Every claim with its verdict and why: in columns where there is room, else the reason below."""
    if width >= _BESIDE:
        return "\n".join(_row(claim, claims, width, color, ascii) for claim in claims)
    return "\n\n".join(_stacked(claim, width, color, ascii) for claim in claims)


def summary(claims: Sequence[_Claim]) -> str:
    """How many claims have each verdict: `4 hold`."""
    counts = {verdict: sum(claim["verdict"] == verdict for claim in claims) for verdict in KINDS}
    return f"{len(claims)} claims: " + ", ".join(f"{n} {_PLURAL[verdict]}" for verdict, n in counts.items() if n)


def card(claim: _Claim, width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """One claim in full: as stated, corrected, the numerical check, what the run says, and the verdict with its reason."""
    kind = KINDS[claim["verdict"]]
    heading = [_styled(line, _BOLD, color) for line in _wrapped(claim["title"], width, ascii)]
    verdict = [_styled(line, kind.style, color) for line in textwrap.wrap(_verdict(claim, ascii), max(width, _LEAST))]
    source = [_styled(line, _DIM, color) for line in _wrapped(claim["source"], width, ascii)]
    parts = ["\n".join([*heading, *verdict, *source])]
    for name, words in (("as stated", claim["stated"]), ("correct", claim["correct"])):
        parts += [_part(name, "\n".join(_indented(words, width, ascii)), color)] if words else []
    for name, figures in (("check", claim["checks"]), ("this run", claim["measured"])):
        parts += [_part(name, _figures(figures, width, color, ascii), color)] if figures else []
    parts.append(_part("why", "\n".join(_indented(claim["why"], width, ascii)), color))
    if claim["needs"]:
        parts.append(_part("to tell more", "\n".join(_indented(claim["needs"], width, ascii)), color))
    return "\n\n".join(parts)


def _row(claim: _Claim, claims: Sequence[_Claim], width: int, color: bool, ascii: bool) -> str:  # noqa: A002
    """A claim as lines of three columns."""
    titles = max(cells(safe(one["title"], ascii=ascii)) for one in claims)
    verdicts = max(cells(_verdict(one, ascii)) for one in claims)
    room = max(width - titles - verdicts - 2 * _GAP, _LEAST)
    kind = KINDS[claim["verdict"]]
    first, *rest = _wrapped(claim["why"], room, ascii)
    title, verdict = safe(claim["title"], ascii=ascii), _verdict(claim, ascii)
    head = _padded(title, titles + _GAP) + _styled(_padded(verdict, verdicts), kind.style, color) + " " * _GAP + first
    return "\n".join([head, *(" " * (titles + verdicts + 2 * _GAP) + line for line in rest)])


def _stacked(claim: _Claim, width: int, color: bool, ascii: bool) -> str:  # noqa: A002
    kind, mark = KINDS[claim["verdict"]], sign(claim["verdict"], ascii)
    title = safe(claim["title"], max(width - 2, 1), ascii=ascii)
    lines = [f"{_styled(mark, kind.style, color)} {_styled(title, _BOLD, color)}"]
    lines += [_styled(line, kind.style, color) for line in _indented(words(claim["verdict"]), width, ascii)]
    return "\n".join([*lines, *_indented(claim["why"], width, ascii)])


def _verdict(claim: _Claim, ascii: bool) -> str:  # noqa: A002
    """`✗ fails`."""
    return f"{sign(claim['verdict'], ascii)} {words(claim['verdict'])}"


def _figures(figures: Sequence[Mapping[str, Any]], width: int, color: bool, ascii: bool) -> str:  # noqa: A002
    """Names and words: beside each other, or below where a line is short."""
    room = max(width - _GAP, 1)
    if max(cells(safe(one["name"], ascii=ascii)) for one in figures) <= room // 2 and room >= _ROOMY:
        lines = keyvalues([(one["name"], one["words"]) for one in figures], room, color=color, ascii=ascii).split("\n")
    else:
        lines = []
        for one in figures:
            lines += [_styled(line, _DIM, color) for line in _wrapped(one["name"], room, ascii)]
            lines += _indented(one["words"], room, ascii)
    return "\n".join(" " * _GAP + line for line in lines)


def _part(name: str, body: str, color: bool) -> str:
    return f"{_styled(name, _DIM, color)}\n{body}"


def _indented(words: str, width: int, ascii: bool) -> list[str]:  # noqa: A002
    return [" " * _GAP + line for line in _wrapped(words, width - _GAP, ascii)]


def _wrapped(words: str, width: int, ascii: bool) -> list[str]:  # noqa: A002
    return textwrap.wrap(safe(words, ascii=ascii), max(width, _LEAST), break_on_hyphens=False) or [""]


def _padded(words: str, width: int) -> str:
    return words + " " * (width - cells(words))


def _styled(words: str, style: str, color: bool) -> str:
    return f"\x1b[{style}m{words}\x1b[0m" if color else words
