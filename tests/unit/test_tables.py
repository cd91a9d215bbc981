"""Listings fit their width, say what they leave out, and are harmless."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from memlab.render.tables import Column, keyvalues, sparkline, table

RUNS = [
    {"name": "question-formation-micro-2024-11-22", "state": "running", "N": 1_250_000, "loss": 0.152, "course": "█▆▄▃▂▁"},
    {"name": "日本語\x1b[31m", "state": "lost", "N": 124_000_000, "loss": None},
]
COLUMNS = [
    Column("name", shortest=10, importance=9, style="bold"),
    Column("state", importance=8),
    "N",
    Column("loss", importance=5),
    "course",
]
cells = st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.none())


def test_a_wide_table_shows_everything_with_numbers_at_the_right():
    lines = table(RUNS, COLUMNS, 100, color=False).splitlines()
    assert lines[0].split() == ["name", "state", "N", "loss", "course"]
    assert set(lines[1]) == {"─"}
    assert lines[2].split() == ["question-formation-micro-2024-11-22", "running", "1,250,000", "0.152", "█▆▄▃▂▁"]
    assert lines[2].index("1,250,000") + len("1,250,000") == lines[0].index("N") + 1


def test_long_cells_are_cut_before_a_column_is_left_out():
    lines = table(RUNS, COLUMNS, 55, color=False).splitlines()
    assert lines[2].startswith("question-formatio…  running")
    assert "course" in lines[0]
    assert len(lines) == 4


def test_the_least_important_columns_go_first_and_are_named():
    lines = table(RUNS, COLUMNS, 30, color=False).splitlines()
    assert lines[0].split() == ["name", "state", "loss"]
    assert lines[-1] == "not shown: N, course"


@given(st.lists(st.fixed_dictionaries({"a": cells, "b": cells, "c": cells}), max_size=4), st.integers(-1, 60), st.booleans(), st.booleans())
def test_no_line_is_wider_than_asked_and_every_row_is_one_line(rows, width, ascii, header):  # noqa: A002
    text = table(rows, ["a", Column("b", shortest=3), Column("c", importance=1)], width, color=False, ascii=ascii, header=header)
    assert all(cell_len(line) <= width for line in text.split("\n") if line)
    assert len(text.splitlines()) <= len(rows) + 3
    assert "\x1b" not in text
    assert not ascii or text.isascii()


def test_colour_is_only_sgr_and_only_on_request(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    colored = table(RUNS, COLUMNS, 100)
    assert "\x1b[1m" in colored
    assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", colored)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in table(RUNS, COLUMNS, 100, color=False)


def test_an_empty_table_is_its_header():
    assert table([], ["name", "state"], 80, color=False).splitlines() == ["name  state", "─" * 11]
    assert table([], ["name"], 80, color=False, header=False) == ""
    assert table([{"name": 1}], [], 80) == ""


def test_ascii_rules_and_cells():
    lines = table([{"β": "…"}], ["β"], 20, color=False, ascii=True).splitlines()
    assert lines == ["beta", "----", "~"]


def test_names_and_values_are_aligned_and_long_values_go_on():
    text = keyvalues([("loss", 0.15), ("data directory", "a b c d e f"), ("ESC", "\x1b")], 22, color=False)
    assert text.splitlines() == ["loss         0.150", "data direc…  a b c d e", "             f", "ESC          ␛"]
    assert keyvalues([], 20) == ""


@given(st.lists(st.tuples(st.text(max_size=12), cells), max_size=4), st.integers(1, 40), st.booleans())
def test_names_and_values_fit(pairs, width, ascii):  # noqa: A002
    text = keyvalues(pairs, width, color=False, ascii=ascii)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "\x1b" not in text
    assert not ascii or text.replace("\n", "").isascii()


def test_a_sparkline_goes_from_its_lowest_to_its_highest_bar():
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([8, 1], 8, ascii=True) == "#_"


def test_a_sparkline_averages_what_does_not_fit():
    assert sparkline(np.repeat([0.0, 7.0], 50), 2) == "▁█"


@pytest.mark.parametrize(
    ("values", "bars"), [([], ""), ([3], "▅"), ([3, 3], "▅▅"), ([None, float("inf")], "××"), ([1, float("nan"), 2], "▁×█")]
)
def test_a_sparkline_of_little(values, bars):
    assert sparkline(values, 10) == bars


@given(st.lists(st.floats(), max_size=50), st.integers(-1, 20), st.booleans())
def test_a_sparkline_always_fits(values, width, ascii):  # noqa: A002
    line = sparkline(values, width, ascii)
    assert len(line) == max(0, min(width, len(values)))
    assert not ascii or line.isascii()
