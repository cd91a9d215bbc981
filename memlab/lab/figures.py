"""What a run measured of itself while it trained: figures of memorisation by name, each with its held-out control, over training."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from memlab.errors import UnknownName, UsageError, did_you_mean
from memlab.lab.view import AXES, Axis, RunView
from memlab.render.scale import decimal, percent
from memlab.render.series import Series
from memlab.rundir.events import Row

# In few words, where there is little room; in this order.
_SHORT = {
    "tokens held most likely": "tokens right",
    "passages extracted": "extracted",
    "memorisation score": "score",
    "passages found in 1 draw, p ≥ 0.5": "in 1 draw",
    "passages found in 100 draws, p ≥ 0.5": "in 100 draws",
    "AUC by loss": "AUC loss",
    "AUC by min-20%": "AUC min-20%",
    "AUC by energy, own text stored": "AUC energy",
    "exposure of canaries": "exposure",
}
_PARTS = {"training": "training", "validation": "held-out", "both": "training against held-out"}


@dataclass(frozen=True)
class Figure:
    """What is measured, in which unit (`share`, `AUC`, `bits` …), and its values by part as (row of the log, value)."""

    name: str
    unit: str
    courses: dict[str, list[tuple[Row, float]]]

    @property
    def short(self) -> str:
        return _SHORT.get(self.name, self.name)

    def series(self, axis: Axis) -> list[Series]:
        """Training in front of held-out text, in the colours of the two losses."""
        found = []
        for number, (part, course) in enumerate(self.courses.items()):
            x, y = [float(row[AXES[axis]]) for row, _ in course], [value for _, value in course]
            found.append(Series(_PARTS[part], x, y, role="validation", color=number, behind=part == "validation"))
        return found

    def words(self, row: Row) -> str:
        """The values of a row of the log: `57 % | 3 %`, training beside held-out text; nothing where it has none."""
        values = [value for course in self.courses.values() for other, value in course if other is row]
        return " | ".join(percent(value) if self.unit == "share" else decimal(value) for value in values)


def figures(view: RunView) -> list[Figure]:
    """The share of tokens held most likely first; none for a run that did not measure."""
    found: dict[str, Figure] = {}
    for row in view.measured:
        for one in _whole(row):
            figure = found.setdefault(one["name"], Figure(one["name"], one["unit"], {}))
            figure.courses.setdefault(one["part"], []).append((row, float(one["value"])))
    known = list(_SHORT)
    return sorted(found.values(), key=lambda one: known.index(one.name) if one.name in known else len(known))


def named(views: Sequence[RunView], word: str) -> str:
    """The name of the figure that is called so, in full or in few words; of none, none.

    Raises UsageError where none of the runs has measured anything, UnknownName where none has measured that.
    """
    if not word:
        return ""
    known = {figure.name: figure.short for view in views for figure in figures(view)}
    if not known:
        runs = " and ".join(view.run.name for view in views)
        raise UsageError(
            f"{runs} measured nothing of {'itself' if len(views) == 1 else 'themselves'} so far; "
            "a run that does: memlab train demo --set train.measures=all"
        )
    found = next((name for name, short in known.items() if word in (name, short)), None)
    if found is None:
        meant = did_you_mean(word, [*known, *known.values()])
        there = [shlex.quote(short) for short in known.values()]
        typed = f"; there are: {', '.join(there)}; for example --figure {there[0]}"
        raise UnknownName(f"no figure '{word}' was measured{meant if meant.endswith('?') else typed}")
    return found


def _whole(row: Row) -> Iterator[dict[str, Any]]:
    """The figures of a row that are some. A log that was edited or damaged may hold others: they are passed over."""
    for one in row["figures"]:
        is_named = isinstance(one, dict) and all(isinstance(one.get(key), str) for key in ("name", "part", "unit"))
        if is_named and isinstance(one.get("value"), int | float) and one["part"] in _PARTS:
            yield one
