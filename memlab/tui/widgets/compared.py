"""Runs side by side as tables: figures, what is under the cursor, and the settings in which they differ."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from memlab.lab import courses
from memlab.lab.compare import differences, facts_of
from memlab.lab.courses import Over, Wish
from memlab.render import look
from memlab.render.estimate import compared_words
from memlab.render.tables import side_by_side
from memlab.tui.widgets.curves import lines_of

if TYPE_CHECKING:
    from memlab.tui.app import LabApp


def lines(lab: "LabApp", runs: Sequence[Over], wish: Wish, width: int) -> list[Text]:
    """A line a figure, a column a run under its glyph; as many runs as there is room for."""
    names = [f"{look.overlay(one.number, lab.ascii).glyph} {one.name}" for one in runs]
    views = [one.view for one in runs]
    figures = {name: [compared_words(name, value) for value in values] for name, values in facts_of(views).items()}
    if wish.cursor is not None:
        figures = {f"validation at {courses.place(wish.axis, wish.cursor)}": courses.validation_at(runs, wish.axis, wish.cursor), **figures}
    differ = {name: ["" if value is None else str(value) for value in values] for name, values in differences(views).items()}
    found = _table(lab, names, figures, width)
    if differ:
        found += [Text(), lab.text("settings that differ", "accent"), *_table(lab, names, differ, width)]
    return found


def _table(lab: "LabApp", names: Sequence[str], rows: dict[str, list[str]], width: int) -> list[Text]:
    return lines_of(lab, side_by_side(names, rows, max(width, 1), color=lab.color, ascii=lab.ascii))
