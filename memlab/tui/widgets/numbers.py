"""The numbers beside the curves, and in few lines below them where there is no room beside them."""

from typing import TYPE_CHECKING

from rich.text import Text

from memlab.lab import screen
from memlab.lab.numbers import groups
from memlab.lab.view import RunView
from memlab.render.safe import width as cells
from memlab.render.scale import percent
from memlab.tui.widgets.runrows import state_sign, wrapped

if TYPE_CHECKING:
    from memlab.tui.app import LabApp

_NAME_CELLS = 14
_PROBLEM_LINES = 6
_TITLED = 56  # cells inside the narrowest pane that has a border

Group = list[tuple[str, str]]


def beside(lab: "LabApp", view: RunView, cursor: Group, width: int, height: int) -> list[Text]:
    """State, progress, what is under the cursor, and the groups of figures, as many as there is height for."""
    lines = [*_standing(lab, view, width), *_bar(lab, view, width)]
    for group in [*([cursor] if cursor else []), *groups(view)]:
        title = [Text(), lab.text("at the cursor", "accent")] if group is cursor else [Text()]
        if len(lines) + len(title) + len(group) > height and group is not cursor:
            title = [] if len(lines) + len(group) <= height else title
        lines += [*title, *(_pair(lab, name, value) for name, value in group)]
    return lines[:height]


def below(lab: "LabApp", view: RunView, cursor: Group, width: int) -> list[Text]:
    """The same in three lines; with the name of the run where the pane above has no title."""
    name = f"{view.run.name} · " if width < _TITLED else ""
    lines = [lab.text(name + screen.status_line(view), limit=width), lab.text(screen.numbers_line(view, width), limit=width)]
    if cursor:
        lines.append(lab.text(" · ".join(f"{name} {value}" for name, value in cursor), "accent", limit=width))
    return lines


def _standing(lab: "LabApp", view: RunView, width: int) -> list[Text]:
    sign, role = state_sign(lab, view.status)
    work = screen.work_of(view)
    words = screen.work_words(work) if work else view.problem()
    return [lab.text(f"{sign} {view.status}", role), *(lab.text(line, role) for line in wrapped(words, width, _PROBLEM_LINES))]


def _bar(lab: "LabApp", view: RunView, width: int) -> list[Text]:
    """How much of the budget is done."""
    if not view.steps:
        return []
    share = min(view.step / view.steps, 1.0)
    room = max(width - 8, 1)
    done = round(share * room)
    full, rest = ("=", "-") if lab.ascii else ("━", "─")
    return [
        Text.assemble((full * done, lab.style("busy")), (rest * (room - done), lab.style("quiet")), f" {percent(share):>7}", no_wrap=True)
    ]


def _pair(lab: "LabApp", name: str, value: str) -> Text:
    return Text.assemble((_padded(lab.safe(name, _NAME_CELLS - 1)), lab.style("quiet")), lab.safe(value), no_wrap=True)


def _padded(words: str) -> str:
    return words + " " * (_NAME_CELLS - cells(words))
