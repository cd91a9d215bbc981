"""A picture for a file shows the values at their places, is the same file each time, and carries nothing but the picture."""

import io
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image

from memlab.errors import MemlabError
from memlab.render import figure, image
from memlab.render.field import Field, Marker
from memlab.render.image import Band
from memlab.render.palette import ramp
from memlab.render.series import Floor, Series
from memlab.render.series import Marker as Event

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
BAD = "--><script>alert(1)</script> $\\frac{x}$ & \x1b]0;owned\x07 \u202e 中 _a\n"
X = np.arange(0, 101.0)


def field(**options) -> Field:
    u, v = np.linspace(-2, 2, 41), np.linspace(-1, 1, 21)
    return Field(u**2 + v[:, None] ** 2, u, v, **options)


FULL = field(
    markers=[
        Marker(0, 0, "state", "start", selected=True),
        Marker(1, 0.5, "pattern", "#7"),
        Marker(-1, 0.5, "projected"),
        Marker(0.1, 0, "fixed"),
        Marker(9, 9, "pattern"),
    ],
    path=[(0, 0), (0.1, 0)],
    title="a bowl",
    value_label="energy",
    spread="root",
)


def pictures(kind: str) -> list[bytes]:
    hostile = field(markers=[Marker(0, 0, "state", BAD)], title=BAD, value_label=BAD, u_label=BAD, v_label=BAD)
    series = [Series(BAD, X, X), Series("_b", X, X + 3, "validation")]
    return [
        image.heat_map(FULL, kind=kind),
        image.heat_map(hostile, kind=kind),
        image.curves(
            series, [Floor(BAD, 2)], [Event(3, BAD)], [Band(X, X - 1, X + 1, name=BAD)], kind=kind, title=BAD, x_label=BAD, y_label=BAD
        ),
        image.histogram(X, X + 9, kind=kind, title=BAD, x_label=BAD, name=BAD, null_name=BAD),
    ]


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


def line_points(svg: bytes, color: str) -> np.ndarray:
    """The corners of the first line of this colour, (n, 2)."""
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        if f"stroke: {color}" in path.get("style", "") and "fill: none" in path.get("style", "") and path.get("d").count("L") > 1:
            return np.array(re.findall(r"[ML] (\S+) (\S+)", path.get("d")), float)
    raise AssertionError(f"no line in {color}")


def test_a_png_is_a_png_of_the_asked_size():
    for picture in (image.heat_map(FULL, size=(800, 500)), image.curves([Series("train", X, X)], size=(800, 500))):
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">II", picture[16:24]) == (800, 500)


def test_an_svg_is_well_formed_and_asks_for_nothing_from_elsewhere():
    for picture in pictures("svg"):
        root = ElementTree.fromstring(picture)
        assert root.tag == f"{SVG}svg"
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert not tags & {"script", "text", "foreignObject", "a", "animate", "set"}
        for element in root.iter():
            assert not any(name.lower().startswith("on") for name in element.attrib)
            assert element.get(HREF, "#").startswith(("#", "data:image/png;base64,"))
        assert b"font-family" not in picture
        assert not re.search(rb"url\((?!#)", picture)
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", picture.decode())


def test_dollar_signs_and_underscores_are_drawn_as_they_are():
    text = image.curves([Series("_hidden $x_1$", X, X)], kind="svg", title="costs $5 and $\\frac{").decode()
    assert "costs $5 and $\\frac{" in text
    assert "_hidden $x_1$" in text


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_picture_is_the_same_file_whatever_the_settings_of_matplotlib(kind):
    first = pictures(kind)
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.hashsalt": "other"}):
        assert pictures(kind) == first
    assert b"Matplotlib" not in first[0]


@pytest.mark.parametrize("length", [8, 60])
def test_a_legend_takes_as_many_columns_as_fit(length):
    with figure.new_figure((1000, 400)) as drawn:
        axes = drawn.subplots()
        for number in range(8):
            axes.plot([0, 1], label=f"{number}" * length)
        figure.set_legend(drawn, axes)
        (legend,) = drawn.legends
        drawn.draw_without_rendering()
        assert legend.get_window_extent().width <= drawn.bbox.width
        assert (legend._ncols == 4) == (length == 8)


def test_settings_of_matplotlib_stay_as_they_are():
    before = dict(matplotlib.rcParams)
    image.heat_map(FULL)
    assert dict(matplotlib.rcParams) == before


def test_the_heat_map_has_the_ramp_from_left_to_right_where_the_values_rise():
    u = np.linspace(0, 1, 30)
    picture = pixels(image.heat_map(Field(np.tile(u, (5, 1)), u, np.linspace(0, 1, 5)), size=(900, 700)))
    row = picture[350]
    ends = [np.flatnonzero((np.abs(row - ramp(256)[number]) <= 3).all(1)) for number in (0, 128, 255)]
    assert ends[0].min() < ends[1].min() < ends[2].max()
    assert np.median(ends[1]) == pytest.approx((ends[0].min() + ends[2][ends[2] < 850].max()) / 2, abs=12)


def test_what_has_no_value_is_no_colour_of_the_ramp():
    values = np.full((4, 4), np.nan)
    values[:, 2:] = 1
    text = image.heat_map(Field(values, range(4), range(4)), kind="svg").decode()
    assert "no value" in text


def test_a_straight_line_is_straight_and_rises():
    points = line_points(image.curves([Series("train", X, 2 * X + 5)], kind="svg"), "#0087d7")
    across, down = points.T
    assert (np.diff(across) > 0).all()
    assert np.allclose(down, np.interp(across, across[[0, -1]], down[[0, -1]]), atol=0.01)
    assert down[-1] < down[0]


def test_on_logarithmic_axes_a_power_is_straight():
    x = np.geomspace(1, 1e6, 30)
    points = line_points(image.curves([Series("train", x, 3 * x**0.5)], kind="svg", log_x=True, log_y=True), "#0087d7")
    across, down = points.T
    assert np.allclose(down, np.interp(across, across[[0, -1]], down[[0, -1]]), atol=0.5)
    assert np.allclose(np.diff(across), np.diff(across)[0], rtol=0.01)


def test_a_histogram_says_how_many_there_are_and_how_many_are_left_out():
    text = image.histogram([1, 2, np.nan, -3], [1, np.inf], kind="svg", log_x=True, null_name="chance").decode()
    assert "measured (n = 2, 2 left out)" in text
    assert "chance (n = 1, 1 left out)" in text


def test_the_bars_of_a_histogram_are_shares():
    generator = np.random.default_rng(0)
    values = generator.choice([0.5, 1.5, 1.6, 2.5], 1000)
    text = image.histogram(values, kind="svg", n_bins=3)
    expected = np.histogram(values, np.linspace(values.min(), values.max(), 4))[0] / 1000
    path = next(path.get("d") for path in ElementTree.fromstring(text).iter(f"{SVG}path") if "opacity: 0.55" in path.get("style", ""))
    points = np.array(re.findall(r"[ML] (\S+) (\S+)", path), float)
    heights = points[:, 1].max() - np.unique(points[:, 1].round(1))
    assert np.allclose(sorted(set(heights[heights > 0] / heights.max())), sorted(set((expected / expected.max()).tolist())), atol=0.02)


@pytest.mark.parametrize(
    "values", [[[3.0]], [[np.nan, np.nan]], [[np.inf, -np.inf, 1.0]], [[-1e300, 1e300], [5e-324, np.nan]], np.full((3, 3), 1e-300)]
)
def test_odd_fields_are_drawn(values):
    values = np.array(values)
    for axis in (np.arange(3.0), np.array([-1e300, 0, 1e300]), np.array([0, 1e-300, 2e-300])):
        u, v = axis[: values.shape[1]], axis[: values.shape[0]]
        markers = [Marker(0, 0, "pattern"), Marker(np.nan, np.inf, "state")]
        assert image.heat_map(Field(values, u, v, markers, [(0, 0), (1e308, -1e308)]), kind="svg", value_range=(0, np.inf))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("y", [[], [None], [np.nan, np.inf], [5.0], [1e308, -1e308, 0], [1e-300, 2e-300]])
def test_odd_curves_and_histograms_are_drawn(y, log):
    x = np.arange(len(y)) * 1e300
    assert image.curves([Series("train", x, y)], [Floor("floor", np.inf)], [Event(-1, "x")], log_x=log, log_y=log, kind="svg")
    assert image.histogram(np.array(y, float), [], log_x=log, kind="svg")


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MemlabError, match=r"pip install 'memlab\[pictures\]'"):
        image.heat_map(FULL)


def test_no_global_figure_is_made():
    program = """
import sys
from memlab.render import image
from memlab.render.series import Series
image.curves([Series("train", [0, 1], [2, 1])])
assert "matplotlib.pyplot" not in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
