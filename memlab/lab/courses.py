"""The course of one run, with others drawn over it: the picture of any stretch, and the figures at any point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from memlab.lab import screen
from memlab.lab.summary import loss_words
from memlab.lab.view import AXES, Axis, RunView
from memlab.render import curves, look
from memlab.render.safe import safe
from memlab.render.scale import count, decimal, duration, percent, short
from memlab.render.series import Marker, Series
from memlab.rundir.events import Row

Range = tuple[float, float]

_SHORTEST = 1e-4  # of the whole course; less cannot be zoomed into


@dataclass(frozen=True)
class Wish:
    """What part of a course is looked at, and how it is drawn. x and cursor are in units of the axis."""

    axis: Axis = "steps"
    log: bool = False
    smoothing: float = screen.SMOOTHING
    checkpoints: bool = False
    x: Range | None = None
    cursor: float | None = None
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
    cursor = [] if wish.cursor is None else [Marker(wish.cursor, "cursor")]
    own = view.series(wish.axis)
    if over:
        own = [replace(series, name=f"{safe(view.run.name)} {series.name}") for series in own]
    return curves.draw(
        [*own, *(series for one in over for series in _series_over(one, wish))],
        view.floors(),
        [*cursor, *view.markers(wish.axis, wish.checkpoints)],
        width=width,
        height=height,
        x_label=wish.axis,
        log_y=wish.log,
        smoothing=wish.smoothing,
        color=wish.color,
        ascii=wish.ascii,
        x_range=wish.x or whole(view, over, wish.axis),
    )


def _series_over(one: Over, wish: Wish) -> list[Series]:
    """Both losses in the colour of the run, named once: by its validation loss, which has the glyph."""
    chosen = look.overlay(one.number, wish.ascii)
    training, validation = one.view.series(wish.axis)
    name = safe(one.name)
    return [
        replace(training, name=f"{name} training", color=chosen.color, glyph=" ", behind=True),
        replace(validation, name=name, color=chosen.color, glyph=chosen.glyph, behind=True),
    ]


def whole(view: RunView, over: Sequence[Over], axis: Axis) -> Range | None:
    """From 0 to the end of the longest course; while the run goes on somewhat farther, so that the picture seldom moves."""
    ends = [row[AXES[axis]] for one in (view, *(one.view for one in over)) for row in (*one.training[-1:], *one.evaluations[-1:])]
    pinned = screen.x_range(view, axis)
    end = max([*ends, pinned[1] if pinned else 0])
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
    for one in over:
        other = _nearest(one.view.evaluations, key, x)
        rows += [(one.name, loss_words(other["validation_loss"]))] if other else []
    return rows


def _nearest(rows: Sequence[Row], key: str, x: float) -> Row | None:
    return min(rows, key=lambda row: abs(row[key] - x), default=None)


def numbers(view: RunView) -> list[list[tuple[str, str]]]:
    """How the run stands, in groups of names and values: progress, losses, what it knows for sure, what it is."""
    return [group for group in (_progress(view), _losses(view), _confident(view), _made_of(view)) if group]


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


def _made_of(view: RunView) -> list[tuple[str, str]]:
    if not view.has_facts:
        return []
    model, data = view.provenance["model"], view.provenance["data"]
    return [("N", count(model["n_params"])), ("D", count(data["n_tokens"])), ("data", percent(data["n_tokens"] / data["available_tokens"]))]


def facts_of_wish(wish: Wish) -> list[str]:
    """What differs from a plain picture, in words."""
    parts: list[Any] = [wish.axis]
    if wish.log:
        parts.append("log")
    parts.append(f"smoothing {wish.smoothing:g}" if wish.smoothing else "raw")
    if wish.x:
        parts.append("zoomed")
    return parts
