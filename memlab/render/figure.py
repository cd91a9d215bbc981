"""A figure to draw on, for files of pictures: its style, its words, its axes, and its way to bytes. The only file that imports matplotlib.

Everything is drawn in fractions of the axes, with the ranges, ticks and number formats of the terminal's pictures, so that no value is too
large for it.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from memlab.errors import UsageError
from memlab.render.safe import safe
from memlab.render.scale import log_ticks, tick_labels
from memlab.render.view import View

Format = Literal["png", "svg", "inline"]  # inline: an SVG on no ground, for `render.inline`

# Words, axes and floors, events.
INK, QUIET, FAINT = "#1c1e21", "#666666", "#aaaaaa"

_DPI = 100
_LONGEST_TITLE, _LONGEST_LABEL, _LONGEST_NAME = 90, 60, 44

_STYLE = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": 10.0,
    "text.parse_math": False,  # a $ is a $
    "text.usetex": False,
    "svg.fonttype": "path",  # no font is looked for where it is shown
    "svg.hashsalt": "memlab",  # the same picture has the same bytes
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "image.composite_image": False,
}

# Matplotlib keeps its settings per process.
_one_at_a_time = threading.Lock()


def is_available() -> bool:
    """Whether there are pictures at all: matplotlib is an extra."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def new_figure(size: tuple[int, int]) -> Iterator[Any]:
    """A figure in the style of all of them, whatever the user's settings for matplotlib are. Raises UsageError where it is missing."""
    try:
        import matplotlib.style
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("pictures need matplotlib, which is not installed; pip install 'memlab[pictures]'") from error
    with _one_at_a_time, matplotlib.style.context(["default", _STYLE]):
        figure = Figure(figsize=(max(size[0], 200) / _DPI, max(size[1], 150) / _DPI), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def to_bytes(figure: Any, kind: Format) -> bytes:
    """The file; without the day and the program's version, so that the same picture is the same file."""
    out = io.BytesIO()
    nothing = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    figure.savefig(out, format="png" if kind == "png" else "svg", metadata=nothing, transparent=kind == "inline")
    return out.getvalue()


def words(text: str, limit: int = _LONGEST_LABEL) -> str:
    """Harmless text that the font can draw; the number of a character stands for what it has not."""
    known = _characters()
    return safe("".join(sign if ord(sign) in known else f"‹U+{ord(sign):04X}›" for sign in safe(text)), limit)


@lru_cache(1)
def _characters() -> frozenset[int]:
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())


def entry(text: str, tail: str = "") -> str:
    """A name for the legend. Matplotlib leaves out what begins with an underscore; a space before it keeps it."""
    shown = words(text, _LONGEST_NAME) + tail
    return f" {shown}" if shown.startswith("_") else shown


def set_title(axes: Any, text: str) -> None:
    """Above the axes at the left, cut where it would be longer than them."""
    axes.set_title(words(text, _LONGEST_TITLE))


def set_axes(axes: Any, view: View, x_label: str, y_label: str, log_x: bool = False) -> None:
    """Axes of fractions with the ticks of the view, whose x are logarithms if log_x."""
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=words(x_label), ylabel=words(y_label))
    ticks = log_ticks(*(10.0 ** min(end, 307) for end in (view.x_low, view.x_high)), 8) if log_x else view.x_ticks(8)
    axes.set_xticks(view.across(np.log10(ticks) if log_x else np.array(ticks)), tick_labels(ticks))
    ticks = view.y_ticks(7)
    axes.set_yticks(view.up(np.array(ticks)), tick_labels(ticks))


def set_legend(figure: Any, axes: Any, **look: Any) -> None:
    """What has a label, below the axes, in as many columns as there is room for."""
    handles, labels = axes.get_legend_handles_labels()
    for columns in range(min(len(handles), 4), 0, -1):
        legend = figure.legend(handles, labels, loc="outside lower center", ncols=columns, **look)
        if columns == 1:
            return
        figure.draw_without_rendering()
        if legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()
