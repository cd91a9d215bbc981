"""Pictures for files: heat maps, curves and histograms as PNG or SVG, through matplotlib."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memlab.render.contours import Scale, fit_scale, sample
from memlab.render.field import KINDS, Field, Kind
from memlab.render.figure import FAINT, QUIET, Format, entry, new_figure, set_axes, set_legend, set_title, to_bytes, words
from memlab.render.look import PALETTE, UNICODE, looks
from memlab.render.palette import ramp, rgb
from memlab.render.scale import count, decimal, short, tick_labels
from memlab.render.series import Floor, Marker, Series
from memlab.render.view import HUGE, View, fit_view

_PATH = "#f4413c"

# Behind a word on changing ground.
_BEHIND = {"boxstyle": "round,pad=0.2", "facecolor": "#00000077", "edgecolor": "none"}

# Behind a legend with white signs: a colour of the ramp.
_GROUND = "#3b528b"

# Marker, size and whether it is filled, of each kind of point.
_POINTS: dict[Kind, tuple[str, float, bool]] = {
    "step": (".", 5, True),
    "projected": ("o", 5, False),
    "pattern": ("o", 6, True),
    "fixed": ("*", 12, True),
    "projected-fixed": ("*", 12, False),
    "stored": ("h", 10, True),
    "projected-stored": ("h", 10, False),
    "state": ("D", 7, True),
}


# What matplotlib calls the marks of a curve in a terminal; the hollow ones are those of dense curves.
_MARKS = dict(zip(UNICODE.dense_marks[1:] + UNICODE.sparse_marks + "x", "os^Dv" * 2 + "x", strict=True))
_DENSE, _SPARSE = 0.12, 0.01  # from one mark to the next, in diagonals of the picture


@dataclass(frozen=True)
class Band:
    """An area between two curves over the same x, in the colour of the series with this number: an interval of confidence, say."""

    x: ArrayLike
    low: ArrayLike
    high: ArrayLike
    of: int = 0
    name: str = ""


def heat_map(
    field: Field, *, kind: Format = "png", size: tuple[int, int] = (1000, 700), value_range: tuple[float, float] | None = None
) -> bytes:
    """The same picture as `heatmap.draw`, of size (width, height) in pixels of a PNG or hundredths of an inch of an SVG.

    Raises UsageError where matplotlib is missing, as all pictures do.
    """
    values, u, v = field.arrays()
    scale = fit_scale(values, field.spread, value_range)
    view = field.view()
    with new_figure(size) as figure:
        axes = figure.subplots()
        set_axes(axes, view, field.u_label, field.v_label)
        shape = (view.y_high - view.y_low) / (view.x_high - view.x_low)
        if 0.3 <= shape <= 3:
            axes.set_box_aspect(shape)
        set_title(axes, field.title)
        at_u, at_v = np.linspace(view.x_low, view.x_high, 480), np.linspace(view.y_low, view.y_high, 480)
        _draw_ground(axes, scale, scale.fraction(sample(values, u, v, at_u, at_v)))
        _draw_bar(axes.inset_axes((1.02, 0, 0.03, 1)), scale, field.value_label)
        _draw_points(axes, view, field)
        set_legend(figure, axes, frameon=True, facecolor=_GROUND, framealpha=1, edgecolor=_GROUND, labelcolor="white")
        return to_bytes(figure, kind)


def curves(
    series: Sequence[Series],
    floors: Sequence[Floor] = (),
    markers: Sequence[Marker] = (),
    bands: Sequence[Band] = (),
    *,
    kind: Format = "png",
    size: tuple[int, int] = (1000, 600),
    title: str = "",
    x_label: str = "steps",
    y_label: str = "loss (nats per token)",
    log_x: bool = False,
    log_y: bool = False,
) -> bytes:
    """Curves over a common axis, with floors as dashed lines and events as dotted ones. A logarithmic axis shows what is positive."""
    points = [_usable(*one.points(), log_x=log_x) for one in series]
    edges = [_usable(np.asarray(band.x, float), np.stack([band.low, band.high]).astype(float), log_x=log_x) for band in bands]
    both = [*points, *((x, y) for x, pair in edges for y in pair)]
    view = fit_view(both, [floor.value for floor in floors], None, None, log_y)
    with new_figure(size) as figure:
        axes = figure.subplots()
        set_axes(axes, view, x_label, y_label, log_x)
        set_title(axes, title)
        for band, (x, pair) in zip(bands, edges, strict=True):
            color, label = _color(series[band.of].color if band.of < len(series) else None, band.of), entry(band.name)
            axes.fill_between(view.across(x), *view.up(pair), color=color, alpha=0.2, linewidth=0, label=label)
        for index, (one, (x, y), look) in enumerate(zip(series, points, looks(series, UNICODE), strict=True)):
            style = {"color": _color(one.color, index), "alpha": 0.5 if one.behind else 1, **_mark(one, look.mark, x.size)}
            axes.plot(view.across(x), view.up(y), linewidth=1.5, label=entry(one.name), **style)
        for index, floor in enumerate(floors):
            height, dashes = float(view.up(np.float64(floor.value))), (0, ((6, 3), (2, 2), (8, 2, 2, 2))[index % 3])
            axes.axhline(height, color=QUIET, linewidth=1, linestyle=dashes, label=entry(f"{floor.name} {decimal(floor.value)}"))
        for marker in markers:
            across = view.across(_usable(np.array([marker.x]), np.zeros(1), log_x=log_x)[0])
            if across.size and 0 <= across[0] <= 1:
                axes.axvline(across[0], color=FAINT, linewidth=1, linestyle=":")
                axes.text(across[0], 1, words(" " + marker.text, 20), rotation=90, va="top", ha="right", fontsize=8, color=QUIET)
        set_legend(figure, axes)
        return to_bytes(figure, kind)


def histogram(
    values: ArrayLike,
    null: ArrayLike | None = None,
    *,
    kind: Format = "png",
    size: tuple[int, int] = (1000, 600),
    n_bins: int = 40,
    title: str = "",
    x_label: str = "",
    name: str = "measured",
    null_name: str = "null",
    log_x: bool = False,
) -> bytes:
    """How values are distributed, and beside them those that chance gives: shares of each, in the same bins.

    The legend says how many there are and how many have no place on the axis (not finite; not positive on a logarithmic one).
    """
    given = [np.asarray(one, float).ravel() for one in ([values] if null is None else [values, null])]
    kept = [_usable(one, np.zeros(one.size), log_x=log_x)[0] for one in given]
    low, high = fit_view([(np.concatenate(kept), np.concatenate(kept))], (), None, None, False).x_low, _highest(kept)
    low, high = (low, high) if high > low else (low - 0.5, low + 0.5)
    shares, ends = [], np.linspace(low, high, n_bins + 1)
    for one in kept:
        shares.append(np.histogram(np.clip(one, low, high), ends)[0] / max(one.size, 1))
    view = View(low, high, 0, max(float(np.max(shares)) * 1.05, 1e-9))
    with new_figure(size) as figure:
        axes = figure.subplots()
        set_axes(axes, view, x_label, "share", log_x)
        set_title(axes, title)
        looks = ({"fill": True, "alpha": 0.55}, {"fill": False, "linewidth": 1.6, "linestyle": (0, (4, 2))})
        for index, (share, look) in enumerate(zip(shares, looks, strict=False)):
            n, left_out = kept[index].size, given[index].size - kept[index].size
            tail = f" (n = {count(n)}{f', {count(left_out)} left out' if left_out else ''})"
            axes.stairs(view.up(share), view.across(ends), color=_color(None, index), label=entry((name, null_name)[index], tail), **look)
        set_legend(figure, axes)
        return to_bytes(figure, kind)


def _color(number: int | None, index: int) -> tuple[float, ...]:
    return tuple(part / 255 for part in rgb(PALETTE[(index if number is None else number) % len(PALETTE)]))


def _mark(one: Series, glyph: str, n_points: int) -> dict[str, Any]:
    """The mark that the series has in a terminal: now and then on a dense curve, and a dot where there is but one point to be seen."""
    if glyph == " ":
        return {"marker": "." if n_points == 1 else ""}
    look = {"marker": _MARKS.get(glyph, "o"), "markersize": 5, "markevery": _SPARSE if one.role == "validation" else _DENSE}
    return look | ({"markerfacecolor": "none"} if glyph in UNICODE.dense_marks else {})


def _usable(x: NDArray, y: NDArray, log_x: bool) -> tuple[NDArray, NDArray]:
    """x, or its logarithm, and y where x has a place on the axis; y may have more rows."""
    kept = np.isfinite(x) & ((x > 0) | (not log_x))
    x = np.clip(x[kept], -HUGE, HUGE)
    return (np.log10(x) if log_x else x), y[..., kept]


def _highest(columns: Sequence[NDArray]) -> float:
    return max((float(column.max()) for column in columns if column.size), default=1.0)


def _draw_ground(axes: Any, scale: Scale, share: NDArray) -> None:
    """Colours and contour lines of values as fractions of the scale, from the lowest row up; hatched where there is no value."""
    missing = np.isnan(share)
    if missing.any():
        axes.fill([0, 1, 1, 0], [0, 0, 1, 1], facecolor="#f4f4f4", edgecolor="#bbbbbb", hatch="///", linewidth=0, label="no value")
    colors = np.concatenate([ramp(256), [[0, 0, 0]]])[np.where(missing, 256, np.rint(np.where(missing, 0, share) * 255).astype(int))]
    image = np.concatenate([colors, np.where(missing, 0, 255)[..., None]], -1).astype(np.uint8)
    axes.imshow(image, origin="lower", extent=(0, 1, 0, 1), aspect="auto", interpolation="nearest")
    inside = {float(scale.fraction(np.float64(level))): words for level, words in zip(scale.levels, tick_labels(scale.levels), strict=True)}
    seen = share[~missing]
    inside = {level: words for level, words in inside.items() if seen.size and seen.min() < level < seen.max()}
    if inside:
        at = np.linspace(0, 1, len(share))
        tints = ["white" if level < 0.5 else "black" for level in inside]
        drawn = axes.contour(at, at, np.ma.array(np.where(missing, 0, share), mask=missing), levels=[*inside], colors=tints, linewidths=0.9)
        axes.clabel(drawn, fmt=inside, fontsize=8)


def _draw_bar(axes: Any, scale: Scale, label: str) -> None:
    axes.imshow(ramp(256)[:, None].astype(np.uint8), origin="lower", extent=(0, 1, 0, 1), aspect="auto", interpolation="nearest")
    levels = scale.levels or (scale.low,)
    axes.set_xticks([])
    axes.set_yticks([float(scale.fraction(np.float64(level))) for level in levels], [words(number, 20) for number in _numbers(levels)])
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.set_ylabel(words(label))


def _numbers(levels: Sequence[float]) -> list[str]:
    return tick_labels(levels) if len(levels) > 1 else [short(levels[0])]


def _draw_points(axes: Any, view: View, field: Field) -> None:
    stops = field.stops()
    if len(stops):
        axes.plot(view.across(stops[:, 0]), view.up(stops[:, 1]), color=_PATH, linewidth=2, marker=".", markersize=6, label=KINDS["step"])
    groups: dict[Kind, list[tuple[float, float]]] = {}
    for marker in field.in_front():
        across, up = float(view.across(np.float64(marker.u))), float(view.up(np.float64(marker.v)))
        if not (0 <= across <= 1 and 0 <= up <= 1):
            continue
        groups.setdefault(marker.kind, []).append((across, up))
        if marker.selected:
            axes.plot([across], [up], "s", markersize=17, markerfacecolor="none", markeredgecolor="white", markeredgewidth=2)
            axes.plot([across], [up], "s", markersize=19, markerfacecolor="none", markeredgecolor="black", markeredgewidth=1)
        if marker.label:
            axes.annotate(
                words(marker.label, 20), (across, up), (9, 5), textcoords="offset points", color="white", fontsize=8, bbox=_BEHIND
            )
    for number, (kind, places) in enumerate(groups.items()):
        sign, size, is_filled = _POINTS[kind]
        face = "white" if is_filled else "none"
        look = {"markersize": size, "markerfacecolor": face, "markeredgecolor": "white" if not is_filled else "black"}
        axes.plot(*np.array(places).T, sign, label=entry(KINDS[kind]), zorder=5 + number, **look)
