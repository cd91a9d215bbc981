"""The course of one run with others drawn over it, or of several: the picture of any stretch, and the figures at any point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from memlab.lab import screen
from memlab.lab.compare import floors_of
from memlab.lab.figures import Figure, figures
from memlab.lab.summary import loss_words
from memlab.lab.view import AXES, Axis, RunView
from memlab.render import curves, look
from memlab.render.safe import safe
from memlab.render.scale import count, decimal, duration, percent, short
from memlab.render.series import Floor, Marker, Series
from memlab.rundir.events import Row

Range = tuple[float, float]

_SHORTEST = 1e-4  # of the whole course; less cannot be zoomed into


@dataclass(frozen=True)
class Wish:
    """What part of a course is looked at, and how it is drawn. x and cursor are in units of the axis.

    `figure` is the name of what the run measured of itself that is drawn in place of the losses.
    """

    axis: Axis = "steps"
    log: bool = False
    smoothing: float = screen.SMOOTHING
    checkpoints: bool = False
    x: Range | None = None
    cursor: float | None = None
    figure: str = ""
    color: bool = True
    ascii: bool = False


@dataclass(frozen=True)
class Over:
    """Another run drawn over the first: its name, its view and the number that its colour and glyph come from."""

    name: str
    view: RunView
    number: int


def draw(view: RunView, over: Sequence[Over], wish: Wish, width: int, height: int) -> curves.Plot:
    """The curves of the run and of those over it, the floors and events of the run, and the cursor."""
    own = _series(view, wish)
    if over:
        own = [replace(series, name=f"{safe(view.run.name)} {series.name}") for series in own]
    series = [*own, *(series for one in over for series in _series_over(one, wish))]
    markers = view.markers(wish.axis, wish.checkpoints)
    return _picture(series, view.floors(), markers, whole(view, over, wish.axis), _figure(view, wish), wish, width, height)


def draw_together(runs: Sequence[Over], wish: Wish, width: int, height: int) -> curves.Plot:
    """The curves of several runs, each in its colour, the floors of all of them, and the cursor."""
    series = [series for one in runs for series in _series_over(one, wish)]
    views = [one.view for one in runs]
    known = next((figure for view in views if (figure := _figure(view, wish))), None)
    return _picture(series, floors_of(views), [], whole_of(views, wish.axis), known, wish, width, height)


def _picture(
    series: Sequence[Series],
    floors: Sequence[Floor],
    markers: Sequence[Marker],
    everything: Range | None,
    figure: Figure | None,
    wish: Wish,
    width: int,
    height: int,
) -> curves.Plot:
    """Losses with their floors; or a figure, a share of 1 on the whole scale, an AUC beside the one that tells nothing."""
    cursor = [] if wish.cursor is None else [Marker(wish.cursor, "cursor")]
    how: dict[str, Any] = {"log_y": wish.log, "smoothing": wish.smoothing}
    if wish.figure:
        unit = figure.unit if figure else ""
        floors = [Floor("chance", 0.5)] if unit == "AUC" else []
        how = {"y_label": f"{wish.figure} ({unit})" if unit else wish.figure, "y_range": (0.0, 1.0) if unit == "share" else None}
    return curves.draw(
        series,
        floors,
        [*cursor, *markers],
        width=width,
        height=height,
        x_label=wish.axis,
        color=wish.color,
        ascii=wish.ascii,
        x_range=wish.x or everything,
        **how,
    )


def _figure(view: RunView, wish: Wish) -> Figure | None:
    return next((figure for figure in figures(view) if figure.name == wish.figure), None) if wish.figure else None


def _series(view: RunView, wish: Wish) -> list[Series]:
    """Both losses, or what was measured of both parts; as much as there is of it."""
    if not wish.figure:
        return view.series(wish.axis)
    figure = _figure(view, wish)
    return figure.series(wish.axis) if figure else []


def _series_over(one: Over, wish: Wish) -> list[Series]:
    """Training and held-out in the colour of the run, named once: by the loss of held-out text, or the figure of training text."""
    chosen = look.overlay(one.number, wish.ascii)
    marked = 0 if wish.figure else 1
    name = safe(one.name)
    return [
        replace(
            series,
            name=name if number == marked else f"{name} {series.name}",
            color=chosen.color,
            glyph=chosen.glyph if number == marked else " ",
            behind=True,
        )
        for number, series in enumerate(_series(one.view, wish))
    ]


def whole(view: RunView, over: Sequence[Over], axis: Axis) -> Range | None:
    """From 0 to the end of the longest course; while the run goes on somewhat farther, so that the picture seldom moves."""
    pinned = screen.x_range(view, axis)
    return whole_of([view, *(one.view for one in over)], axis, pinned[1] if pinned else 0.0)


def whole_of(views: Sequence[RunView], axis: Axis, at_least: float = 0.0) -> Range | None:
    """From 0 to the end of the longest course; None where there is none yet."""
    ends = [row[AXES[axis]] for one in views for row in (*one.training[-1:], *one.evaluations[-1:])]
    end = max([*ends, at_least])
    return (0.0, float(end)) if end > 0 else None


def zoomed(inside: Range, everything: Range, around: float, factor: float) -> Range | None:
    """The range made shorter by a factor (or longer) with `around` staying where it is; None where that is everything."""
    length = max((inside[1] - inside[0]) * factor, _SHORTEST * (everything[1] - everything[0]))
    share = (around - inside[0]) / (inside[1] - inside[0])
    return _within((around - share * length, around + (1 - share) * length), everything)


def panned(inside: Range, everything: Range, share: float) -> Range | None:
    """The range moved by a share of its length, as far as there is something."""
    by = share * (inside[1] - inside[0])
    return _within((inside[0] + by, inside[1] + by), everything)


def _within(inside: Range, everything: Range) -> Range | None:
    low, high = inside
    length = high - low
    if length >= everything[1] - everything[0]:
        return None
    low = min(max(low, everything[0]), everything[1] - length)
    return low, low + length


def at(view: RunView, over: Sequence[Over], axis: Axis, x: float) -> list[tuple[str, str]]:
    """The figures nearest to a point of the axis: where it is, the losses there, and the validation losses of the runs over it."""
    key = AXES[axis]
    training, evaluation = _nearest(view.training, key, x), _nearest(view.evaluations, key, x)
    found = training or evaluation
    if found is None:
        return []
    rows = [("step", count(found["step"])), ("tokens", short(found["tokens"])), ("time", duration(found["seconds"]))]
    if training:
        rows.append(("training", loss_words(training["loss"])))
    if evaluation:
        away = "" if evaluation["step"] == found["step"] else f"  at {count(evaluation['step'])}"
        rows.append(("validation", loss_words(evaluation["validation_loss"]) + away))
    if measured := _nearest(view.measured, key, x):
        rows += [(figure.short, figure.words(measured)) for figure in figures(view)]
    return rows + [(one.name, words) for one, words in zip(over, validation_at(over, axis, x), strict=True) if words]


def validation_at(runs: Sequence[Over], axis: Axis, x: float) -> list[str]:
    """The validation loss of each run nearest to a point of the axis; nothing for one that was not evaluated yet."""
    found = [_nearest(one.view.evaluations, AXES[axis], x) for one in runs]
    return [loss_words(row["validation_loss"]) if row else "" for row in found]


def _nearest(rows: Sequence[Row], key: str, x: float) -> Row | None:
    return min(rows, key=lambda row: abs(row[key] - x), default=None)


def numbers(view: RunView) -> list[list[tuple[str, str]]]:
    """How the run stands, in groups of names and values: progress, losses, what it knows for sure, what was measured, what it is."""
    return [group for group in (_progress(view), _losses(view), _confident(view), _measured(view), _made_of(view)) if group]


def _progress(view: RunView) -> list[tuple[str, str]]:
    last = view.timed[-1] if view.timed else None
    rows = [("step", f"{count(view.step)} of {count(view.steps)}")] if view.steps else []
    if last:
        rows.append(("tokens", short(last["tokens"])))
        if view.has_facts:
            rows.append(("epochs", decimal(last["tokens"] / view.provenance["data"]["tokens_per_epoch"])))
        rows.append(("time", duration(last["seconds"])))
    rate, left = view.tokens_per_second(), view.seconds_left()
    if rate and view.is_active:
        rows.append(("speed", f"{short(rate)} tokens/s"))
    if left is not None:
        rows.append(("left", duration(left)))
    return rows


def _losses(view: RunView) -> list[tuple[str, str]]:
    if not view.evaluations:
        return []
    last, best = view.evaluations[-1], view.best()
    training, validation = last["train_loss"], last["validation_loss"]
    rows = [("training", loss_words(training)), ("validation", loss_words(validation))]
    if training is not None and validation is not None:
        rows.append(("gap", decimal(validation - training)))
    if best:
        rows.append(("best", f"{decimal(best['validation_loss'])} at {count(best['step'])}"))
    rate = view.training[-1].get("lr") if view.training else None
    if isinstance(rate, int | float):
        rows.append(("learning rate", f"{rate:.2e}"))
    return rows


def _confident(view: RunView) -> list[tuple[str, str]]:
    """The share of tokens with p > 0.9, of training text and, as a control, of text that it never saw."""
    if not view.evaluations:
        return []
    last = view.evaluations[-1]
    return [("p > 0.9", percent(last["train_confident"])), ("control", percent(last["validation_confident"]))]


def _measured(view: RunView) -> list[tuple[str, str]]:
    """The last figures that the run measured of itself, of training text beside held-out text."""
    if not view.measured:
        return []
    last = view.measured[-1]
    return [("measured", f"at step {count(last['step'])}"), *((one.short, one.words(last)) for one in figures(view))]


def _made_of(view: RunView) -> list[tuple[str, str]]:
    if not view.has_facts:
        return []
    model, data = view.provenance["model"], view.provenance["data"]
    return [("N", count(model["n_params"])), ("D", count(data["n_tokens"])), ("data", percent(data["n_tokens"] / data["available_tokens"]))]


def facts_of_wish(wish: Wish) -> list[str]:
    """What differs from a plain picture, in words."""
    parts: list[Any] = [wish.axis]
    if wish.figure:
        parts.append(wish.figure)
    else:
        parts += [*(["log"] if wish.log else []), f"smoothing {wish.smoothing:g}" if wish.smoothing else "raw"]
    if wish.x:
        parts.append("zoomed")
    return parts
