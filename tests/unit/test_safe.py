"""Nothing that a corpus, a model or a run directory contains can steer a terminal, hide or reorder text."""

import io
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from memlab.render.safe import MAX_MARKS, safe

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt): what a font shows as nothing.
INVISIBLE = [
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F)),
    *((0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8)),
    *((0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
]
HOSTILE = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *(chr(code) for low, high in INVISIBLE for code in {low, (low + high) // 2, high}),
    *"\u2028\u2029\u202e\u2066\ud800\udfff\ue000\ufdd0\uffff\U0010ffff\u0301\u0489\u20e3🏽👩❤[]:\\日",
]
texts = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from(HOSTILE)), max_size=60)


def forbidden(character: str) -> bool:
    code = ord(character)
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or any(
        low <= code <= high for low, high in INVISIBLE
    )


def printed(text: Text) -> str:
    out = io.StringIO()
    console = Console(file=out, width=10_000, force_terminal=True, color_system=None, highlight=False, legacy_windows=False)
    console.print(text, markup=False, emoji=False, soft_wrap=True, end="")
    return out.getvalue()


@given(texts)
@example("".join(HOSTILE))
def test_nothing_forbidden_is_left_and_all_of_it_can_be_written(text):
    shown = safe(text)
    assert not any(map(forbidden, shown))
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert len(shown.splitlines()) <= 1


@given(texts)
def test_making_safe_twice_changes_nothing(text):
    assert safe(safe(text)) == safe(text)


@pytest.mark.parametrize("character", sorted(set(filter(forbidden, HOSTILE))), ids=lambda character: f"U+{ord(character):04X}")
def test_every_hostile_character_is_seen(character):
    assert safe(f"a{character}b") not in ("ab", "a b", f"a{character}b")


@given(texts)
def test_combining_marks_have_a_letter_and_do_not_pile_up(text):
    run = MAX_MARKS
    for character in safe(text):
        run = run + 1 if unicodedata.category(character).startswith("M") else 0
        assert run <= MAX_MARKS


def test_a_pile_of_marks_is_counted_and_the_first_ones_stay():
    assert safe("e" + "\u0301" * 40 + "x") == "e" + "\u0301" * 4 + "‹+36 combining›x"
    assert safe("\u0301") == "◌\u0301"
    assert safe("\x1b\u0301") == "␛◌\u0301"


@given(texts, st.integers(-1, 30))
def test_the_limit_is_kept_in_cells(text, limit):
    assert cell_len(safe(text, limit)) <= max(limit, 0)
    if cell_len(safe(text)) <= limit:
        assert safe(text, limit) == safe(text)


@given(texts)
def test_the_width_is_the_sum_over_the_characters(text):
    assert cell_len(safe(text)) == sum(map(cell_len, safe(text)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("\x9b2J", "‹U+009B›2J"),
        ("a\tb\nc\r\x7f", "a␉b␊c␍␡"),
        ("user\u202egnp.exe", "user‹U+202E›gnp.exe"),
        ("pass\u200bword", "pass‹U+200B›word"),
        ("👩\u200d👧 ❤\ufe0f 👍🏽", "👩‹U+200D›👧 ❤‹U+FE0F› 👍‹U+1F3FD›"),
        ("\udcff", "‹U+DCFF›"),
    ],
)
def test_the_escapes_are_readable(text, shown):
    assert safe(text) == shown


@pytest.mark.parametrize(
    "text",
    ["plain text, 12 %", "naïve Ångström", "日本語テキスト", "Ελληνικά", "ไม่เป็นไร", "हिन्दी", "עִבְרִית", "tiếng Việt", "🙂 🇩🇪", "a\u00a0b"],
)
def test_ordinary_text_of_any_script_stays_as_it_is(text):
    assert safe(text) == text
    assert safe(unicodedata.normalize("NFD", text)) == unicodedata.normalize("NFD", text)


def test_newlines_are_kept_on_request_and_nothing_else_is():
    assert safe("one\ttwo\r\nthree\x0bfour", newlines=True) == "one␉two␍\nthree␋four"
    assert safe("a long line\nshort", limit=6, newlines=True) == "a lon…\nshort"


@given(texts, st.integers(0, 20))
def test_ascii_is_printable_seven_bit_text_within_the_limit(text, limit):
    for shown in (safe(text, ascii=True), safe(text, limit, ascii=True)):
        assert shown.isascii()
        assert shown == "" or shown.isprintable()
    assert len(safe(text, limit, ascii=True)) <= limit


def test_ascii_keeps_what_can_be_read():
    assert safe("β ≤ 1.5 × café…", ascii=True) == "beta <= 1.5 x cafe~"
    assert safe("½‖x − ρ‖² = √Δ, ∇E ∝ rⁿ", ascii=True) == "1/2||x - rho||^2 = sqrtDelta, grad E ~ r^n"
    assert safe("中\x1b", ascii=True) == "<U+4E2D><U+001B>"


@given(texts)
@example("\x1b]0;title\x07\x1b[2J")
def test_rich_prints_no_control_character_from_the_text(text):
    assert printed(Text(safe(text))) == safe(text)


def test_in_seven_bits_a_line_feed_takes_two_cells():
    assert safe("a\n\tb\r", ascii=True) == "a\\n\\tb\\r"
