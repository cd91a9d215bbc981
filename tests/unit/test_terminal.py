"""What is printed fits the terminal that it is printed on."""

import io
import json
import math
import sys

import pytest

from memlab.cli import terminal
from memlab.cli.live import Screen
from memlab.cli.terminal import complain, draw, look, say, say_json


class Stream(io.StringIO):
    """Standard output of a kind."""

    def __init__(self, encoding="utf-8", tty=True):
        super().__init__()
        self._encoding, self._tty = encoding, tty

    encoding = property(lambda self: self._encoding)

    def isatty(self):
        return self._tty


@pytest.fixture
def stream(monkeypatch):
    for name in ("NO_COLOR", "MEMLAB_ASCII", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def use(**kind):
        monkeypatch.setattr(sys, "stdout", Stream(**kind))
        return sys.stdout

    return use


@pytest.mark.parametrize(
    ("kind", "variables", "live", "color", "ascii"),
    [
        ({}, {}, True, True, False),
        ({"tty": False}, {}, False, False, False),
        ({}, {"TERM": "dumb"}, False, False, False),
        ({}, {"NO_COLOR": "1"}, True, False, False),
        ({}, {"MEMLAB_ASCII": "1"}, True, True, True),
        ({"encoding": "iso8859-1"}, {}, True, True, True),
    ],
)
def test_the_kind_of_terminal_decides(stream, monkeypatch, kind, variables, live, color, ascii):  # noqa: A002
    stream(**kind)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = look()
    assert (found.live, found.color, found.ascii) == (live, color, ascii)


def test_a_job_in_the_background_does_not_draw_on_the_terminal(stream, monkeypatch):
    stream()
    monkeypatch.setattr(terminal, "_in_foreground", lambda: False)
    assert not look().live


def test_columns_and_lines_override_the_size(stream, monkeypatch):
    stream()
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("LINES", "9")
    assert (look().width, look().height) == (50, 9)


def test_words_are_made_harmless_and_a_seven_bit_terminal_gets_what_it_can_show(stream):
    out = stream(encoding="ascii")
    say("a · b\nrun \x1b[31m")
    assert out.getvalue() == "a . b\nrun <U+001B>[31m\n"


def test_a_picture_keeps_its_colours(stream):
    out = stream()
    draw("\x1b[31mred\x1b[0m")
    assert out.getvalue() == "\x1b[31mred\x1b[0m\n"


def test_a_complaint_is_one_harmless_line_on_standard_error(stream, capsys):
    complain("no file '\x1b[31m\nx'")
    assert capsys.readouterr().err == "memlab: no file '␛[31m␊x'\n"


def test_json_is_strict_and_seven_bit(stream):
    out = stream()
    say_json({"loss": math.nan, "losses": (1.0, math.inf), 3: "é"})
    assert out.getvalue().isascii()
    assert json.loads(out.getvalue()) == {"loss": None, "losses": [1.0, None], "3": "é"}


def test_a_picture_is_drawn_over_itself_by_the_rows_that_have_changed(stream):
    out = stream()
    with Screen() as screen:
        screen.draw(["one", "two", "three"], (80, 24))
        out.truncate(0), out.seek(0)
        screen.draw(["one", "2", "three"], (80, 24))
        assert out.getvalue() == "\x1b[2;1H2\x1b[K"
        out.truncate(0), out.seek(0)
        screen.draw(["one", "2", "three"], (80, 24))
        assert out.getvalue() == ""
        screen.draw(["one"], (80, 24))
        assert out.getvalue() == "\x1b[2;1H\x1b[J"
        out.truncate(0), out.seek(0)
        screen.draw(["one"], (40, 12))
        assert out.getvalue() == "\x1b[2J\x1b[1;1Hone\x1b[K", "a terminal of another size is drawn anew"
        out.truncate(0), out.seek(0)
    assert out.getvalue() == "\x1b[?25h\x1b[?1049l"
