"""Makes text from data, models and run directories harmless before it meets a terminal, a page or a log."""

import re
import unicodedata
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

# Combining marks kept on one letter. Vietnamese, Thai and vocalised Hebrew need up to three; a higher pile reaches into other lines.
MAX_MARKS = 4

# Characters without ink that Unicode files under letters, marks or symbols: grapheme joiner, Hangul and Khmer fillers, Mongolian and
# emoji variation selectors, Khitan filler, the null notehead. (The invisible ones of category Cf need no list.)
_INKLESS = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0, 0x16FE4, 0x1D159]
).union(range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))  # fmt: skip

# Controls, formats (bidirectional, zero-width, tags), surrogates, private use, not assigned, line and paragraph separators.
_HARMFUL_CATEGORIES = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])

# A skin tone changes the width of the emoji before it in some terminals and not in others.
_SKIN_TONES = range(0x1F3FB, 0x1F400)

_LOOKALIKES = str.maketrans(
    dict(zip("…–—−‐‑·•×÷‘’“”«»\u00a0\u202f", '~-----.*x/\'\'""""  ', strict=True))
    | {"±": "+-", "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "→": "->", "←": "<-", "∞": "inf", "²": "^2", "³": "^3", "ß": "ss"}
    | {"↑": "^", "↓": "v", "‖": "||", "√": "sqrt", "∫": "integral of ", "Σ": "sum", "∇": "grad ", "∝": "~", "ⁿ": "^n", "½": "1/2"}
    | {"␊": "\\n", "␉": "\\t", "␍": "\\r"}
    | {"‹": "<", "›": ">", "Γ": "Gamma", "Δ": "Delta", "δ": "delta", "θ": "theta", "π": "pi"}
    | {"α": "alpha", "β": "beta", "γ": "gamma", "ε": "epsilon", "λ": "lambda", "μ": "mu", "µ": "mu", "ρ": "rho", "σ": "sigma", "τ": "tau"}
)


def is_harmful(character: str) -> bool:
    """Whether one character may move the cursor, change its neighbours or be invisible, and therefore never reaches a terminal."""
    code = ord(character)
    return code in _INKLESS or code in _SKIN_TONES or unicodedata.category(character) in _HARMFUL_CATEGORIES


def safe(text: str, limit: int | None = None, newlines: bool = False, ascii: bool = False) -> str:  # noqa: A002
    r"""The text with everything that could steer, hide or reorder shown as visible signs: `␛` for ESC, `‹U+202E›` for an override.

    C0 controls and DEL become Unicode's control pictures, one cell each (␊ for a line feed, ␉ for a tab). C1 controls, bidirectional and
    zero-width characters, joiners, variation selectors, skin tones, tags, separators, surrogates, private and unassigned characters become
    their number. Beyond four on one letter, combining marks are counted instead of shown (`‹+37 combining›`); a mark with no letter gets a
    dotted circle to sit on. So the width of the result is the sum over its characters, and making it safe twice changes nothing.
    Letters of right-to-left scripts stay: a page has to isolate them (`<bdi>`).

    limit cuts each line to that many terminal cells, the last of them `…`. newlines keeps `\n`, and nothing else, as it is.
    ascii makes the result 7-bit: look-alikes where there are some (β → beta), `\n` for a line feed, `<U+4E2D>` for the rest, `~` for the
    ellipsis.
    """
    if newlines:
        return "\n".join(safe(line, limit, ascii=ascii) for line in text.split("\n"))
    if not (text.isascii() and text.isprintable()):
        text = _visible(text)
        text = _seven_bit(text) if ascii else text
    return text if limit is None else _cut(text, limit, "~" if ascii else "…")


def width(text: str) -> int:
    """How many terminal cells a text takes that `safe` has made harmless (wide characters two, combining marks none)."""
    return cell_len(text)


def _visible(text: str) -> str:
    shown: list[str] = []
    marks, has_base = 0, False
    for character in text:
        if not _is_mark(character):
            _close_pile(shown, marks)
            marks, has_base = 0, not is_harmful(character)
            shown.append(character if has_base else _escape(character))
            continue
        if not has_base:
            shown.append("◌")
            has_base = True
        marks += 1
        if marks <= MAX_MARKS:
            shown.append(character)
    _close_pile(shown, marks)
    return "".join(shown)


def _close_pile(shown: list[str], marks: int) -> None:
    if marks > MAX_MARKS:
        shown.append(f"‹+{marks - MAX_MARKS} combining›")


@lru_cache(4096)
def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M") and not is_harmful(character)


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"


def _seven_bit(text: str) -> str:
    text = re.sub("‹([^›]*)›", r"<\1>", text).translate(_LOOKALIKES)
    return "".join(character if character.isascii() else _plain_letter(character) for character in text)


@lru_cache(4096)
def _plain_letter(character: str) -> str:
    """é → e; what has no plain form is shown by its number, a control picture by the number of the control."""
    code = ord(character)
    if 0x2400 <= code <= 0x2421:
        return f"<U+{0x7F if code == 0x2421 else code - 0x2400:04X}>"
    plain = unicodedata.normalize("NFKD", character)
    letters = "".join(part for part in plain if not unicodedata.combining(part))
    if letters.isascii() and letters.isprintable() and letters:
        return letters
    return "" if unicodedata.combining(character) else f"<U+{code:04X}>"


def _cut(text: str, limit: int, ellipsis: str) -> str:
    if limit <= 0:
        return ""
    return text if cell_len(text) <= limit else set_cell_size(text, limit - 1) + ellipsis
