"""The loss plot shows what is in the data, at its place, in the space there is, and never more escape sequences than colours."""

import math
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from memlab.render.curves import NOTHING_FINITE, WAITING, Floor, Marker, Series, plot

SGR = re.compile(r"\x1b\[[\d;]*m")
STEPS = np.arange(0, 701, 5)
EVALUATIONS = np.arange(0, 701, 25)
TRAIN = Series("train", STEPS, 0.15 + 8.15 * np.exp(-STEPS / 130))
VALIDATION = Series("validation", EVALUATIONS, 5.5 + 3.4 * ((EVALUATIONS - 200) / 500) ** 2, "validation")
FLOORS = [Floor("entropy floor", 0.990), Floor("memorisation floor", 0.5)]
MARKERS = [Marker(200, "best"), Marker(350, "resumed")]


def plain(*args, width=80, height=24, **options) -> list[str]:
    return plot(*args, width=width, height=height, color=False, **options).split("\n")


def find(lines: list[str], sign: str) -> list[tuple[int, int]]:
    """Where a sign is below the lines of the legend, (row, column)."""
    first = next(row for row, line in enumerate(lines) if line.startswith("loss"))
    return [(row, column) for row, line in enumerate(lines) if row > first for column, character in enumerate(line) if character == sign]


def test_a_normal_plot_names_all_there_is_with_units_and_values():
    text = "\n".join(plain([TRAIN, VALIDATION], FLOORS, MARKERS, title="a run", width=120))
    for words in ("a run", "train", "validation", "entropy floor 0.990", "memorisation floor 0.500", "best at 200", "resumed at 350"):
        assert words in text
    assert "loss (nats per token)" in text
    assert "steps" in text
    assert re.search(r"^ +0 +50 +100 +150 +200 .* 700$", text, re.MULTILINE)


@given(st.integers(1, 130), st.integers(1, 40), st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.9]))
def test_the_size_is_kept_at_every_size(width, height, color, ascii, log_y, smoothing):  # noqa: A002
    text = plot(
        [TRAIN, VALIDATION],
        FLOORS,
        MARKERS,
        width=width,
        height=height,
        color=color,
        ascii=ascii,
        log_y=log_y,
        smoothing=smoothing,
        title="日本語 β",
    )
    lines = SGR.sub("", text).split("\n")
    assert len(lines) == height
    assert all(cell_len(line) <= width for line in lines)
    assert not ascii or text.replace("\x1b", "").isascii()
    assert color or "\x1b" not in text
    assert "\x1b" not in SGR.sub("", text)


values = st.one_of(st.none(), st.floats(), st.floats(0, 10), st.sampled_from([1e30, -1e308, 5e-324, 0.0]))
points = st.lists(st.tuples(st.one_of(st.floats(), st.integers(0, 1000).map(float)), values), max_size=30)
ranges = st.one_of(st.none(), st.tuples(st.floats(), st.floats()))


@given(points, points, st.lists(st.floats(), max_size=2), st.floats(), st.booleans(), ranges, ranges)
def test_no_value_however_odd_breaks_it(train, validation, floors, event, log_y, x_range, y_range):
    series = [
        Series("t", [x for x, _ in train], [y for _, y in train]),
        Series("v", *np.array(validation or [(0, 0)], float).T, "validation"),
    ]
    options = {"log_y": log_y, "x_range": x_range, "y_range": y_range, "smoothing": 0.5}
    lines = plain(series, [Floor("f", value) for value in floors], [Marker(event, "e")], width=50, height=14, **options)
    assert len(lines) == 14
    assert all(cell_len(line) <= 50 for line in lines)


@pytest.mark.parametrize("log_y", [False, True])
def test_points_lie_where_their_values_are(log_y):
    x, y = np.array([0, 10, 25, 40]), np.array([1.0, 4.0, 2.0, 8.0])
    lines = plain([Series("v", x, y, "validation")], y_range=(1.0, 8.0), x_range=(0, 40), log_y=log_y)
    marks = find(lines, "●")
    left = min(column for _, column in marks)
    top = next(row for row, line in enumerate(lines) if line.startswith("loss")) + 1
    rows = next(row for row, line in enumerate(lines) if "└" in line) - top
    share = (np.log(y) / math.log(8)) if log_y else (y - 1) / 7
    for across, up in zip(x / 40, share, strict=True):
        expected = (top + (1 - up) * (rows - 1), left + across * (79 - left))
        assert min(max(abs(row - expected[0]), abs(column - expected[1])) for row, column in marks) <= 1


def test_train_and_validation_differ_without_colour():
    marks = find(plain([TRAIN, VALIDATION]), "●")
    assert len(marks) > 10
    assert not find(plain([TRAIN]), "●")
    assert find(plain([TRAIN, VALIDATION], ascii=True), "o")


def test_every_further_run_has_its_own_colour_and_mark():
    series = [Series(f"run {index}", STEPS, STEPS + 100.0 * index) for index in range(4)]
    text = plot(series, width=120, height=30)
    legend_line = text.split("\n")[0]
    assert len(set(re.findall(r"38;5;(\d+)", legend_line))) == 4
    assert all(sign in legend_line for sign in "○□△")


@pytest.mark.parametrize("y_scale", ["linear", "log"])
def test_floors_are_in_view_and_dashed_even_far_below_the_curve(y_scale):
    lines = plain([Series("train", STEPS, 8 + STEPS / 1000)], [Floor("floor", 0.5)], log_y=y_scale == "log")
    places = [place for sign in "⎺⎻⎼⎽" for place in find(lines, sign)]
    assert len({row for row, _ in places}) == 1
    assert 20 < len(places) < 70


def test_floors_in_the_same_row_can_both_be_seen():
    lines = plain([Series("train", STEPS, STEPS * 0 + 50.0)], [Floor("first", 0.5), Floor("second", 0.6)], y_range=(0, 100))
    assert len({row for sign in "⎺⎻⎼⎽" for row, _ in find(lines, sign)}) == 1
    text = "\n".join(lines[2:])
    assert any(f"{sign}{sign} {sign}{sign} " in text for sign in "⎺⎻⎼⎽")
    assert any(f"{sign} {sign} {sign} " in text for sign in "⎺⎻⎼⎽")


def test_a_floor_outside_a_chosen_range_is_said_to_be():
    assert any("floor 0.500 (below the view)" in line for line in plain([TRAIN], [Floor("floor", 0.5)], y_range=(1, 9)))


def test_an_early_spike_does_not_flatten_the_rest_and_is_marked():
    y = np.array(TRAIN.y)
    y[3] = 900.0
    lines = plain([Series("train", STEPS, y)])
    assert any("↑ train above 9, up to 900" in line for line in lines)
    assert len(find(lines, "↑")) == 1
    assert any(line.lstrip().startswith("8┤") for line in lines)


def test_a_late_rise_of_validation_is_no_spike():
    lines = plain([Series("train", np.arange(5000) / 7, np.full(5000, 0.2)), VALIDATION])
    assert not find(lines, "↑")


def test_a_line_between_two_points_far_outside_is_still_seen():
    sparse = Series("validation", [0.0, 100.0], [0.0, 10.0], role="validation")
    dense = Series("training", [float(x) for x in range(101)], [1.0] * 101)
    rows = plot([sparse, dense], width=60, height=20, x_range=(50.0, 51.0), color=False).splitlines()
    assert next(row for row in rows if row.startswith("5┤")).count("⠤") > 50, "it passes there at 5"


def test_what_is_said_in_place_of_curves_is_not_drawn_over():
    shown = plot([], [Floor("memorisation floor", 0.006)], width=80, height=20, color=False)
    assert " waiting for the first evaluation " in shown


def test_a_chosen_range_hides_nothing_silently():
    lines = plain([TRAIN], y_range=(1, 3))
    assert find(lines, "↑")
    assert find(lines, "↓")
    assert any(re.search(r"train ×\d+ above 3, up to 8.3", line) for line in lines)


def test_values_that_are_not_finite_are_events_on_the_axis_and_in_the_legend():
    lines = plain([Series("train", [0, 1, 2, 3, 4], [3.0, None, math.inf, 2.0, math.nan])])
    assert len(find(lines, "✕")) == 2
    assert len(find(lines, "∞")) == 1
    assert any("✕ train NaN ×2 from 1   ∞ train infinite at 2" in line for line in lines)


def test_a_line_breaks_where_a_value_is_missing():
    y = np.where((STEPS > 200) & (STEPS < 500), np.nan, 3.0)
    lines = plain([Series("train", STEPS, y)], y_range=(0, 6), x_range=(0, 700))
    row = next(line for line in lines if line.count("⠤") + line.count("⣀") + line.count("⠒") + line.count("⠉") > 20)
    assert "      " in row[10:70].strip("⠤⣀⠒⠉") or row[35] == " "


def test_a_logarithmic_axis_marks_what_has_no_logarithm():
    lines = plain([Series("train", range(20), [3 - 0.2 * index for index in range(20)])], log_y=True)
    assert any(re.search(r"↓ train ×\d below 0.2, down to -0.8", line) for line in lines)


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ([], WAITING),
        ([Series("train", [], [])], WAITING),
        ([Series("train", [1, 2], [None, math.nan])], NOTHING_FINITE),
    ],
)
def test_a_plot_of_nothing_says_so(series, words):
    assert any(words in line for line in plain(series, FLOORS))
    assert any(words[:12] in line for line in plain(series, FLOORS, width=20, height=8, ascii=True))


@pytest.mark.parametrize(
    "series",
    [
        *(Series("one", [5], [8.3]), Series("flat", STEPS, np.full(STEPS.size, 3.0)), Series("huge", [0, 1, 2], [1e30, -1e30, 5e29])),
        *(Series("at once", [7, 7, 7], [1, 2, 3]), Series("backwards", [3, 2, 1], [1, 2, 3])),
    ],
    ids=lambda series: series.name,
)
def test_unusual_series_are_drawn(series):
    lines = plain([series])
    assert any(0x2800 < ord(character) < 0x2900 or character == "•" for line in lines[2:] for character in line)


def test_smoothing_draws_the_mean_and_leaves_the_evaluations_alone():
    noisy = Series("train", STEPS, np.tile([1.0, 5.0], STEPS.size)[: STEPS.size])
    text = plot([noisy, VALIDATION], width=80, height=24, smoothing=0.95)
    assert "train (smoothed)" in SGR.sub("", text)
    assert "validation (smoothed)" not in SGR.sub("", text)
    assert "2;38;5;" in text
    marks = find(plain([noisy, VALIDATION], smoothing=0.95), "●")
    assert marks == find(plain([noisy, VALIDATION], smoothing=0.0), "●")


def test_events_of_a_kind_share_a_sign_and_a_place_in_the_legend():
    lines = plain([TRAIN], (), [*MARKERS, *(Marker(2.0**power, "checkpoint") for power in range(10))])
    assert len(find(lines, "◇")) >= 5
    assert any("checkpoint ×10 from 1" in line for line in lines)
    assert len(find(lines, "★")) == 1


def test_hostile_names_are_harmless():
    bad = "x\x1b]0;owned\x07\u202e[red]"
    text = plot([Series(bad, STEPS, TRAIN.y)], [Floor(bad, 1)], [Marker(3, bad)], width=100, height=24, title=bad, x_label=bad, y_label=bad)
    assert not any(character in SGR.sub("", text) for character in "\x1b\x07\u202e")
    assert "[red]" in text


def test_five_thousand_points_lose_no_extreme():
    y = np.full(5000, 2.0)
    y[1234] = 3.0
    lines = plain([Series("train", np.arange(5000), y)], y_range=(1, 3))
    top = next(row for row, line in enumerate(lines) if line.startswith("loss")) + 1
    assert sum(0x2800 < ord(character) < 0x2900 for character in lines[top]) == 1


def test_one_plot_leaves_no_trace_in_the_next():
    first = plain([TRAIN])
    plain([VALIDATION], FLOORS, width=30, height=9, log_y=True)
    assert plain([TRAIN]) == first


def test_different_lengths_are_refused():
    with pytest.raises(ValueError, match="'train' has 2 x and 3 y values"):
        plain([Series("train", [1, 2], [1, 2, 3])])


def test_importing_it_loads_no_plotext_and_drawing_writes_nothing(tmp_path):
    program = """
import sys
from memlab.render.curves import Series, plot
assert "plotext" not in sys.modules
plot([Series("train", [0, 1], [2, 1])], width=60, height=14)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={"COLUMNS": "1", "LINES": "1"}, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
