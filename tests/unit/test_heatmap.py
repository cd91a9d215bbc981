"""A heat map shows each value, line and marker at its place, in every size and on every terminal, and never more escapes than colours."""

import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from memlab.render import tiles
from memlab.render.contours import Scale, fit_scale, lines, sample
from memlab.render.heatmap import Field, Marker, Picture, draw, room
from memlab.render.palette import STEPS, colors, contrast, depth_of, paint
from memlab.render.tiles import Tiles

SGR = re.compile(r"\x1b\[[\d;]*m")
U, V = np.linspace(-2, 4, 61), np.linspace(-3, 1, 41)
BOWL = Field((U - 1) ** 2 + (V[:, None] + 1) ** 2, U, V, title="a bowl", value_label="energy", u_label="u (units)", v_label="v")
MARKERS = [
    Marker(0, 0, "state", "start"),
    Marker(1, -1, "fixed"),
    Marker(3, 0.5, "pattern", "#7"),
    Marker(-1, -2, "projected", "日本語"),
    Marker(2, -2, "pattern", "#8", selected=True),
]
FULL = Field(BOWL.values, U, V, MARKERS, [(0, 0), (0.8, -0.7), (1, -1)], "a bowl", "energy", "u (units)", "v", "root")
DEPTHS = ("true", "256", "16", "none")


def plain(field: Field, width: int = 80, height: int = 24, **options) -> list[str]:
    return [SGR.sub("", line) for line in draw(field, width=width, height=height, **options).lines]


def inside(picture: Picture) -> list[str]:
    """The characters of the cells that show the plane."""
    area = picture.area
    texts = [text.plain for text in picture.texts[area.top : area.top + area.height]]
    return [text[area.left : area.left + area.width] for text in texts]


def levels(picture: Picture) -> list[float]:
    """The numbers beside the colour bar, from below."""
    area = picture.area
    beside = [text.plain[area.left + area.width + 3 :].strip() for text in picture.texts[area.top : area.top + area.height]]
    return [float(words) for words in reversed(beside) if words]


def field_of(values, **options) -> Field:
    values = np.atleast_2d(np.asarray(values, float))
    return Field(values, np.arange(values.shape[1]), np.arange(values.shape[0]), **options)


def test_a_normal_picture_names_all_there_is_with_units_and_values():
    text = "\n".join(plain(FULL, 120, 34))
    for words in (
        "a bowl",
        "energy",
        "u (units)",
        "◆ state",
        "★ fixed point",
        "● pattern ×2",
        "○ pattern off the slice",
        "• descent",
        "#7",
    ):
        assert words in text
    assert "[●] #8 selected" in text
    assert re.search(r"^ +-2.0 +-1.5 +-1.0 +-0.5 +0 +0.5 .* 4.0", text, re.MULTILINE)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 130), st.integers(1, 40), st.sampled_from(DEPTHS), st.booleans(), st.booleans())
def test_every_line_has_the_asked_width_at_every_size(width, height, depth, ascii, has_markers):  # noqa: A002
    picture = draw(FULL if has_markers else BOWL, width=width, height=height, depth=depth, ascii=ascii)
    text = "\n".join(picture.lines)
    shown = SGR.sub("", text).split("\n")
    assert len(shown) == height
    assert all(cell_len(line) == width for line in shown)
    assert "\x1b" not in SGR.sub("", text)
    assert not ascii or text.replace("\x1b", "").isascii()
    assert depth != "none" or "\x1b" not in text


@pytest.mark.parametrize("size", [(1, 1), (300, 100), (1, 100), (300, 1), (0, 5), (5, 0)])
def test_the_smallest_and_the_largest_sizes_are_drawn(size):
    width, height = size
    picture = draw(FULL, width=width, height=height)
    assert [cell_len(SGR.sub("", line)) for line in picture.lines] == ([width] * height if width else [])


numbers = st.one_of(st.floats(), st.floats(-5, 5), st.sampled_from([1e-300, -1e300, 1e300, 5e-324, np.inf, np.nan]))


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
        lambda shape: st.lists(numbers, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(lambda row: np.reshape(row, shape))
    ),
    st.lists(st.tuples(st.floats(), st.floats()), max_size=3),
    st.one_of(st.none(), st.tuples(st.floats(), st.floats())),
    st.sampled_from(["even", "root"]),
    st.sampled_from(DEPTHS),
)
def test_no_value_however_odd_breaks_it(values, points, value_range, spread, depth):
    markers = [Marker(u, v, "pattern", "x") for u, v in points]
    field = field_of(values, markers=markers, path=points, spread=spread)
    shown = plain(field, 50, 14, depth=depth, value_range=value_range)
    assert [cell_len(line) for line in shown] == [50] * 14


@pytest.mark.parametrize(
    "values", [[[3.0]], [[3.0, 3.0], [3.0, 3.0]], [[np.nan, np.nan]], [[np.inf, -np.inf]], [[1e-300, 1e300]], [[5e-324, 0]]]
)
@pytest.mark.parametrize("axis", [(0.0, 1.0), (1e-300, 2e-300), (-1e300, 1e300), (1e9, 1e9 + 1)])
def test_constant_empty_and_huge_fields_are_drawn(values, axis):
    values = np.array(values)
    u, v = (np.array(axis)[:n] for n in reversed(values.shape))
    assert len(plain(Field(values, u, v), 60, 20)) == 20


def test_a_constant_field_has_its_one_number_at_the_bar_and_no_lines():
    picture = draw(field_of(np.full((4, 4), 2.5)), width=60, height=20)
    assert levels(picture) == [2.5]
    assert set("".join(inside(picture))) == {" "}


def test_a_field_read_between_its_values_is_linear_where_it_is_linear():
    generator = np.random.default_rng(0)
    u, v = np.sort(generator.normal(size=7)), np.sort(generator.normal(size=5))
    at_u, at_v = np.linspace(u[0], u[-1], 33), np.linspace(v[0], v[-1], 21)
    read = sample(3 * u - 2 * v[:, None] + 1, u, v, at_u, at_v)
    assert np.allclose(read, 3 * at_u - 2 * at_v[:, None] + 1)


def test_a_field_read_along_a_row_is_what_numpy_interpolates():
    u, values = np.array([0.0, 1, 3, 4]), np.array([[2.0, -1, 5, 0]])
    at = np.linspace(-1, 5, 50)
    assert np.allclose(sample(values, u, np.zeros(1), at, np.zeros(1)), np.interp(at, u, values[0]))


def test_values_that_are_not_finite_stay_in_their_cells():
    values = np.array([[1.0, np.nan, 3.0, np.inf]])
    read = sample(values, np.arange(4.0), np.zeros(1), np.array([0.0, 0.4, 0.6, 1.4, 1.6, 2.4, 2.6]), np.zeros(1))[0]
    assert np.isnan(read[2:4]).all()
    assert np.isposinf(read[6])
    assert read[[0, 1, 4, 5]].tolist() == [1, 1, 3, 3]


def test_higher_values_have_lighter_cells():
    picture = draw(field_of(np.arange(40.0)[None].repeat(3, 0)), width=70, height=16, depth="true")
    row = picture.texts[picture.area.top + picture.area.height // 2]
    found = [span.style.bgcolor.triplet for span in row.spans if span.style and span.style.bgcolor and span.end <= picture.area.width]
    brightness = [0.2126 * color.red**2.2 + 0.7152 * color.green**2.2 + 0.0722 * color.blue**2.2 for color in found]
    assert len(found) > 20
    assert brightness == sorted(brightness)


@pytest.mark.parametrize("spread", ["even", "root"])
def test_contour_lines_run_exactly_where_the_field_crosses_a_level(spread):
    picture = draw(Field(BOWL.values, U, V, spread=spread), width=100, height=36)
    cut = np.array(levels(picture))
    shown, area = inside(picture), picture.area
    half_u, half_v = 6 / (2 * area.width - 1), 4 / (2 * area.height - 0.5)
    n_lines = 0
    for row in range(area.height):
        for column in range(area.width):
            u, v = picture.at(area.left + column, area.top + row)

            def range_within(reach, u=u, v=v):
                distances = [max(abs(x) - r, 0) for x, r in ((u - 1, reach * half_u), (v + 1, reach * half_v))]
                farthest = [abs(x) + r for x, r in ((u - 1, reach * half_u), (v + 1, reach * half_v))]
                return distances[0] ** 2 + distances[1] ** 2, farthest[0] ** 2 + farthest[1] ** 2

            is_line = 0x2800 < ord(shown[row][column]) < 0x2900
            n_lines += is_line
            low, high = range_within(1.6)
            assert not is_line or ((cut > low) & (cut < high)).any()
            low, high = range_within(0.2)
            assert is_line or not ((cut > low) & (cut < high)).any()
    assert n_lines > 100


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31))
def test_of_two_neighbours_with_a_level_between_one_is_on_the_line(seed):
    values = np.random.default_rng(seed).normal(size=(6, 7))
    cut = (-1.0, 0.0, 0.5)
    on_line = lines(values, cut)
    expected = np.zeros_like(on_line)
    for row, column in np.ndindex(values.shape):
        for below, right in ((row + 1, column), (row, column + 1)):
            if (
                below < 6
                and right < 7
                and (crossed := [x for x in cut if min(a := values[row, column], b := values[below, right]) < x <= max(a, b)])
            ):
                expected[(row, column) if abs(a - crossed[0]) <= abs(b - crossed[0]) else (below, right)] = True
    assert (on_line == expected).all()


@pytest.mark.parametrize("spread", ["even", "root"])
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_there_are_about_six_levels_within_the_values_and_they_ascend(spread, low, span):
    scale = fit_scale(np.array([low, low + span]), spread)
    assert 3 <= len(scale.levels) <= 9
    assert all(low < level < low + span for level in scale.levels)
    assert list(scale.levels) == sorted(set(scale.levels))


def test_by_the_root_rings_around_a_point_are_evenly_apart():
    scale = fit_scale(np.array([0.0, 50.0]), "root")
    assert np.allclose(np.diff(np.sqrt([0, *scale.levels, 50])), np.sqrt(50) / 7, rtol=0.3)
    assert np.allclose(scale.value(scale.fraction(np.array([0, 3, 50.0]))), [0, 3, 50])


def test_a_value_beyond_the_range_has_the_colour_of_its_end():
    scale = Scale(0.0, 1.0)
    assert scale.fraction(np.array([-5, np.inf, -np.inf, 0.5])).tolist() == [0, 1, 0, 0.5]
    assert np.isnan(scale.fraction(np.array([np.nan]))).all()


@settings(max_examples=60, deadline=None)
@given(st.floats(-2, 4), st.floats(-3, 1), st.sampled_from(DEPTHS))
def test_a_marker_is_in_the_cell_of_its_coordinates(u, v, depth):
    picture = draw(Field(BOWL.values, U, V, [Marker(u, v, "state")]), width=80, height=24, depth=depth)
    column, row = picture.cell(u, v)
    assert picture.texts[row].plain[column] == "◆"
    here = picture.at(column, row)
    assert abs(here[0] - u) <= 6 / picture.area.width
    assert abs(here[1] - v) <= 4 / picture.area.height
    assert picture.cell(*here) == (column, row)


def test_up_is_where_v_grows():
    picture = draw(Field(BOWL.values, U, V, [Marker(0, 0.9, "state"), Marker(0, -2.9, "fixed")]), width=80, height=24)
    rows = ["◆" in line for line in inside(picture)], ["★" in line for line in inside(picture)]
    assert rows[0].index(True) < 3
    assert rows[1].index(True) > picture.area.height - 4


def test_outside_there_is_no_cell_and_the_legend_says_so():
    picture = draw(Field(BOWL.values, U, V, [Marker(9, 0, "pattern"), Marker(0, 0, "pattern")]), width=80, height=24)
    assert picture.cell(9, 0) is None
    assert picture.at(0, 0) is None
    assert any("● pattern ×2 (1 outside)" in text.plain for text in picture.texts)


@pytest.mark.parametrize("ascii", [False, True])
def test_every_kind_has_its_own_sign_and_name_without_colour(ascii):  # noqa: A002
    kinds = ("state", "pattern", "projected", "fixed", "stored", "step")
    signs = []
    for kind in kinds:
        shown = plain(Field(BOWL.values, U, V, [Marker(1, -1, kind)]), depth="none", ascii=ascii)
        signs.append(next(line for line in shown if line.strip())[0])
    assert len(set(signs)) == len(kinds)


@pytest.mark.parametrize("depth", DEPTHS)
def test_what_is_selected_is_in_brackets_in_front_of_the_rest(depth):
    markers = [Marker(1, -1, "pattern", selected=True), Marker(1, -1, "state"), Marker(1, -1, "fixed")]
    picture = draw(Field(BOWL.values, U, V, markers), width=80, height=24, depth=depth)
    assert any("[●]" in line for line in inside(picture))
    assert not any("◆" in line for line in inside(picture))


def test_labels_stand_beside_their_signs_and_cover_none():
    crowd = [Marker(u, -1, "pattern", "a long label") for u in np.linspace(0, 1, 8)]
    picture = draw(Field(BOWL.values, U, V, [*crowd, Marker(3, 0.5, "pattern", "#7")]), width=80, height=24, depth="none")
    shown = "\n".join(inside(picture))
    assert "● #7" in shown
    assert shown.count("●") == len({picture.cell(marker.u, marker.v) for marker in crowd}) + 1


@pytest.mark.parametrize("depth", ["true", "none"])
def test_the_way_goes_straight_from_stop_to_stop(depth):
    picture = draw(Field(np.zeros((2, 2)), (-2, 4), (-3, 1), path=[(-2, -3), (4, 1)]), width=80, height=24, depth=depth)
    area = picture.area
    for step in np.linspace(0.05, 0.95, 40):
        column, row = picture.cell(-2 + 6 * step, -3 + 4 * step)
        around = [text.plain[column - 1 : column + 2] for text in picture.texts[max(row - 1, area.top) : row + 2]]
        assert any(sign in "".join(around) for sign in "▀▄─│╱╲•")


def test_values_that_are_missing_or_infinite_have_signs_and_names():
    values = np.array(BOWL.values)
    values[:, :20], values[:, 40:] = np.nan, np.inf
    for depth in DEPTHS:
        shown = plain(Field(values, U, V), depth=depth)
        assert any("✕ no value" in line and "∞ infinite" in line for line in shown[:2])
        assert "✕" * 10 in "".join(shown)
        assert "∞" * 10 in "".join(shown)


@pytest.mark.slow
@pytest.mark.parametrize("ascii", [False, True])
def test_without_colour_neighbours_differ_exactly_where_a_level_lies_between(ascii):  # noqa: A002
    picture = draw(Field(BOWL.values, U, V), width=80, height=30, depth="none", ascii=ascii)
    cut, shown, area = levels(picture), inside(picture), picture.area
    places = [[picture.at(area.left + column, area.top + row) for column in range(area.width)] for row in range(area.height)]
    bands = [[sum(sample(BOWL.values, U, V, *np.array([[u], [v]]))[0, 0] >= level for level in cut) for u, v in row] for row in places]
    assert len({sign for row in shown for sign in row}) == len(cut) + 1
    for row in range(area.height):
        for column in range(area.width - 1):
            assert (shown[row][column] == shown[row][column + 1]) == (bands[row][column] == bands[row][column + 1])


def test_in_little_space_the_axes_go_first_then_the_legend_then_the_bar():
    field = Field(BOWL.values, U, V, [Marker(0, 0, "state")], u_label="u")

    def parts(width, height):
        picture = draw(field, width=width, height=height, depth="none")
        text = "\n".join(line.plain for line in picture.texts)
        return "└" in text, "◆ s" in text, picture.area.left + picture.area.width < width

    seen = [parts(width, max(1, width // 3)) for width in range(120, 0, -1)]
    assert seen[0] == (True, True, True)
    assert seen[-1] == (False, False, False)
    for has_axes, has_legend, has_bar in seen:
        assert has_legend or not has_axes
        assert has_bar or not has_legend
    assert len(set(seen)) >= 3


def test_the_room_is_that_of_a_usual_picture():
    for width, height in ((120, 34), (80, 24), (40, 12)):
        columns, rows = room(width, height)
        area = draw(BOWL, width=width, height=height).area
        assert abs(columns - area.width) <= 6
        assert abs(rows - 2 * area.height) <= 6
    assert min(room(1, 1)) >= 1


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_app_gets_what_the_command_line_gets(depth):
    picture = draw(FULL, width=60, height=20, depth=depth)
    for line, text in zip(picture.lines, picture.texts, strict=True):
        read = Text.from_ansi(line)
        assert read.plain == text.plain
        for column in range(len(text.plain)):
            styles = [[span.style for span in one.spans if span.start <= column < span.end] for one in (read, text)]
            assert (styles[0] or [""])[-1] == (styles[1] or [""])[-1]


@pytest.mark.parametrize("depth", DEPTHS)
def test_hostile_text_is_harmless(depth):
    bad = "x\x1b]0;owned\x07\u202e[red]\n日e\u0301"
    field = Field(BOWL.values, U, V, [Marker(0, 0, "pattern", bad, selected=True)], (), bad, bad, bad, bad)
    for ascii in (False, True):  # noqa: A001
        shown = plain(field, 100, 24, depth=depth, ascii=ascii)
        assert len(shown) == 24
        assert all(cell_len(line) == 100 for line in shown)
        assert not any(character in "\n".join(shown) for character in "\x1b\x07\u202e")


def test_the_ramp_gets_lighter_for_every_kind_of_eye():
    # Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
    eyes = {
        "normal": np.eye(3),
        "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    }
    linear = (colors()[:STEPS] / 255) ** 2.2
    for seen in eyes.values():
        luminance = np.clip(linear @ np.array(seen).T, 0, 1) @ [0.2126, 0.7152, 0.0722]
        lightness = np.cbrt(luminance)
        assert (np.diff(lightness) > 0).all()
        assert np.diff(lightness).max() < 5 * np.diff(lightness).mean()


def test_lines_and_signs_stand_out_from_every_colour_of_the_ramp():
    ramp, on_it = colors()[:STEPS], colors()[STEPS : 2 * STEPS]
    assert (contrast(ramp, on_it) > 2.5).all()
    ink = np.array([[255, 255, 255] if "255" in style else [0, 0, 0] for style in paint("true").ink[:STEPS]])
    assert (contrast(ramp, ink) >= 4.5).all()
    assert contrast(np.array([0, 0, 0]), np.array([255, 255, 255])) == pytest.approx(21)


def test_with_256_colours_the_ramp_never_goes_back():
    numbers = [int(style.rsplit(";", 1)[1]) for style in paint("256").background[:STEPS]]
    changes = [number for index, number in enumerate(numbers) if index == 0 or number != numbers[index - 1]]
    assert len(changes) == len(set(changes)) >= 8
    assert all(f";5;{numbers[index]}" not in paint("256").foreground[STEPS + index] for index in range(STEPS))


@pytest.mark.parametrize(
    ("color", "variables", "depth"),
    [
        (True, {"COLORTERM": "truecolor", "TERM": "xterm"}, "true"),
        (True, {"TERM": "xterm-direct"}, "true"),
        (True, {"TERM": "xterm-256color"}, "256"),
        (True, {"TERM": "tmux"}, "256"),
        (True, {"TERM": "linux"}, "16"),
        (True, {}, "256"),
        (False, {"COLORTERM": "truecolor"}, "none"),
    ],
)
def test_the_number_of_colours_is_what_the_terminal_says(color, variables, depth):
    assert depth_of(color, variables) == depth


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"values have the shape \(2, 3\); with 2 u and 2 v it must be \(2, 2\)"):
        draw(Field(np.zeros((2, 3)), (0, 1), (0, 1)), width=10, height=10)
    with pytest.raises(ValueError, match="u must ascend"):
        draw(Field(np.zeros((2, 2)), (1, 0), (0, 1)), width=10, height=10)


def test_a_picture_is_drawn_in_a_blink():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(100, 160)).cumsum(0).cumsum(1)
    field = Field(values, np.arange(160), np.arange(100))
    seconds = []
    for _ in range(8):
        start = time.process_time()
        draw(field, width=92, height=55, depth="true")
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.05  # of a processor; measured: 9 ms


def test_importing_it_loads_no_heavy_library():
    program = """
import sys
from memlab.render import heatmap, image, tiles
assert not {"matplotlib", "plotext", "torch", "textual"} & set(sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


TABLE = Tiles(
    np.arange(36.0).reshape(3, 12) / 7,
    ["layer 0", "layer 1", "layer 2"],
    [f"tok{index}" for index in range(12)],
    title="distances",
    value_label="distance (units)",
)


def tile_lines(table: Tiles, width: int = 60, height: int = 8, **options) -> list[str]:
    return [SGR.sub("", line) for line in tiles.draw(table, width=width, height=height, **options).lines]


def test_a_table_names_its_rows_columns_and_units_and_shows_its_values():
    shown = tile_lines(TABLE, 110)
    assert shown[0].startswith("distances")
    assert shown[1].split() == list(TABLE.columns)
    assert [line.split()[:5] for line in shown[2:5]] == [
        ["layer", "0", "0", "0.143", "0.286"],
        ["layer", "1", "1.71", "1.86", "2"],
        ["layer", "2", "3.43", "3.57", "3.71"],
    ]
    assert "distance (units)" in shown[-1]
    assert shown[-1].startswith("0 ")
    assert " 5 " in shown[-1]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 120), st.integers(1, 15), st.integers(1, 12), st.integers(-1, 15), st.sampled_from(DEPTHS), st.booleans())
def test_a_table_keeps_its_size(width, height, cell, first, depth, ascii):  # noqa: A002
    table = Tiles(TABLE.values, ["日本語", "b\x1b[2J", "c" * 40], ["日本", "\n", *"abcdefghij"], "t\u202e", "v\x07")
    picture = tiles.draw(table, width=width, height=height, cell=cell, first=first, cursor=(1, 2), depth=depth, ascii=ascii)
    text = "\n".join(picture.lines)
    assert [cell_len(line) for line in SGR.sub("", text).split("\n")] == [width] * height
    assert not re.search("[\x1b\x07\u202e]", SGR.sub("", text))
    assert depth != "none" or "\x1b" not in text
    assert not ascii or text.isascii()


@pytest.mark.parametrize("values", [np.full((2, 3), np.nan), np.full((2, 3), 4.0), [[np.inf, -np.inf, 1e300], [1e-300, np.nan, -1e300]]])
@pytest.mark.parametrize("depth", DEPTHS)
def test_odd_tables_are_drawn(values, depth):
    assert len(tile_lines(Tiles(values, "ab", "cde"), depth=depth, cursor=(0, 0))) == 8
    assert len(tile_lines(Tiles(np.zeros((0, 0)), [], []), depth=depth)) == 8


def test_a_cell_of_the_terminal_is_found_in_the_table():
    picture = tiles.draw(TABLE, width=60, height=8, first=4)
    for row in picture.rows:
        for column in picture.columns:
            start = picture.left + (column - 4) * picture.cell
            assert picture.at(start, picture.top + row) == picture.at(start + picture.cell - 1, picture.top + row) == (row, column)
    assert picture.at(picture.left - 1, picture.top) is None
    assert picture.at(picture.left, picture.top - 1) is None


def test_the_window_says_where_it_is_and_holds_as_many_columns_as_are_said_to_be_shown():
    n_shown = tiles.shown(TABLE, 60)
    picture = tiles.draw(TABLE, width=60, height=8, first=3)
    assert len(picture.columns) == n_shown < 12
    assert picture.texts[-1].plain.endswith(f"4-{3 + n_shown} of 12")
    assert picture.texts[1].plain.split()[0] == "tok3"


def test_rows_scroll_too():
    picture = tiles.draw(TABLE, width=60, height=4, first_row=2)
    assert list(picture.rows) == [2]
    assert "layer 2" in picture.texts[picture.top].plain


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_cursor_and_missing_cells_show_without_colour(depth):
    values = np.array(TABLE.values)
    values[0, 1] = np.nan
    shown = tile_lines(Tiles(values, TABLE.rows, TABLE.columns), 110, depth=depth, cursor=(1, 2))
    assert re.search(r"\[[ .:]*2 *\]", shown[2])
    assert shown[1].split()[3] == "·"
    assert tile_lines(TABLE, 60, cell=1, cursor=(0, 0), depth=depth)[1].startswith("layer 0 X")


def test_scrolling_changes_no_colour():
    def color_of(first, row, column):
        picture = tiles.draw(TABLE, width=60, height=8, first=first, depth="true")
        at = picture.left + (column - first) * picture.cell
        return next(span.style.bgcolor for span in picture.texts[picture.top + row].spans if span.start <= at < span.end)

    assert color_of(0, 1, 4) == color_of(3, 1, 4)


def test_names_of_one_character_are_there():
    shown = tile_lines(replace(TABLE, rows=["0", "2", "4"]), 60)
    assert [line.split()[0] for line in shown[2:5]] == ["0", "2", "4"]


def test_names_that_do_not_fit_the_table_are_refused():
    with pytest.raises(ValueError, match=r"values have the shape \(2, 2\); 1 rows and 2 columns are named"):
        tiles.draw(Tiles(np.zeros((2, 2)), ["a"], ["b", "c"]), width=20, height=5)
