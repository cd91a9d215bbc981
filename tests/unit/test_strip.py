"""Strips: every token above its sign, nothing wider than asked, nothing from data reaches the terminal as it is."""

import re

import pytest

from memlab.render import strip, stripwords
from memlab.render.safe import width as cells

SGR = re.compile(r"\x1b\[[0-9;]*m")
NAMES = [*strip.KINDS, ""]
HOSTILE = ["\x1b[31m", "a\nb", "\u202eevil", "汉字", " ", "    ", "", "\x9b2J", "e\u0301", "👍🏽", "\t", "[/b]", "word" * 30]


def tokens(texts):
    return [(text, NAMES[number % len(NAMES)]) for number, text in enumerate(texts)]


def test_intervals_of_shares_are_by_document():
    found = {"n_excerpts": {"training": 9, "validation": 8}, "n_left_out": 0, "seed": 1}
    assert "by resampling their documents" in stripwords.excerpts(found, with_intervals=True)
    assert "resampling" not in stripwords.excerpts(found, with_intervals=False)


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("width", [1, 8, 20, 50, 120])
def test_no_line_is_wider_than_asked_and_nothing_harmful_is_left(width, ascii):  # noqa: A002
    drawn = strip.draw(tokens(HOSTILE * 3), width, ascii=ascii)
    for color in (False, True):
        for line in drawn.lines(color):
            plain = SGR.sub("", line)
            assert cells(plain) <= max(width, 8)
            assert not set(plain) & set("\x1b\n\t\x9b\u202e")
            assert plain.isascii() or not ascii
    assert "\x1b" not in "".join(drawn.lines(False))
    assert [text.plain for text in drawn.texts] == [SGR.sub("", line) for line in drawn.lines()]


def test_every_token_has_its_sign_below_its_first_letter():
    words = [("The", "memorised"), (" cat", "predictable"), (" is", "copied"), ("n't", "unsure"), (" .", "wrong"), (" given", "")]
    text, marks = strip.draw(words, 80).lines(False)
    assert text == "The cat isn't . given"
    assert marks == "●── ○── =─?── ×"
    assert strip.draw(words, 80, ascii=True).lines(False)[1] == "#-- o-- =-?-- x"


def test_the_text_of_a_strip_is_the_text():
    words = tokens(["one", " two", " three", " four", " five"])
    for width in (9, 12, 40):
        lines = strip.draw(words, width).lines(False)[::2]
        assert " ".join("".join(f"{line} " for line in lines).split()) == "one two three four five"


def test_spots_say_where_a_token_is():
    words = [("one", "wrong"), (" two", "copied"), (" " + "x" * 20, "unsure")]
    drawn = strip.draw(words, 10)
    lines = drawn.lines(False)[::2]
    for (text, _), spots in zip(words, drawn.spots, strict=True):
        assert "".join(lines[spot.line][spot.start : spot.end] for spot in spots).strip() == text.strip()
    assert len(drawn.spots[2]) == 2


def test_the_cursor_is_in_reverse_video():
    drawn = strip.draw([("one", "wrong"), (" two", "copied")], 40, cursor=1)
    assert f"\x1b[0;7;{strip.KINDS['copied'].style}m two" in drawn.lines()[0]


def test_no_two_classes_look_alike_without_colour():
    assert len({kind.sign for kind in strip.KINDS.values()}) == len({kind.plain for kind in strip.KINDS.values()}) == len(strip.KINDS)


def continued(truth, greedy):
    same = [one == other for one, other in zip(truth, greedy, strict=True)]
    first = same.index(False) if False in same else None
    return {"continuation": {"prompt": 1, "truth": truth, "greedy": greedy, "same": same, "first_difference": first}}


def test_the_first_difference_of_a_continuation_is_marked():
    found = strip.continuation(continued([" the", " cat", " sat"], [" the", " walrus", " sat"]), 60, color=False)
    assert found.split("\n") == ["text    the cat    sat", "model   the walrus sat", "            ▲"]
    assert "▲" not in strip.continuation(continued([" the"], [" the"]), 60, color=False)
    assert strip.continuation(continued(["a"], ["b"]), 60, color=False, ascii=True).endswith("^")


@pytest.mark.parametrize("width", [10, 30, 80])
def test_a_hostile_continuation_stays_within_its_lines(width):
    found = strip.continuation(continued(HOSTILE, HOSTILE[::-1]), width, color=True)
    for line in found.split("\n"):
        plain = SGR.sub("", line)
        assert cells(plain) <= max(width, 16)
        assert "\x1b" not in plain
        assert "\u202e" not in plain
