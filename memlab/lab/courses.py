"""The course of one run with others drawn over it, or of several: the picture of any stretch, and the figures at any point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from memlab.lab.figures import Figure, figures
from memlab.lab.summary import loss_words
from memlab.lab.view import AXES, Axis, RunView
from memlab.render import curves, look
from memlab.render.safe import safe
from memlab.render.scale import count, decimal, duration, short, tick_step
from memlab.render.series import Floor, Marker, Series
from memlab.rundir.events import Row

Range = tuple[float, float]

LOSS = "loss (nats per token)"
SMOOTHING = 0.5

_SHORTEST = 1e-4  # of the whole course; less cannot be zoomed into


@dataclass(frozen=True)
class Wish:
    """What part of a course is looked at, and how it is drawn. x and cursor are in units of the axis.

    `figure` is the name of what the run measured of itself that is drawn in place of the losses.
    """

    axis: Axis = "steps"
    log: bool = False
    smoothing: float = SMOOTHING
    checkpoints: bool = False
    x: Range | None = None
    cursor: float | None = None
    figure: str = ""
    color: bool = True
    ascii: bool = False


@dataclass(frozen=True)
class Over:
    """Another run drawn over the first: its name, its view and the number that its colour and glyphs come from."""

    name: str
    view: RunView
    number: int


@dataclass(frozen=True)
class Parts:
    """What a picture is made of, on a terminal and in a file; `y_label` and, for a share, the whole scale."""

    series: list[Series]
    floors: list[Floor]
    y_label: str = LOSS
    y_range: Range | None = None
    nothing: str = curves.WAITING  # said where there is no series


def draw(view: RunView, over: Sequence[Over], wish: Wish, width: int, height: int, title: str = "") -> curves.Plot:
    """The curves of the run and of those over it, the floors and events of the run, and the cursor."""
    own = _series(view, wish)
    if over:
        own = [replace(series, name=f"{safe(view.run.name)} {series.name}") for series in own]
    parts = _parts([*own, *_series_over(over, wish)], view.floors(), [view], wish)
    return _drawn(parts, view.markers(wish.axis, wish.checkpoints), whole(view, over, wish.axis), wish, width, height, title)


def draw_together(runs: Sequence[Over], wish: Wish, width: int, height: int) -> curves.Plot:
    """The curves of several runs, each in its colour, the floors of all of them, and the cursor."""
    return _drawn(together(runs, wish), [], whole_of([one.view for one in runs], wish.axis), wish, width, height)


def together(runs: Sequence[Over], wish: Wish) -> Parts:
    """Several runs, each in its colour and its shape: full for held-out text, hollow for training text."""
    views = [one.view for one in runs]
    return _parts(_series_over(runs, wish), floors_of(views), views, wish)


def numbered(views: Sequence[RunView]) -> list[Over]:
    """Runs by their own names, told apart in this order."""
    return [Over(view.run.name, view, number) for number, view in enumerate(views)]


def floors_of(views: Sequence[RunView]) -> list[Floor]:
    """The floors of all runs; one that several share once, others with the run's name."""
    by_words: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for view in views:
        for floor in view.floors():
            by_words.setdefault((floor.name, decimal(floor.value)), []).append((safe(view.run.name), floor.value))
    return [
        Floor(name if len(of) == len(views) else f"{name}, {', '.join(run for run, _ in of)}", of[0][1])
        for (name, _), of in by_words.items()
    ]


def _parts(series: list[Series], floors: list[Floor], views: Sequence[RunView], wish: Wish) -> Parts:
    """Losses with their floors; or a figure, a share on the whole scale, an AUC beside the one that tells nothing."""
    over = [view.status for view in views if not view.is_active]
    nothing = f"{over[0]} before the first evaluation" if over and len(over) == len(views) else curves.WAITING
    if not wish.figure:
        return Parts(series, floors, nothing=nothing)
    unit = next((figure.unit for view in views if (figure := _figure(view, wish))), "")
    chance = [Floor("chance", 0.5)] if unit == "AUC" else []
    label = f"{wish.figure} ({unit})" if unit else wish.figure
    return Parts(series, chance, label, (0.0, 1.0) if unit == "share" else None, nothing)


def _drawn(
    parts: Parts, markers: Sequence[Marker], everything: Range | None, wish: Wish, width: int, height: int, title: str = ""
) -> curves.Plot:
    cursor = [] if wish.cursor is None else [Marker(wish.cursor, "cursor")]
    return curves.draw(
        parts.series,
        parts.floors,
        [*cursor, *markers],
        width=width,
        height=height,
        title=title,
        x_label=wish.axis,
        y_label=parts.y_label,
        log_y=wish.log and not wish.figure,
        smoothing=wish.smoothing,
        color=wish.color,
        ascii=wish.ascii,
        x_range=wish.x or everything,
        y_range=parts.y_range,
        nothing=parts.nothing,
    )


def _figure(view: RunView, wish: Wish) -> Figure | None:
    return next((figure for figure in figures(view) if figure.name == wish.figure), None)


def _series(view: RunView, wish: Wish) -> list[Series]:
    """Both losses, or what was measured of both parts, training first; as much as there is of it."""
    if not wish.figure:
        return view.series(wish.axis)
    figure = _figure(view, wish)
    return figure.series(wish.axis) if figure else []


def _series_over(runs: Sequence[Over], wish: Wish) -> list[Series]:
    """Each run in its colour: training text with its hollow glyph, held-out text, or what is of both, with the full one."""
    found = []
    for one in runs:
        chosen, own = look.overlay(one.number, wish.ascii), _series(one.view, wish)
        for series, glyph in zip(own, (chosen.hollow, chosen.glyph)[2 - len(own) :], strict=True):
            found.append(replace(series, name=f"{safe(one.name)} {series.name}", color=chosen.color, glyph=glyph, behind=True))
    return found


def whole(view: RunView, over: Sequence[Over], axis: Axis) -> Range | None:
    """From 0 to the end of the longest course; while the run goes on somewhat farther, so that the picture seldom moves."""
    return whole_of([view, *(one.view for one in over)], axis, _foreseen(view, axis))


def _foreseen(view: RunView, axis: Axis) -> float:
    """The next 1, 2 or 5 times a power of ten, at most the steps that the run shall take; 0 for one that is over."""
    if not view.is_active or not (view.training or view.evaluations):
        return 0.0
    end = tick_step(max(_end(view, axis), 1), 2)
    return min(end, view.steps) if axis == "steps" and view.steps else end


def whole_of(views: Sequence[RunView], axis: Axis, at_least: float = 0.0) -> Range | None:
    """From 0 to the end of the longest course; None where there is none yet."""
    end = max([*(_end(view, axis) for view in views), at_least])
    return (0.0, float(end)) if end > 0 else None


def _end(view: RunView, axis: Axis) -> float:
    """How far the course of a run goes; 0 for one that has none."""
    return max((row[AXES[axis]] for row in view.timed[-1:]), default=0.0)


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
        rows.append(("train batches", loss_words(training["loss"])))
    if evaluation:
        away = "" if evaluation["step"] == found["step"] else f"  at {count(evaluation['step'])}"
        rows.append(("validation", loss_words(evaluation["validation_loss"]) + away))
    if measured := _nearest(view.measured, key, x):
        rows += [(figure.short, figure.words(measured)) for figure in figures(view)]
    return rows + [(one.name, words) for one, words in zip(over, validation_at(over, axis, x), strict=True) if words]


def place(axis: Axis, x: float) -> str:
    """A point of the axis in words: `step 1,200`, `1.2M tokens`, `3 m 20 s`."""
    return {"steps": f"step {count(round(x))}", "tokens": f"{short(x)} tokens", "seconds": duration(x)}[axis]


def validation_at(runs: Sequence[Over], axis: Axis, x: float) -> list[str]:
    """The validation loss of each run nearest to a point of the axis; nothing for one that was not evaluated yet, or not so far."""
    found = [_nearest(one.view.evaluations, AXES[axis], x) if x <= _end(one.view, axis) else None for one in runs]
    return [loss_words(row["validation_loss"]) if row else "" for row in found]


def _nearest(rows: Sequence[Row], key: str, x: float) -> Row | None:
    return min(rows, key=lambda row: abs(row[key] - x), default=None)


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
